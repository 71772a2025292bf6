"""Speaker verification: equal error rates of scored trials, and their intervals.

Conventions
-----------
A trial has a score (higher: more likely the same speaker) and a label (True: target,
the same speaker). A threshold accepts the scores above it. FNR is the share of
targets that are rejected, FPR the share of non-targets that are accepted. Trials of
one score are accepted or rejected together. Rates are in percent.

Two equal error rates are computed. :func:`eer` joins the operating points of the
data by straight lines and takes the point where FPR = FNR. :func:`eer_espnet` is the
number that ESPnet prints: the larger of the two rates at the operating point where
they are nearest, which for small sets lies up to several points higher.

Edge cases: perfect separation is 0 %, perfectly reversed scores 100 %, a single
score for all trials 50 %; trials of one kind only are refused.

The interval is a bootstrap over speakers. A trial is a pair, so trials that share a
speaker are not independent, and drawing trials would give an interval that is too
narrow. Speakers are drawn with replacement; a speaker drawn m times stands for m
distinct speakers with the same recordings. A target trial then exists once for each
of the m copies (weight m), and a non-target trial once for each pair of copies of
its two speakers (weight m_1 m_2). Pairs of two copies of *one* speaker would be
recordings of one voice under two names; they are left out. This is the bootstrap of
the vertices of a graph [1]_; that weights by products are valid for the means of
pairwise data is shown in [2]_, and [3]_ compares them for matching tasks.

References
----------
.. [1] T. Snijders and S. Borgatti, "Non-parametric standard errors and tests for
   network statistics", Connections 22(2), 1999.
.. [2] L. Davezies, X. D'Haultfoeuille, Y. Guyonvarch, "Empirical process results for
   exchangeable arrays", Annals of Statistics 49(2), 2021.
.. [3] R. Fogliato, P. Patil, P. Perona, "Confidence intervals for error rates in 1:1
   matching tasks", arXiv:2306.01198.
"""

from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import (
    NUM_DRAWS,
    Interval,
    draw_multiplicities,
    interval_of_draws,
    too_few,
)


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


def _order(scores: NDArray[np.float64]) -> Tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ascending order and, in it, the last index of each distinct score."""
    order = np.argsort(scores, kind="stable")
    ascending = scores[order]
    last = np.flatnonzero(np.append(np.diff(ascending) > 0, True))
    return order, last


def _crossing(rejected: NDArray[np.int64], accepted: NDArray[np.int64]) -> float:
    """Return the rate where the interpolated FNR and FPR meet, as a fraction.

    Args:
        rejected: ``(distinct scores,)``, weight of the targets at or below each
            score, ascending; the last is the total.
        accepted: The same of the non-targets.

    The difference FPR - FNR is kept in integers (times both totals), so that exact
    crossings are found exactly. It falls from positive to negative; a point
    that a bootstrap sample gave no weight repeats its predecessor.
    """
    num_target, num_nontarget = int(rejected[-1]), int(accepted[-1])
    difference = num_target * (num_nontarget - accepted) - num_nontarget * rejected
    after = int(np.argmax(difference <= 0))
    before_difference = num_target * num_nontarget
    before_rejected = 0
    if after > 0:
        before_difference = int(difference[after - 1])
        before_rejected = int(rejected[after - 1])
    share = before_difference / (before_difference - int(difference[after]))
    step = int(rejected[after]) - before_rejected
    return (before_rejected + share * step) / num_target


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
    order, last = _order(scores)
    rejected = np.cumsum(targets[order], dtype=np.int64)[last]
    accepted = np.cumsum(~targets[order], dtype=np.int64)[last]
    return 100.0 * _crossing(rejected, accepted)


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
    order, last = _order(-scores)
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


def eer_interval(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    enrolment_speakers: NDArray[np.int64],
    test_speakers: NDArray[np.int64],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Bootstrap the interpolated equal error rate over speakers.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        enrolment_speakers: ``(trials,)``, the enrolment's speaker, 0, 1, 2, …
        test_speakers: ``(trials,)``, the test's speaker; for target trials the same.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The 95 % interval in percent. A sample in which one kind of trial got no
        weight counts as undefined.

    Raises:
        ProbeError: See :func:`validate`; also if a label contradicts the speakers.
    """
    validate(scores, targets)
    if not np.array_equal(enrolment_speakers == test_speakers, targets):
        raise ProbeError("labels contradict the speakers: target means the same one")
    names, speakers = np.unique(
        np.stack([enrolment_speakers, test_speakers]), return_inverse=True
    )
    missing: Optional[Interval] = too_few(names.size, "speakers")
    if missing is not None:
        return missing
    order, last = _order(scores)
    target = targets[order]
    first = speakers.reshape(2, -1)[0, order]
    # One extra "speaker" of multiplicity 1 is the second of every target trial,
    # which makes its weight m instead of m * m.
    second = np.where(target, names.size, speakers.reshape(2, -1)[1, order])
    draws = np.full(num_draws, np.nan)
    rng = np.random.default_rng(seed)
    for index in range(num_draws):
        times = draw_multiplicities(names.size, 1, rng)[0]
        weights = times[first] * np.append(times, 1)[second]
        rejected = np.cumsum(np.where(target, weights, 0))[last]
        accepted = np.cumsum(np.where(target, 0, weights))[last]
        if rejected[-1] > 0 and accepted[-1] > 0:
            draws[index] = 100.0 * _crossing(rejected, accepted)
    return interval_of_draws(draws)
