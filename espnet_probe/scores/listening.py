"""A listening test of triplets: error rates and ratings, over listeners and triplets.

Conventions
-----------
A triplet is A, B and X: A and B are two speakers, X is one of them. An answer names A
or B, or rates how alike X is to each. It is wrong if it names the other speaker, or
rates the other speaker higher; equal ratings count half. An error rate is pooled from
counts, in percent; guessing gives 50 %.

Answers of one listener are not independent, nor are answers to one triplet. Their
interval is a percentile bootstrap in which listeners and triplets are drawn
separately, each with replacement, an answer counting as often as its listener was drawn
times as often as its triplet was (the pigeonhole bootstrap [1]_). No bootstrap of such
data is exact [2]_; this one errs on the wide side, most where neither listeners nor
triplets differ. It says nothing where hardly any answer is wrong, so it is never taken
to be narrower than the exact interval of as many independent answers [3]_.

With fewer than ``MIN_GROUPS`` listeners nothing can be said of other listeners: then
triplets alone are drawn, and the interval is about these listeners, on other triplets.
One listener is a case of this.

References
----------
.. [1] A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007.
.. [2] P. McCullagh, "Resampling and exchangeable arrays", Bernoulli 6(2), 2000.
.. [3] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits
   illustrated in the case of the binomial", Biometrika 26(4), 1934.
"""

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.special import betaincinv

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import (
    LEVEL,
    MIN_GROUPS,
    NUM_DRAWS,
    Interval,
    draw_multiplicities,
    interval_of_draws,
    too_few,
)

BOTH = "listeners and triplets"
TRIPLETS = "triplets"
TAIL = (1 - LEVEL) / 2
#: Cells of the largest array of a bootstrap.
ROOM = 4_000_000


@dataclass(frozen=True)
class HumanMean:
    """A mean over answers, with what its interval is about.

    Attributes:
        value: The mean.
        interval: Its 95 % interval.
        over: What was drawn: ``listeners and triplets``, ``triplets`` alone, or
            nothing.
        num_answers: How many answers.
        num_listeners: Of how many listeners.
        num_triplets: To how many triplets.
    """

    value: float
    interval: Interval
    over: str
    num_answers: int
    num_listeners: int
    num_triplets: int


@dataclass(frozen=True)
class ErrorRate(HumanMean):
    """An error rate in percent.

    Attributes:
        num_wrong: How many answers are wrong, without ties.
        num_ties: How many count half.
    """

    num_wrong: int
    num_ties: int


def errors_of_ratings(
    same: NDArray[np.float64], different: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return which answers or scores are wrong: 1, 0, or 0.5 for a tie.

    Args:
        same: ``(answers,)``, how alike X and the same speaker are.
        different: ``(answers,)``, how alike X and the other speaker are.
    """
    wrong: NDArray[np.float64] = np.where(
        same == different, 0.5, np.where(same < different, 1.0, 0.0)
    )
    return wrong


def exact_interval(wrong: float, count: int) -> Tuple[float, float]:
    """Return Clopper's and Pearson's interval of a share.

    Args:
        wrong: How many, with halves.
        count: Out of how many.

    Returns:
        Two fractions.
    """
    low = 0.0 if wrong <= 0 else float(betaincinv(wrong, count - wrong + 1, TAIL))
    high = 1.0
    if wrong < count:
        high = float(betaincinv(wrong + 1, count - wrong, 1 - TAIL))
    return low, high


def two_way_draws(
    values: NDArray[np.float64],
    listeners: NDArray[np.int64],
    triplets: NDArray[np.int64],
    draw_listeners: bool = True,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Compute the mean of answers in each draw of listeners and triplets.

    Args:
        values: ``(answers,)``.
        listeners: ``(answers,)``, numbers from 0.
        triplets: ``(answers,)``, numbers from 0.
        draw_listeners: Whether listeners are drawn, or triplets alone.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        ``(num_draws,)``, NaN where no answer was drawn.
    """
    rng = np.random.default_rng(seed)
    num_listeners = int(listeners.max()) + 1
    people = np.ones((num_draws, num_listeners), dtype=np.int64)
    if draw_listeners:
        people = draw_multiplicities(num_listeners, num_draws, rng)
    return _means(values, listeners, triplets, people, rng)


def _means(
    values: NDArray[np.float64],
    listeners: NDArray[np.int64],
    triplets: NDArray[np.int64],
    people: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw triplets and return the mean in each draw, ``(draws,)``.

    Args:
        values: ``(answers,)``.
        listeners: ``(answers,)``, columns of ``people``.
        triplets: ``(answers,)``, numbers from 0.
        people: ``(draws, listeners)``, how often each listener was drawn.
        rng: Source of randomness.
    """
    shape = people.shape[1], int(triplets.max()) + 1
    items = draw_multiplicities(shape[1], len(people), rng)
    sums, counts = (
        coo_matrix((one, (listeners, triplets)), shape=shape).tocsr()
        for one in (values, np.ones(values.size))
    )
    draws = np.empty(len(people))
    block = max(1, ROOM // shape[1])
    for start in range(0, len(people), block):
        cut = slice(start, start + block)
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.sum((people[cut] @ sums) * items[cut], axis=1)
            draws[cut] = above / np.sum((people[cut] @ counts) * items[cut], axis=1)
    return draws


def _numbered(names: Sequence[str]) -> Tuple[NDArray[np.int64], int]:
    found, numbers = np.unique(np.asarray(names, dtype=object), return_inverse=True)
    return numbers.astype(np.int64), int(found.size)


def _check(values: NDArray[np.float64], *names: Sequence[str]) -> None:
    if values.ndim != 1 or values.size == 0:
        raise ProbeError(f"got answers of shape {values.shape}: expected at least one")
    if any(len(one) != values.size for one in names):
        raise ProbeError(
            f"got {values.size} answers, but {', '.join(str(len(n)) for n in names)} "
            "listeners and triplets: expected one of each per answer"
        )
    if not np.all(np.isfinite(values)):
        raise ProbeError("answers must be finite numbers")


def human_mean(
    values: NDArray[np.float64],
    listeners: Sequence[str],
    triplets: Sequence[str],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> HumanMean:
    """Average what listeners said of triplets, such as ratings.

    Args:
        values: ``(answers,)``, finite.
        listeners: Who answered.
        triplets: What was answered.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Raises:
        ProbeError: If there is no answer, or the lengths differ.
    """
    _check(values, listeners, triplets)
    people, num_people = _numbered(listeners)
    items, num_items = _numbered(triplets)
    over = BOTH if num_people >= MIN_GROUPS else TRIPLETS
    interval = too_few(num_items, "triplets")
    if interval is None:
        interval = interval_of_draws(
            two_way_draws(values, people, items, over == BOTH, num_draws, seed)
        )
    if interval.low is None:
        over = ""
    mean = float(values.mean())
    return HumanMean(mean, interval, over, values.size, num_people, num_items)


def error_rate(
    wrong: NDArray[np.float64],
    listeners: Sequence[str],
    triplets: Sequence[str],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> ErrorRate:
    """Compute an error rate with its interval.

    Args:
        wrong: ``(answers,)``: 1, 0, or 0.5 for a tie.
        listeners: Who answered.
        triplets: What was answered.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The rate in percent.

    Raises:
        ProbeError: If there is no answer, the lengths differ, or there is another
            number among ``wrong``.
    """
    if not np.all(np.isin(wrong, (0.0, 0.5, 1.0))):
        raise ProbeError("an answer is right (0), wrong (1) or a tie (0.5)")
    found = human_mean(wrong, listeners, triplets, num_draws, seed)
    interval = found.interval
    if interval.low is not None and interval.high is not None:
        low, high = exact_interval(float(wrong.sum()), wrong.size)
        interval = Interval(
            100.0 * min(low, interval.low), 100.0 * max(high, interval.high)
        )
    return ErrorRate(
        100.0 * found.value,
        interval,
        found.over,
        found.num_answers,
        found.num_listeners,
        found.num_triplets,
        int(np.sum(wrong == 1.0)),
        int(np.sum(wrong == 0.5)),
    )


class Answered(NamedTuple):
    """The answers to the triplets of one layer, all fields ``(answers,)``.

    Attributes:
        wrong: 1, 0, or 0.5 for a tie.
        listeners: Who answered.
        triplets: What was answered.
    """

    wrong: NDArray[np.float64]
    listeners: Sequence[str]
    triplets: Sequence[str]


def rate_difference(
    first: Answered, second: Answered, num_draws: int = NUM_DRAWS, seed: int = 0
) -> HumanMean:
    """Compute how much higher the error rate of a second layer is.

    Listeners are drawn once for both, for who hears well does so on all layers; the
    triplets of each are drawn by themselves.

    Args:
        first: The answers of one layer.
        second: Those of another one.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The difference in points; the counts are of both together.

    Raises:
        ProbeError: If one has no answers, or lengths differ.
    """
    _check(*first)
    _check(*second)
    value = 100.0 * float(second.wrong.mean() - first.wrong.mean())
    people, num_people = _numbered([*first.listeners, *second.listeners])
    numbered = [_numbered(one.triplets) for one in (first, second)]
    fewest = min(number for _, number in numbered)
    interval = too_few(fewest, "triplets of a layer")
    over = BOTH if num_people >= MIN_GROUPS else TRIPLETS
    if interval is None:
        rng = np.random.default_rng(seed)
        times = np.ones((num_draws, num_people), dtype=np.int64)
        if over == BOTH:
            times = draw_multiplicities(num_people, num_draws, rng)
        size = first.wrong.size
        one = _means(first.wrong, people[:size], numbered[0][0], times, rng)
        other = _means(second.wrong, people[size:], numbered[1][0], times, rng)
        draws = 100.0 * (other - one)
        interval = interval_of_draws(draws)
        if interval.low is not None and np.nanmin(draws) == np.nanmax(draws):
            interval = Interval(reason="too little data: the same in every draw")
    if interval.low is None:
        over = ""
    total = first.wrong.size + second.wrong.size
    triplets = sum(number for _, number in numbered)
    return HumanMean(value, interval, over, total, num_people, triplets)


def errors_by_margin(
    same: NDArray[np.float64], different: NDArray[np.float64]
) -> List[Dict[str, float]]:
    """Count answers and errors by how far apart the two ratings of an answer are.

    Args:
        same: ``(answers,)``, the rating of the same speaker.
        different: ``(answers,)``, that of the other.

    Returns:
        For each distance that occurs, nearest first: ``margin``, ``answers``,
        ``wrong`` (ties half) and ``error_percent``.
    """
    margins = np.abs(same - different)
    wrong = errors_of_ratings(same, different)
    found = []
    for margin in np.unique(margins):
        own = wrong[margins == margin]
        found.append(
            {
                "margin": float(margin),
                "answers": int(own.size),
                "wrong": float(own.sum()),
                "error_percent": 100.0 * float(own.mean()),
            }
        )
    return found


def machine_error(
    same: NDArray[np.float64],
    different: NDArray[np.float64],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> HumanMean:
    """Compute the error of an embedder that answers by the higher score.

    Args:
        same: ``(triplets,)``, scores of X with the same speaker.
        different: ``(triplets,)``, scores of X with the other one; equal scores count
            half.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The rate in percent, its interval over triplets.

    Raises:
        ProbeError: If there is no triplet or a score is not finite.
    """
    if not (np.all(np.isfinite(same)) and np.all(np.isfinite(different))):
        raise ProbeError("scores must be finite numbers")
    names = [str(number) for number in range(same.size)]
    wrong = errors_of_ratings(same, different)
    found = error_rate(wrong, ["it"] * same.size, names, num_draws, seed)
    return HumanMean(
        found.value, found.interval, found.over, same.size, 1, found.num_triplets
    )
