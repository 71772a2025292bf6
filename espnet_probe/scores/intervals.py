"""95 % intervals of means, rates and anything that can be bootstrapped.

Conventions
-----------
An interval is answered as an :class:`Interval`. Where the data are too few it has
no bounds but a ``reason``; it is never made up and never silently left out.

A mean of independent values gets Student's t interval. Utterances of one speaker are
not independent: for other speakers the interval is Student's of the speakers' means.
Statistics that are no means (a pooled error rate, an equal error rate) get the
percentile bootstrap over *groups*: utterances, or the speakers that several utterances
share. Drawing groups with replacement is written as a matrix of multiplicities, how
often each group was drawn, so that a statistic can be re-weighted instead of copied.

With few groups the percentile interval is too narrow, roughly by
``sqrt((n - 1) / n)`` and by the normal in place of the t quantile [1]_; below
``MIN_GROUPS`` groups none is given.

References
----------
.. [1] T. Hesterberg, "What teachers should know about the bootstrap: resampling in
   the undergraduate statistics curriculum", The American Statistician 69(4), 2015.
"""

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

LEVEL = 0.95
# Fewer independent groups than this give no interval. A convention, not a theorem:
# with 4 groups one draw in 64 holds a single group only.
MIN_GROUPS = 5
NUM_DRAWS = 1000


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, or the reason why there is none.

    Attributes:
        low: Lower bound, in the unit of the statistic; None without interval.
        high: Upper bound; None without interval.
        reason: Why there is no interval; None where there is one.
    """

    low: Optional[float] = None
    high: Optional[float] = None
    reason: Optional[str] = None

    def as_list(self) -> Optional[List[float]]:
        """Return ``[low, high]``, or None where there is no interval."""
        if self.low is None or self.high is None:
            return None
        return [self.low, self.high]


def too_few(count: int, what: str) -> Optional[Interval]:
    """Return an interval without bounds if there are too few groups.

    Args:
        count: Number of independent groups.
        what: Their name in the plural, for the reason: "utterances", "speakers".

    Returns:
        None if an interval can be computed.
    """
    if count >= MIN_GROUPS:
        return None
    return Interval(
        reason=f"too little data: {count} {what}, an interval needs {MIN_GROUPS}"
    )


def interval_of_mean(values: Sequence[float], what: str = "utterances") -> Interval:
    """Compute Student's t interval of the mean of independent values.

    Args:
        values: One finite value per utterance (or other unit), in any order.
        what: The unit's name in the plural, for the reason.

    Returns:
        The interval, in the unit of the values; not clipped to their range.

    Raises:
        ValueError: If a value is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(data)):
        raise ValueError("values must be finite: leave undefined ones out and count")
    missing = too_few(data.size, what)
    if missing is not None:
        return missing
    error = float(data.std(ddof=1)) / math.sqrt(data.size)
    half = float(stdtrit(data.size - 1, (1 + LEVEL) / 2)) * error
    mean = float(data.mean())
    return Interval(mean - half, mean + half)


def means_of_groups(
    values: Sequence[float], groups: Sequence[str]
) -> NDArray[np.float64]:
    """Average values that share groups, such as the utterances of one speaker.

    :func:`interval_of_mean` of these means ``m_1 .. m_G`` is the interval for other
    groups: their mean ``m``, plus and minus ``t(G - 1) * sqrt(sum_g (m_g - m)^2 /
    (G (G - 1)))``. How the values of one group depend on each other does not matter,
    as only the groups need be independent; and means of unequally many values, whose
    variances differ, make it no narrower than it says (for 95 % and normal means):
    R. Ibragimov and U. K. Mueller, "t-statistic based correlation and heterogeneity
    robust inference", Journal of Business & Economic Statistics 28(4), 2010. Each
    group counts once, however many values it has.

    Args:
        values: In any order.
        groups: The group of each.

    Returns:
        ``(groups,)``, in the order of the groups' sorted names.

    Raises:
        ValueError: If there are not as many groups as values.
    """
    if len(groups) != len(values):
        raise ValueError(f"{len(values)} values, but the groups of {len(groups)}")
    found: Dict[str, List[float]] = {}
    for value, group in zip(values, groups):
        found.setdefault(group, []).append(value)
    return np.array([np.mean(found[name]) for name in sorted(found)], dtype=np.float64)


def draw_multiplicities(
    num_groups: int, num_draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw groups with replacement, as often as there are groups.

    Args:
        num_groups: Number of groups, at least 1.
        num_draws: Number of bootstrap samples.
        rng: Source of randomness.

    Returns:
        ``(num_draws, num_groups)``: how often each group was drawn; each row sums
        to ``num_groups``.
    """
    shares = np.full(num_groups, 1.0 / num_groups)
    return rng.multinomial(num_groups, shares, size=num_draws).astype(np.int64)


def interval_of_draws(draws: NDArray[np.float64]) -> Interval:
    """Compute the percentile interval of bootstrapped statistics.

    Args:
        draws: ``(num_draws,)``, the statistic in each bootstrap sample; NaN where
            it was not defined there.

    Returns:
        The interval over the defined ones, or none if more than one draw in ten
        was undefined: then the data are too few, whatever their number.
    """
    defined = draws[np.isfinite(draws)]
    if defined.size < 0.9 * draws.size or defined.size == 0:
        return Interval(
            reason=f"too little data: the statistic was undefined in "
            f"{draws.size - defined.size} of {draws.size} bootstrap samples"
        )
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def interval_of_ratio(
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
    what: str = "utterances",
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Bootstrap a rate that is pooled from counts, such as a word error rate.

    Args:
        numerators: ``(groups,)``, for example errors per utterance.
        denominators: ``(groups,)``, for example words per utterance.
        what: The groups' name in the plural, for the reason.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The interval of ``sum(numerators) / sum(denominators)``.
    """
    missing = too_few(len(numerators), what)
    if missing is not None:
        return missing
    draws = np.empty(num_draws)
    rng = np.random.default_rng(seed)
    # In blocks, so that the multiplicities of a large set need little memory.
    block = max(1, 10_000_000 // len(numerators))
    for start in range(0, num_draws, block):
        size = min(block, num_draws - start)
        times = draw_multiplicities(len(numerators), size, rng)
        total = times @ denominators
        with np.errstate(divide="ignore", invalid="ignore"):
            draws[start : start + size] = (times @ numerators) / total
    return interval_of_draws(draws)


def summarise(
    values: Sequence[Optional[float]], reason: Optional[str] = None
) -> Dict[str, Any]:
    """Average one score over utterances.

    Args:
        values: One per utterance; None where it is not defined.
        reason: Why the score is not available for any of them.

    Returns:
        ``mean`` and ``ci95`` ([low, high] or None) over the defined values, how
        many these are (``count``) and how many are not (``excluded``); with
        ``reason`` where the mean or the interval is missing.
    """
    if reason is not None:
        return {"mean": None, "reason": reason}
    defined = [value for value in values if value is not None]
    summary: Dict[str, Any] = {
        "mean": float(np.mean(defined)) if defined else None,
        "ci95": None,
        "count": len(defined),
        "excluded": len(values) - len(defined),
    }
    interval = interval_of_mean(defined)
    summary["ci95"] = interval.as_list()
    if not defined:
        summary["reason"] = "the score is not defined for any of the utterances"
    elif interval.reason is not None:
        summary["reason"] = interval.reason
    return summary
