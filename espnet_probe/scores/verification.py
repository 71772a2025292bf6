"""Speaker verification: the cosine of trials, and equal error rates.

Conventions
-----------
A trial has a score (higher: more likely the same speaker) and a label (True: target,
the same speaker). A threshold accepts the scores above it. FNR is the share of
targets that are rejected, FPR the share of non-targets that are accepted. Trials of
one score are accepted or rejected together. Rates are in percent.

Two equal error rates are computed. :func:`eer` joins the operating points of the
data by straight lines and takes the point where FPR = FNR, exactly: the counts are
integers until the one division at the end. :func:`eer_espnet` is the number that
ESPnet prints: the larger of the two rates at the operating point where they are
nearest, which for small sets lies up to several points higher.

Edge cases: perfect separation is 0 %, perfectly reversed scores 100 %, a single
score for all trials 50 %; trials of one kind only, and so one trial or the trials of
one speaker, are refused with their counts.

Detection costs and d-prime are in ``detection_cost``, intervals in
``speaker_draws``.
"""

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError


def validate(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> None:
    """Check that an equal error rate exists.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.

    Raises:
        ProbeError: If lengths differ, a score is not finite, or one kind of trial
            is missing.
    """
    if scores.ndim != 1 or scores.shape != targets.shape:
        raise ProbeError(
            f"got scores of shape {scores.shape} and labels of shape "
            f"{targets.shape}: expected one label per score"
        )
    if targets.dtype != np.bool_:
        raise ProbeError(f"labels must be boolean, got {targets.dtype}")
    if not np.all(np.isfinite(scores)):
        raise ProbeError(
            f"{int(np.sum(~np.isfinite(scores)))} of {scores.size} scores are not "
            "finite: leave these trials out and count them"
        )
    num_target = int(targets.sum())
    if num_target == 0 or num_target == targets.size:
        raise ProbeError(
            f"got {num_target} target and {targets.size - num_target} non-target "
            "trials: an equal error rate needs both kinds"
        )


def cosine_scores(
    enrolment: NDArray[np.float64], test: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Score trials by the cosine of their two embeddings.

    Args:
        enrolment: ``(trials, dim)``; rows need not have unit length.
        test: ``(trials, dim)``.

    Returns:
        ``(trials,)``, between -1 and 1.
    """
    norms = np.linalg.norm(enrolment, axis=1) * np.linalg.norm(test, axis=1)
    cosine: NDArray[np.float64] = np.sum(enrolment * test, axis=1) / norms
    return np.clip(cosine, -1.0, 1.0)


def ascending_order(
    scores: NDArray[np.float64],
) -> Tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort trials by score.

    Args:
        scores: ``(trials,)``, finite.

    Returns:
        The order ``(trials,)`` from the lowest score up, and in it the last place of
        each distinct score, ``(distinct scores,)``.
    """
    order = np.argsort(scores, kind="stable")
    ascending = scores[order]
    last = np.flatnonzero(np.append(np.diff(ascending) > 0, True))
    return order, last


def eer(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float:
    """Compute the equal error rate, interpolated at the crossing of FPR and FNR.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.

    Returns:
        Percent, 0 to 100.

    Raises:
        ProbeError: See :func:`validate`.
    """
    validate(scores, targets)
    order, last = ascending_order(scores)
    rejected = np.cumsum(targets[order], dtype=np.int64)[last]
    accepted = int((~targets).sum()) - (1 + last - rejected)
    num_target, num_nontarget = int(rejected[-1]), int((~targets).sum())
    # FPR - FNR times both totals: from the product of these down to its negative.
    difference = num_target * accepted - num_nontarget * rejected
    after = int(np.argmax(difference <= 0))
    higher, below = num_target * num_nontarget, 0
    if after > 0:
        higher, below = int(difference[after - 1]), int(rejected[after - 1])
    lower, step = int(difference[after]), int(rejected[after]) - below
    # below + step * higher / (higher - lower), out of num_target: Python divides
    # integers of any size to the nearest float.
    numerator = 100 * (below * (higher - lower) + step * higher)
    return numerator / (num_target * (higher - lower))


def eer_espnet(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float:
    """Compute the equal error rate by the definition of ESPnet's ``utils/eer.py``.

    ESPnet takes the operating points of ``sklearn.metrics.roc_curve``, which drops
    points on a straight line between their neighbours, then the first point (from
    the highest threshold down) where FPR and FNR are nearest, and there the larger.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.

    Returns:
        Percent, 0 to 100.

    Raises:
        ProbeError: See :func:`validate`.
    """
    validate(scores, targets)
    order, last = ascending_order(-scores)
    hits = np.cumsum(targets[order], dtype=np.float64)[last]
    false_alarms = 1.0 + last - hits
    if hits.size > 2:
        bend = (np.diff(false_alarms, 2) != 0) | (np.diff(hits, 2) != 0)
        kept = np.concatenate(([True], bend, [True]))
        hits, false_alarms = hits[kept], false_alarms[kept]
    fnr = 1.0 - np.append(0.0, hits) / hits[-1]
    fpr = np.append(0.0, false_alarms) / false_alarms[-1]
    nearest = int(np.argmin(np.abs(fnr - fpr)))
    return 100.0 * float(max(fpr[nearest], fnr[nearest]))
