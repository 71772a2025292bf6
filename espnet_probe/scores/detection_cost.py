"""Speaker verification: the minimum of the detection cost, and d-prime.

Conventions
-----------
Scores, labels, FNR and FPR are those of ``verification``.

The detection cost at a threshold is ``C(t) = p FNR(t) + (1 - p) FPR(t)``: both errors
cost 1, and ``p`` is the assumed share of target trials. It is divided by the smaller
of the costs of accepting all and of rejecting all, ``min(p, 1 - p)``, and minimised
over the thresholds [1]_. So it lies between 0 and 1; 1 means that the scores are
worth no more than a fixed answer. ESPnet's recipes print it for p = 0.05, those of
VoxCeleb's challenges also for 0.01.

:func:`min_dcf` moves trials of one score together, so the order of the trials plays no
part. :func:`min_dcf_espnet` moves them one by one in the order in which they are
given, as ESPnet's ``ComputeErrorRates`` does. Without equal scores the two are the
same number.

d-prime is the distance of the two kinds' means in units of their spread,
``(mean_t - mean_n) / sqrt((var_t + var_n) / 2)``: for unequal variances the index
``d_a`` of detection theory [2]_, known as decidability for scores of pairs [3]_. The
variances are of the trials at hand (divided by their number). It uses every score,
not those near one threshold only, and so moves smoothly where an equal error rate
of few trials jumps.

References
----------
.. [1] NIST 2016 Speaker Recognition Evaluation Plan, equations 2-4.
.. [2] A. Simpson and M. Fitter, "What is the best index of detectability?",
   Psychological Bulletin 80(6), 1973.
.. [3] J. Daugman, "How iris recognition works", IEEE Transactions on Circuits and
   Systems for Video Technology 14(1), 2004.
"""

import math
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from espnet_probe.scores.verification import ascending_order, validate


def _least_cost(
    rejected: NDArray[np.int64], passed: NDArray[np.int64], p_target: float
) -> float:
    """Return the least normalised cost of operating points.

    Args:
        rejected: ``(points,)``, targets that are rejected; the last is their number.
        passed: ``(points,)``, non-targets that are rejected; the last likewise.
        p_target: Share of target trials, between 0 and 1.
    """
    if not 0 < p_target < 1:
        raise ValueError(f"p_target must lie between 0 and 1, got {p_target}")
    fnr = rejected / float(rejected[-1])
    fpr = 1 - passed / float(passed[-1])
    cost = fnr * p_target + fpr * (1 - p_target)
    # Accepting all trials is no point of the data: it costs 1 - p_target.
    least = min(float(cost.min()), 1 - p_target)
    return least / min(p_target, 1 - p_target)


def min_dcf(
    scores: NDArray[np.float64], targets: NDArray[np.bool_], p_target: float
) -> float:
    """Compute the minimum of the normalised detection cost, both errors costing 1.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        p_target: Assumed share of target trials, between 0 and 1.

    Returns:
        Between 0 and 1.

    Raises:
        ProbeError: See :func:`espnet_probe.scores.verification.validate`.
    """
    validate(scores, targets)
    order, last = ascending_order(scores)
    rejected = np.cumsum(targets[order], dtype=np.int64)[last]
    return _least_cost(rejected, 1 + last - rejected, p_target)


def min_dcf_espnet(
    scores: NDArray[np.float64], targets: NDArray[np.bool_], p_target: float
) -> float:
    """Compute the minimum of the detection cost as ``espnet2/utils/eer.py`` does.

    Trials of one score are rejected one after the other, in the given order.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        p_target: Assumed share of target trials, between 0 and 1.

    Returns:
        Between 0 and 1.

    Raises:
        ProbeError: See :func:`espnet_probe.scores.verification.validate`.
    """
    validate(scores, targets)
    order, _ = ascending_order(scores)
    rejected = np.cumsum(targets[order], dtype=np.int64)
    places = np.arange(1, rejected.size + 1)
    return _least_cost(rejected, places - rejected, p_target)


def d_prime(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> Optional[float]:
    """Compute how far apart the scores of targets and non-targets lie.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.

    Returns:
        In units of the kinds' root mean square standard deviation; negative where
        targets score lower. None where neither kind varies, so that there is no unit.

    Raises:
        ProbeError: See :func:`espnet_probe.scores.verification.validate`.
    """
    validate(scores, targets)
    same, other = scores[targets], scores[~targets]
    # By the range: the variance of equal numbers can be a rounding error above 0.
    if float(np.ptp(same)) == 0 and float(np.ptp(other)) == 0:
        return None
    spread = math.sqrt((float(same.var()) + float(other.var())) / 2)
    return float(same.mean() - other.mean()) / spread
