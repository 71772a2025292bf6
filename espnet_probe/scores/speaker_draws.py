"""Equal error rates under draws of speakers: their intervals, and pairs of rates.

Conventions
-----------
The interval is a bootstrap over speakers. A trial is a pair, so trials that share a
speaker are not independent, and drawing trials would give an interval that is too
narrow. Speakers are drawn with replacement; a speaker drawn m times stands for m
distinct speakers with the same recordings. A target trial then exists once for each
of the m copies (weight m), and a non-target trial once for each pair of copies of
its two speakers (weight m_1 m_2). Pairs of two copies of *one* speaker would be
recordings of one voice under two names; they are left out. This is the bootstrap of
the vertices of a graph [1]_; that weights by products are valid for the means of
pairwise data is shown in [2]_, and [3]_ compares them for matching tasks.

For the *difference* of two rates, measured on the same speakers, the same speakers
must be drawn for both: what makes a speaker hard is in both and cancels. So the draws
themselves are returned, and row ``i`` of one set belongs to row ``i`` of every other
set with the same speakers, number of draws and seed.

A draw only needs the weights up to the crossing. The sorted trials are cut into
segments; the weights of a segment are sums over pairs of speakers, a sparse matrix
product for all draws at once, and only the segment in which a draw's rates cross is
looked at trial by trial. So the draws of a million trials take seconds.

References
----------
.. [1] T. Snijders and S. Borgatti, "Non-parametric standard errors and tests for
   network statistics", Connections 22(2), 1999.
.. [2] L. Davezies, X. D'Haultfoeuille, Y. Guyonvarch, "Empirical process results for
   exchangeable arrays", Annals of Statistics 49(2), 2021.
.. [3] R. Fogliato, P. Patil, P. Perona, "Confidence intervals for error rates in 1:1
   matching tasks", arXiv:2306.01198.
"""

from typing import Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import (
    NUM_DRAWS,
    Interval,
    draw_multiplicities,
    interval_of_draws,
    too_few,
)
from espnet_probe.scores.verification import ascending_order, validate

#: Trials in a segment, about, and at most how many segments there are.
SEGMENT = 4096
MAX_SEGMENTS = 128
#: Numbers in a temporary array, about: 64 MB.
ROOM = 8_000_000


class _Segments:
    """Sorted trials in segments; no score lies in two of them.

    Attributes:
        starts: ``(segments + 1,)``, the first trial of each, and the number of trials.
        targets: ``(segments, speakers)``, target trials of each speaker.
        nontargets: ``(segments * speakers, speakers)``, non-target trials of each pair.
    """

    def __init__(
        self,
        scores: NDArray[np.float64],
        targets: NDArray[np.bool_],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        num_speakers: int,
    ) -> None:
        """Sort the trials and count them by speaker and by pair of speakers."""
        order, last = ascending_order(scores)
        self._ends = np.zeros(scores.size, dtype=np.bool_)
        self._ends[last] = True
        self._targets = targets[order]
        self._first, self._second = first[order], second[order]
        self._num_speakers = num_speakers
        count = min(max(1, scores.size // SEGMENT), MAX_SEGMENTS)
        wanted = np.linspace(0, last.size, count + 1).astype(np.int64)[1:]
        self.starts = np.unique(np.append(0, last[np.maximum(wanted, 1) - 1] + 1))
        segment = np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))
        size = (self.starts.size - 1) * num_speakers
        same = segment[self._targets] * num_speakers + self._first[self._targets]
        self.targets = np.bincount(same, minlength=size).reshape(-1, num_speakers)
        rows = segment[~self._targets] * num_speakers + self._first[~self._targets]
        columns = self._second[~self._targets]
        self.nontargets: csr_matrix = coo_matrix(
            (np.ones(rows.size), (rows, columns)), shape=(size, num_speakers)
        ).tocsr()

    def weights(self, times: NDArray[np.int64]) -> Tuple[NDArray[np.int64], ...]:
        """Return the weight of both kinds in each segment.

        Args:
            times: ``(draws, speakers)``, how often each was drawn.

        Returns:
            Of the targets and of the non-targets, ``(draws, segments)``.
        """
        draws = times.T.astype(np.float64)
        paired = self.nontargets @ draws
        shape = (self.starts.size - 1, self._num_speakers, -1)
        nontargets = np.einsum("ksd,sd->dk", paired.reshape(shape), draws)
        return times @ self.targets.T, np.rint(nontargets).astype(np.int64)

    def inside(
        self, segment: int, times: NDArray[np.int64]
    ) -> Tuple[NDArray[np.int64], ...]:
        """Return the weight of both kinds at or below each score of a segment.

        Args:
            segment: Which one.
            times: ``(draws, speakers)``, how often each was drawn.

        Returns:
            Of the targets and of the non-targets, ``(draws, scores)``.
        """
        cut = slice(self.starts[segment], self.starts[segment + 1])
        target, ends = self._targets[cut], self._ends[cut]
        weights = times[:, self._first[cut]]
        # One target trial exists once per copy, not once per pair of copies.
        weights[:, ~target] *= times[:, self._second[cut][~target]]
        both = np.cumsum(weights, axis=1)[:, ends]
        rejected = np.cumsum(np.where(target, weights, 0), axis=1)[:, ends]
        return rejected, both - rejected


def _crossings(segments: _Segments, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the interpolated rate of each draw in percent; NaN if it has none."""
    targets, nontargets = segments.weights(times)
    all_targets = targets.sum(axis=1, keepdims=True)
    all_nontargets = nontargets.sum(axis=1, keepdims=True)
    rejected, passed = np.cumsum(targets, axis=1), np.cumsum(nontargets, axis=1)
    # FPR - FNR times both totals, in integers: exact crossings are found exactly.
    difference = all_targets * (all_nontargets - passed) - all_nontargets * rejected
    chosen = np.argmax(difference <= 0, axis=1)
    rates = np.full(len(times), np.nan)
    defined = (all_targets[:, 0] > 0) & (all_nontargets[:, 0] > 0)
    for segment in np.unique(chosen[defined]):
        rows = np.flatnonzero(defined & (chosen == segment))
        inside = int(np.diff(segments.starts)[segment])
        for block in np.array_split(rows, 1 + rows.size * inside // ROOM):
            below = rejected[block, segment] - targets[block, segment]
            under = passed[block, segment] - nontargets[block, segment]
            rates[block] = _interpolate(
                segments.inside(int(segment), times[block]),
                (below, under),
                (all_targets[block, 0], all_nontargets[block, 0]),
            )
    return 100.0 * rates


def _interpolate(
    inside: Tuple[NDArray[np.int64], ...],
    before: Tuple[NDArray[np.int64], NDArray[np.int64]],
    totals: Tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return where FNR and FPR meet, as a fraction; see ``verification.eer``.

    Args:
        inside: Weights at or below each score of a segment, ``(draws, scores)``.
        before: Weights below the segment, ``(draws,)``.
        totals: Of all trials, ``(draws,)``, positive.

    A score that a draw gave no weight repeats the point before it.
    """
    rejected = np.concatenate(
        [before[0][:, None], before[0][:, None] + inside[0]], axis=1
    )
    passed = np.concatenate(
        [before[1][:, None], before[1][:, None] + inside[1]], axis=1
    )
    difference = totals[0][:, None] * (totals[1][:, None] - passed)
    difference -= totals[1][:, None] * rejected
    rows = np.arange(len(rejected))
    # The first point has a positive difference: an earlier segment would have ended
    # at or after the crossing otherwise.
    after = np.argmax(difference <= 0, axis=1)
    higher, lower = difference[rows, after - 1], difference[rows, after]
    below, above = rejected[rows, after - 1], rejected[rows, after]
    share = higher / (higher - lower)
    rates: NDArray[np.float64] = (below + share * (above - below)) / totals[0]
    return rates


def numbered_draws(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    num_speakers: int,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Compute the interpolated equal error rate in each draw of numbered speakers.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        first: ``(trials,)``, the enrolment's speaker, 0 to ``num_speakers - 1``.
        second: ``(trials,)``, the test's speaker; for target trials the same.
        num_speakers: Number of speakers, all of which occur.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        ``(num_draws,)`` in percent, NaN where one kind of trial got no weight.

    Raises:
        ProbeError: If no equal error rate exists, or a label contradicts the speakers.
    """
    validate(scores, targets)
    if first.shape != targets.shape or not np.array_equal(first == second, targets):
        raise ProbeError("labels contradict the speakers: target means the same one")
    segments = _Segments(scores, targets, first, second, num_speakers)
    drawn = draw_multiplicities(num_speakers, num_draws, np.random.default_rng(seed))
    room = max(segments.nontargets.shape[0], 1)
    blocks = np.array_split(drawn, 1 + num_draws * room // ROOM)
    return np.concatenate([_crossings(segments, block) for block in blocks])


def eer_draws(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    speakers: Sequence[Tuple[str, str]],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Tuple[NDArray[np.float64], Tuple[str, ...]]:
    """Compute the interpolated equal error rate in each draw of named speakers.

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
    names = sorted({name for pair in speakers for name in pair})
    place = {name: index for index, name in enumerate(names)}
    first = np.array([place[one] for one, _ in speakers], dtype=np.int64)
    second = np.array([place[other] for _, other in speakers], dtype=np.int64)
    draws = numbered_draws(scores, targets, first, second, len(names), num_draws, seed)
    return draws, tuple(names)


def eer_interval(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    enrolment_speakers: NDArray[np.int64],
    test_speakers: NDArray[np.int64],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Compute the percentile interval of the interpolated equal error rate.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``, True for target trials.
        enrolment_speakers: ``(trials,)``, the enrolment's speaker, any numbers.
        test_speakers: ``(trials,)``, the test's speaker; for target trials the same.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The 95 % interval in percent. A sample in which one kind of trial got no
        weight counts as undefined.

    Raises:
        ProbeError: If no equal error rate exists, or a label contradicts the speakers.
    """
    names, numbers = np.unique(
        np.stack([enrolment_speakers, test_speakers]), return_inverse=True
    )
    first, second = numbers.reshape(2, -1).astype(np.int64)
    missing = too_few(names.size, "speakers")
    if missing is not None:
        validate(scores, targets)
        return missing
    return interval_of_draws(
        numbered_draws(scores, targets, first, second, names.size, num_draws, seed)
    )
