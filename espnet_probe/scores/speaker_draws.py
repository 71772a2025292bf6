"""Equal error rates of many sets of trials under the same draws of speakers.

The interval of one equal error rate comes from drawing speakers with replacement (see
``verification``). For the *difference* of two rates, measured on the same speakers, the
same speakers must be drawn for both: what makes a speaker hard is in both and cancels.
So the draws themselves are returned, and row ``i`` of one set belongs to row ``i`` of
every other set with the same speakers, number of draws and seed.
"""

from typing import Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import NUM_DRAWS, draw_multiplicities
from espnet_probe.scores.verification import _crossing, _order, validate


def eer_draws(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    speakers: Sequence[Tuple[str, str]],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Tuple[NDArray[np.float64], Tuple[str, ...]]:
    """Compute the interpolated equal error rate in each draw of speakers.

    A speaker drawn m times counts as m speakers with the same recordings, as in
    :func:`espnet_probe.scores.verification.eer_interval`, whose draws these are.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        speakers: ``(trials,)``: the speakers of the enrolment and of the test.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        ``(num_draws,)`` in percent, NaN where one kind of trial got no weight; and
        the speakers, sorted: draws of equal speakers may be subtracted.

    Raises:
        ProbeError: If no equal error rate exists, or a label contradicts the speakers.
    """
    validate(scores, targets)
    names = sorted({name for pair in speakers for name in pair})
    place = {name: index for index, name in enumerate(names)}
    first = np.array([place[one] for one, _ in speakers], dtype=np.int64)
    second = np.array([place[other] for _, other in speakers], dtype=np.int64)
    if first.shape != targets.shape or not np.array_equal(first == second, targets):
        raise ProbeError("labels contradict the speakers: target means the same one")
    order, last = _order(scores)
    target, first, second = targets[order], first[order], second[order]
    # One more "speaker" of multiplicity 1 is the second of every target trial, which
    # makes its weight m instead of m * m.
    second = np.where(target, len(names), second)
    drawn = draw_multiplicities(len(names), num_draws, np.random.default_rng(seed))
    draws = np.full(num_draws, np.nan)
    for index, times in enumerate(drawn):
        weights = times[first] * np.append(times, 1)[second]
        rejected = np.cumsum(np.where(target, weights, 0))[last]
        accepted = np.cumsum(np.where(target, 0, weights))[last]
        if rejected[-1] > 0 and accepted[-1] > 0:
            draws[index] = 100.0 * _crossing(rejected, accepted)
    return draws, tuple(names)
