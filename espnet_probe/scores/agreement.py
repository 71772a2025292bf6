"""Do listeners agree with each other, and with themselves?

Conventions
-----------
An item is heard by some listeners, not by equally many, and each says one of two things
of it. Agreement is Fleiss' kappa [1]_ in its form for two answers and unequal numbers
of listeners [2]_: with ``n_i`` answers to item ``i``, a share ``p_i`` of which says the
first, ``n`` their mean over items, ``p`` the share in all answers,

    kappa = 1 - sum_i n_i p_i (1 - p_i) / (items (n - 1) p (1 - p)).

It is 1 if all agree and 0 if they agree as often as chance would have it. Items heard
once say nothing of agreement and are left out. If all answers are the same, kappa is
not defined.

References
----------
.. [1] J. L. Fleiss, "Measuring nominal scale agreement among many raters",
   Psychological Bulletin 76(5), 1971.
.. [2] J. L. Fleiss, J. Cuzick, "The reliability of dichotomous judgments: unequal
   numbers of judges per subject", Applied Psychological Measurement 3(4), 1979.
"""

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import (
    NUM_DRAWS,
    Interval,
    draw_multiplicities,
    interval_of_draws,
    interval_of_ratio,
    too_few,
)
from espnet_probe.scores.listening import exact_interval


@dataclass(frozen=True)
class Agreement:
    """How far listeners agree.

    Attributes:
        kappa: None if it is not defined.
        interval: Its 95 % interval over items.
        percent: Of all pairs of answers to one item, how many are the same; None
            without pairs.
        num_items: Items with two answers or more.
        num_answers: Answers to them.
    """

    kappa: Optional[float]
    interval: Interval
    percent: Optional[float]
    num_items: int
    num_answers: int


def agreement(
    first: NDArray[np.bool_],
    items: Sequence[str],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Agreement:
    """Compute Fleiss' kappa, and its interval by a bootstrap over items.

    Args:
        first: ``(answers,)``, whether the first of the two was said.
        items: ``(answers,)``, of what.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Raises:
        ProbeError: If the lengths differ.
    """
    if len(items) != first.size:
        raise ProbeError(f"got {first.size} answers to {len(items)} items")
    _, numbers = np.unique(np.asarray(items, dtype=object), return_inverse=True)
    heard = np.bincount(numbers).astype(np.float64)
    said = np.bincount(numbers, first.astype(np.float64))
    several = heard >= 2
    heard, said = heard[several], said[several]
    number, total = int(heard.size), int(heard.sum())
    if number == 0:
        none = Interval(reason="no item was heard by two listeners")
        return Agreement(None, none, None, 0, 0)
    pairs = float(np.sum(heard * (heard - 1)))
    apart = 2.0 * float(np.sum(said * (heard - said)))
    kappa = float(_kappas(np.ones((1, number), dtype=np.int64), heard, said)[0])
    interval = too_few(number, "items heard by several")
    if not np.isfinite(kappa):
        interval = Interval(reason="all answers are the same: kappa is not defined")
    elif interval is None:
        rng = np.random.default_rng(seed)
        times = draw_multiplicities(number, num_draws, rng)
        interval = interval_of_draws(_kappas(times, heard, said))
    return Agreement(
        kappa if np.isfinite(kappa) else None,
        interval,
        100.0 * (1 - apart / pairs),
        number,
        total,
    )


def _kappas(
    times: NDArray[np.int64], heard: NDArray[np.float64], said: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return kappa in each draw of items; NaN where it is not defined."""
    number, total = times.sum(axis=1), times @ heard
    share = (times @ said) / total
    within = times @ (said * (heard - said) / heard)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappas: NDArray[np.float64] = 1.0 - within / (
            (total - number) * share * (1.0 - share)
        )
    return np.where(np.isfinite(kappas), kappas, np.nan)


@dataclass(frozen=True)
class Consistency:
    """How often listeners say the same again of what they hear a second time.

    Attributes:
        percent: Of the repeated items; None without any.
        interval: Its 95 % interval over listeners.
        num_same: How often they did.
        num_repeats: Out of how many.
    """

    percent: Optional[float]
    interval: Interval
    num_same: int
    num_repeats: int


def consistency(
    same: NDArray[np.bool_],
    listeners: Sequence[str],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Consistency:
    """Compute how often the second answer is the first.

    Args:
        same: ``(repeats,)``, whether it is.
        listeners: ``(repeats,)``, whose.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Raises:
        ProbeError: If the lengths differ.
    """
    if len(listeners) != same.size:
        raise ProbeError(f"got {same.size} repeats of {len(listeners)} listeners")
    if same.size == 0:
        return Consistency(None, Interval(reason="no item was repeated"), 0, 0)
    _, numbers = np.unique(np.asarray(listeners, dtype=object), return_inverse=True)
    above = np.bincount(numbers, same.astype(np.float64))
    below = np.bincount(numbers).astype(np.float64)
    interval = interval_of_ratio(above, below, "listeners", num_draws, seed)
    count = int(same.sum())
    if interval.low is not None and interval.high is not None:
        # Where all are the same the draws are too: see scores.listening.
        low, high = exact_interval(count, same.size)
        interval = Interval(
            100.0 * min(low, interval.low), 100.0 * max(high, interval.high)
        )
    return Consistency(100.0 * count / same.size, interval, count, int(same.size))
