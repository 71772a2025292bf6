"""What the numbers of one set say, as sentences computed from them."""

import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from espnet_probe.report.documents import NOT_SCORED
from espnet_probe.report.results import Row, SetResults
from espnet_probe.report.unit_scores import difference_over_speakers
from espnet_probe.report.values import (
    EER,
    L1,
    STOI,
    Metric,
    Value,
    full_text,
    mean_text,
)
from espnet_probe.scores.contrasts import Contrast
from espnet_probe.scores.coverage import interval_note

#: From which share of a layer's L1 on its fall to the next layer is spoken of: a
#: recurrent layer gathers a little from its neighbours, and chance is not named.
SMALLEST_FALL = 0.02

#: What is said where numbers are in an order: by whether intervals are apart.
_OVERLAP = {
    True: ", intervals apart",
    False: ", but the intervals do not part them",
    None: ", but there are no intervals to judge it by",
}


@dataclass(frozen=True)
class Statement:
    """One sentence about a set.

    Attributes:
        text: The sentence.
        holds: Whether what one expects of an ASR model holds; None if the data
            cannot say.
        sources: The files of the numbers in it.
        is_note: Whether it only tells, with nothing to expect.
    """

    text: str
    holds: Optional[bool]
    sources: Sequence[Path] = ()
    is_note: bool = False


def _sources(*values: Value) -> Tuple[Path, ...]:
    paths = (value.source for value in values if value.source is not None)
    return tuple(dict.fromkeys(paths))


def apart(lower: Value, upper: Value) -> Optional[bool]:
    """Return whether the interval of ``upper`` lies wholly above that of ``lower``.

    Returns:
        None if one of them has no interval.
    """
    if lower.ci95 is None or upper.ci95 is None:
        return None
    return upper.ci95[0] > lower.ci95[1]


def speakers_needed(lower: Value, upper: Value, speakers: int) -> Optional[int]:
    """Estimate how many speakers would bring two intervals apart.

    An interval's width falls about as one over the square root of the number of
    speakers, as the standard error of a mean over them does. So the arms that
    face each other, together ``w`` with ``speakers``, are shorter than the gap
    ``d`` between the two rates from ``speakers * (w / d) ** 2`` on.

    Args:
        lower: The rate that should be the lower one, with its interval.
        upper: The rate that should be the higher one, with its interval.
        speakers: How many speakers the intervals come from.

    Returns:
        The number, more than ``speakers``; None if the rates are equal or in the
        other order, so that no number of speakers follows, or an interval lacks.
    """
    if lower.mean is None or upper.mean is None:
        return None
    if lower.ci95 is None or upper.ci95 is None or upper.mean <= lower.mean:
        return None
    arms = (lower.ci95[1] - lower.mean) + (upper.mean - upper.ci95[0])
    gap = upper.mean - lower.mean
    return max(speakers + 1, math.ceil(speakers * (arms / gap) ** 2))


def _missing(metric: Metric, first: Row, last: Row) -> Optional[Statement]:
    for row in (first, last):
        value = row.values[metric.key]
        if value.mean is None:
            text = f"{metric.title}: nothing can be said, {row.name} {value.reason}."
            return Statement(text, None, _sources(value))
    return None


def compare_eer(first: Row, last: Row) -> Statement:
    """Say whether the last layer's speakers are harder to tell apart."""
    gap = _missing(EER, first, last)
    if gap is not None:
        return gap
    low, high = first.values[EER.key], last.values[EER.key]
    assert low.mean is not None and high.mean is not None
    text = (
        f"EER: {first.name} {full_text(low, EER)} %, "
        f"{last.name} {full_text(high, EER)} %. "
    )
    sources = _sources(low, high)
    if high.mean <= low.mean:
        text += "The last layer's is not above the first's"
        below = apart(high, low)
        text += f"{_OVERLAP[below]}."
        return Statement(text, False if below else None, sources)
    separate = apart(low, high)
    if separate is None:
        reason = low.reason if low.ci95 is None else high.reason
        text += f"The last layer's is higher; no interval to judge it by ({reason})."
        return Statement(text, None, sources)
    speakers = min(v.counts.get("speakers", 0) for v in (low, high))
    if separate:
        text += "The last layer's is higher, and the intervals are apart."
        note = interval_note(speakers) if speakers else None
        text += f" But they are {note}." if note else ""
        return Statement(text, True, sources)
    text += "The last layer's is higher, but the intervals are not apart"
    needed = speakers_needed(low, high, speakers) if speakers else None
    if needed is None:
        return Statement(f"{text}.", None, sources)
    text += (
        f" with {speakers} speakers. About {needed} speakers would bring them apart: "
        "an estimate that takes the rates as they are and lets the intervals narrow "
        "with one over the square root of the number of speakers."
    )
    return Statement(text, None, sources)


def compare_stoi(first: Row, last: Row) -> Statement:
    """Say how far STOI falls from the first to the last layer.

    The means' own intervals are over utterances. What is judged is the difference of
    the same utterances, averaged by speaker, by its interval over speakers; the drop
    that is said is that one too, as it may differ from that of the means.
    """
    gap = _missing(STOI, first, last)
    if gap is not None:
        return gap
    high, low = first.values[STOI.key], last.values[STOI.key]
    assert low.mean is not None and high.mean is not None
    found = difference_over_speakers(first.folder, last.folder)
    judged = found.low is not None and found.high is not None
    drop = found.value if judged else high.mean - low.mean
    verb = "falls" if drop > 0 else "does not fall"
    text = (
        f"STOI {verb} from {first.name} {full_text(high, STOI)} to {last.name} "
        f"{full_text(low, STOI)}: a drop of {drop:.{STOI.digits}f}"
    )
    if found.low is None or found.high is None:
        text += f", with no interval to judge it by ({found.basis})."
        return Statement(text, None, _sources(high, low))
    text += f", of the same utterances, averaged by speaker, {_bounds(found)}."
    holds = None if found.low <= 0 <= found.high else found.low > 0
    return Statement(text, holds, _sources(high, low))


def _bounds(found: Contrast) -> str:
    """Print the interval of a difference and what it comes from."""
    return (
        f"[{found.low:.{STOI.digits}f}, {found.high:.{STOI.digits}f}] ({found.basis})"
    )


def _ahead(one: Row, other: Row, metric: Metric) -> Tuple[float, Optional[bool]]:
    """Return by how much a row is better than another, and whether that is sure.

    With STOI both are of the difference over speakers, where it has an interval; equal
    error rates have their own intervals.

    Returns:
        The difference, below zero if the other row is better; and whether an interval
        parts the two, None if there is none.
    """
    if metric.key == STOI.key:
        found = difference_over_speakers(one.folder, other.folder)
        if found.low is not None and found.high is not None:
            return found.value, not found.low <= 0 <= found.high
        return _mean(one, metric) - _mean(other, metric), None
    ahead = _mean(other, metric) - _mean(one, metric)
    better, worse = (one, other) if ahead >= 0 else (other, one)
    return ahead, apart(better.values[metric.key], worse.values[metric.key])


def bounded(results: SetResults, metric: Metric) -> Statement:
    """Say whether natural and oracle bound the layers: natural, oracle, layers.

    Neither yes nor no is said without intervals that part the numbers. Every pair is
    looked at, so that one out of order by chance hides none that surely is.
    """
    sign = 1 if metric.higher_is_better else -1
    chain: List[Row] = []
    for name in ("natural", "oracle"):
        row = results.control(name)
        if row is None or row.values[metric.key].mean is None:
            why = "is not there" if row is None else row.values[metric.key].reason
            text = f"{metric.title}: whether the controls bound the layers cannot be "
            return Statement(f"{text}said, {name} {why}.", None)
        chain.append(row)
    scored = [row for row in results.layers if row.values[metric.key].mean is not None]
    if not scored:
        text = f"{metric.title}: no layer is scored, so the controls bound nothing."
        return Statement(text, None)
    chain.append(max(scored, key=lambda row: sign * _mean(row, metric)))
    words = ", ".join(
        f"{row.name} {mean_text(row.values[metric.key], metric)}" for row in chain
    )
    sources = _sources(*(row.values[metric.key] for row in chain))
    text = f"{metric.title}, bounds: {words} (the best layer). "
    steps: List[Optional[bool]] = []
    reversed_pairs: Dict[str, Optional[bool]] = {}
    for better, worse in combinations(chain, 2):
        ahead, separate = _ahead(better, worse, metric)
        steps.append(separate)
        if ahead < 0:
            reversed_pairs[f"{worse.name} is better than {better.name}"] = separate
    if reversed_pairs:
        told = [f"{pair}{_OVERLAP[sure]}" for pair, sure in reversed_pairs.items()]
        text += "; ".join(told)
        if any(reversed_pairs.values()):
            text += ": the controls do not bound the layers."
            return Statement(text, False, sources)
        return Statement(f"{text}.", None, sources)
    text += "Natural and oracle bound the layers"
    sure = all(steps)
    if not sure:
        text += _OVERLAP[None if None in steps else False]
    return Statement(f"{text}.", True if sure else None, sources)


def _mean(row: Row, metric: Metric) -> float:
    mean = row.values[metric.key].mean
    return math.nan if mean is None else mean


def oracle_gap(results: SetResults) -> Optional[Statement]:
    """Say how much STOI the first layer's probe loses against the oracle."""
    oracle = results.control("oracle")
    if oracle is None or not results.layers:
        return None
    first = results.layers[0]
    top, value = oracle.values[STOI.key], first.values[STOI.key]
    if top.mean is None or value.mean is None:
        return None
    found = difference_over_speakers(oracle.folder, first.folder)
    judged = found.low is not None and found.high is not None
    gap = found.value if judged else top.mean - value.mean
    text = (
        f"STOI of the oracle, {mean_text(top, STOI)}, minus that of {first.name}, "
        f"{mean_text(value, STOI)}: {gap:.{STOI.digits}f}"
    )
    if judged:
        text += f", of the same utterances, averaged by speaker, {_bounds(found)}."
    else:
        text += f", with no interval to judge it by ({found.basis})."
    return Statement(text, None, _sources(top, value), is_note=True)


def unlearnt_probes(results: SetResults) -> List[Statement]:
    """Name the layers whose probe recovers surely less than that of the next layer.

    The next layer is computed from this one, so it cannot know more of the input. Where
    its probe does better all the same, either its states gather what neighbouring ones
    hold, or, more often, this layer's probe has not learnt what is there to learn.
    """
    doubted = []
    for layer, following in zip(results.layers, results.layers[1:]):
        found = difference_over_speakers(
            layer.folder, following.folder, L1.key, "l1.csv"
        )
        if found.low is None or found.low <= SMALLEST_FALL * _mean(layer, L1):
            continue
        values = layer.values[L1.key], following.values[L1.key]
        text = (
            f"L1 falls from {layer.name}, {mean_text(values[0], L1)}, to "
            f"{following.name} behind it, {mean_text(values[1], L1)}: by "
            f"{found.value:.{L1.digits}f}, of the same utterances, averaged by "
            f"speaker, {_bounds(found)}. The probe of {layer.name} may not have "
            "learnt; doubt its other numbers too."
        )
        doubted.append(Statement(text, False, _sources(*values)))
    return doubted


def _scored(results: SetResults, metric: Metric) -> bool:
    """Return whether anybody asked for a score: what was not is among the missing."""
    values = [row.values[metric.key] for row in results.rows]
    return any(not value.reason.startswith(NOT_SCORED) for value in values)


def statements(results: SetResults) -> List[Statement]:
    """Return what the numbers of one set say, first layer against last."""
    said: List[Statement] = []
    if len(results.layers) > 1:
        first, last = results.layers[0], results.layers[-1]
        said += [compare_eer(first, last)] if _scored(results, EER) else []
        said += [compare_stoi(first, last)]
    else:
        alone = "One layer only: no comparison over depth."
        said.append(Statement(alone, None, is_note=True))
    said += [bounded(results, EER)] if _scored(results, EER) else []
    said += [bounded(results, STOI)]
    gap = oracle_gap(results)
    said += [gap] if gap is not None else []
    return said + unlearnt_probes(results)
