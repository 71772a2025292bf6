"""Differences between measured values, with intervals that take pairing into account.

A :class:`Cell` is one number of a table: a measure of one model, condition and layer.
A *contrast* is a weighted sum of cells, mostly a difference. Its interval comes from
the best that all of its cells have:

1. draws of the same speakers (equal error rates): the weighted sum in each draw, the
   percentile interval, its arms widened as below;
2. values of the same utterances (STOI): the weighted sums, averaged by speaker, and
   Student's t interval of these means (``intervals.means_of_groups``). Utterances of
   one speaker vary together, so any number of them tells nothing of other speakers.
   Where a speaker is not known there is no interval;
3. intervals only: the arms add up. However the cells depend on each other, the standard
   error of a sum is not above the sum of the standard errors, so this is never too
   narrow, and with cells measured on the same speech far too wide.

Percentile intervals over ``n`` speakers are too narrow; their arms are multiplied by
``sqrt(n / (n - 1)) t(n - 1) / z``, the factor of T. Hesterberg, "What teachers should
know about the bootstrap", The American Statistician 69(4), 2015. A contrast that did
not vary at all between draws or utterances has no interval: the data do not show how
far it could be off.
"""

import math
from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from espnet_probe.scores.intervals import (
    LEVEL,
    interval_of_draws,
    interval_of_mean,
    means_of_groups,
    too_few,
)

TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        value: In the unit of its measure.
        ci95: Its 95 % interval, or the bounds of rounding; None if there is none.
        exact: Whether ``ci95`` bounds the value for certain, as rounding does.
        count: How many utterances or trials it was computed from; 0 if not known.
        units: Value by utterance, of a mean over utterances.
        draws: ``(draws,)``, the value in each draw of speakers; NaN if undefined.
        drawn: The speakers that were drawn; cells with the same ones are paired.
        source: Where the number is from.
        speakers: Who speaks each of the ``units``; None if that is not known.
    """

    value: float
    ci95: Optional[Tuple[float, float]] = None
    exact: bool = False
    count: int = 0
    units: Optional[Mapping[str, float]] = None
    draws: Optional[NDArray[np.float64]] = None
    drawn: Tuple[str, ...] = ()
    source: str = ""
    speakers: Optional[Mapping[str, str]] = None


Term = Tuple[float, Cell]


def num_speakers(cell: Cell) -> Optional[int]:
    """Return how many speakers a cell is of; None if that is not known."""
    if cell.drawn:
        return len(cell.drawn)
    if cell.speakers is None:
        return None
    return len({cell.speakers[utt] for utt in cell.units or cell.speakers})


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells.

    Attributes:
        value: The sum.
        low: Lower bound of its 95 % interval; None without interval.
        high: Upper bound.
        basis: What the interval comes from, or why there is none.
        degrees: Degrees of freedom of the t quantile; None for the normal's.
        exact: Whether the bounds are certain.
    """

    value: float
    low: Optional[float] = None
    high: Optional[float] = None
    basis: str = ""
    degrees: Optional[int] = None
    exact: bool = False

    def bounds(self, times: int = 1) -> Optional[Tuple[float, float]]:
        """Return the interval, wide enough for one of several looks.

        Args:
            times: How many contrasts are looked at (Bonferroni): the level is
                1 - 0.05 / times, by lengthening the arms as the quantile does.
        """
        if self.low is None or self.high is None:
            return None
        stretch = 1.0
        if times > 1 and not self.exact:
            stretch = _quantile(TAIL / times, self.degrees)
            stretch /= _quantile(TAIL, self.degrees)
        # A correlation may lie outside of its draws' percentiles; no arm is negative.
        below, above = max(0.0, self.value - self.low), max(0.0, self.high - self.value)
        return self.value - stretch * below, self.value + stretch * above


def _quantile(tail: float, degrees: Optional[int]) -> float:
    if degrees is None:
        return float(-ndtri(tail))
    return float(-stdtrit(degrees, tail))


def contrast(terms: Sequence[Term]) -> Contrast:
    """Return a weighted sum of cells with the best interval that can be had.

    Args:
        terms: Weights and cells, at least one.
    """
    paired = _from_draws(terms) or _from_units(terms)
    if paired is not None:
        return paired
    value = sum(weight * cell.value for weight, cell in terms)
    below = above = 0.0
    for weight, cell in terms:
        if cell.ci95 is None:
            return Contrast(value, basis="no interval of its values")
        arms = max(0.0, cell.value - cell.ci95[0]), max(0.0, cell.ci95[1] - cell.value)
        below += abs(weight) * arms[0 if weight > 0 else 1]
        above += abs(weight) * arms[1 if weight > 0 else 0]
    exact = all(cell.exact for _, cell in terms)
    basis = "as printed, bounds of rounding" if exact else "unpaired, arms added up"
    return Contrast(value, value - below, value + above, basis, exact=exact)


def _from_draws(terms: Sequence[Term]) -> Optional[Contrast]:
    """Return the contrast over common draws of speakers; None if there are none."""
    drawn = terms[0][1].drawn
    if any(cell.draws is None or cell.drawn != drawn for _, cell in terms):
        return None
    if len({len(cell.draws) for _, cell in terms if cell.draws is not None}) > 1:
        return None
    value = sum(weight * cell.value for weight, cell in terms)
    missing = too_few(len(drawn), "speakers")
    if missing is not None:
        return Contrast(value, basis=str(missing.reason))
    parts = [weight * cell.draws for weight, cell in terms if cell.draws is not None]
    draws: NDArray[np.float64] = np.sum(parts, axis=0)
    interval = interval_of_draws(draws)
    if interval.low is None or interval.high is None:
        return Contrast(value, basis=str(interval.reason))
    if float(np.nanmax(draws)) - float(np.nanmin(draws)) <= 1e-12:
        return Contrast(value, basis="the same in every draw of speakers")
    if not interval.low <= value <= interval.high:
        # An arm would have no length, and the contrast be decided by that.
        return Contrast(value, basis="outside of the percentiles of its own draws")
    number = len(drawn)
    widen = math.sqrt(number / (number - 1)) * _quantile(TAIL, number - 1)
    widen /= _quantile(TAIL, None)
    low = value - widen * (value - interval.low)
    high = value + widen * (interval.high - value)
    return Contrast(value, low, high, f"paired, {number} speakers", number - 1)


def _from_units(terms: Sequence[Term]) -> Optional[Contrast]:
    """Return the contrast over common utterances; None if there are none."""
    units = [cell.units for _, cell in terms if cell.units is not None]
    if len(units) < len(terms):
        return None
    common = sorted(set.intersection(*(set(one) for one in units)))
    if not common:
        return None
    sums = [
        sum(weight * one[utt] for (weight, _), one in zip(terms, units))
        for utt in common
    ]
    speakers, problem = _speakers(terms, common)
    if problem:
        return Contrast(float(np.mean(sums)), basis=problem)
    means = means_of_groups(sums, speakers)
    value, number = float(np.mean(means)), len(means)
    interval = interval_of_mean([float(mean) for mean in means], "speakers")
    if interval.low is None or interval.high is None:
        return Contrast(value, basis=str(interval.reason))
    if interval.high - interval.low <= 1e-12:
        return Contrast(value, basis="the same for every speaker")
    basis = f"{number} speakers, {len(common)} utterances"
    if len(terms) > 1:
        basis = f"paired, {basis}"
    return Contrast(value, interval.low, interval.high, basis, number - 1)


def _speakers(terms: Sequence[Term], utts: Sequence[str]) -> Tuple[List[str], str]:
    """Return who speaks each utterance, or why that is not known."""
    maps = [cell.speakers for _, cell in terms if cell.speakers is not None]
    if len(maps) < len(terms):
        return [], "the speakers of the utterances are not known"
    found = [{one.get(utt) for one in maps} for utt in utts]
    names = [name for said in found if len(said) == 1 for name in said if name]
    if len(names) < len(utts):
        return [], "the speakers of some utterances are not known, or contradict"
    return names, ""
