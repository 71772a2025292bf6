"""What the report states follows from the numbers, and only from them."""

from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np
import pytest

from espnet_probe.report.results import Layer, Row, SetResults
from espnet_probe.report.values import EER, STOI, Value, missing
from espnet_probe.report.verdict import (
    bounded,
    compare_eer,
    compare_stoi,
    oracle_gap,
    speakers_needed,
    statements,
)

LAYER = Layer("x", 8, 1, 0.01, "", None)


def row(name: str, eer: Value, stoi: Value, is_layer: bool = True) -> Row:
    """Return a row with two scores."""
    values: Dict[str, Value] = {EER.key: eer, STOI.key: stoi}
    return Row(name, Path(name), LAYER if is_layer else None, values, {})


def value(mean: float, half: Optional[float], speakers: int = 20) -> Value:
    """Return a number with a symmetric interval."""
    ci95 = None if half is None else (mean - half, mean + half)
    reason = "too few" if half is None else ""
    return Value(mean, ci95, {"speakers": speakers}, Path("f.json"), reason)


def pair(low: Value, high: Value) -> Tuple[Row, Row]:
    """Return a first and a last layer with these EERs."""
    return row("cnn1", low, value(0.8, 0.1)), row("blstm5", high, value(0.4, 0.1))


def test_intervals_apart() -> None:
    said = compare_eer(*pair(value(10, 4), value(30, 5)))
    assert said.holds is True and "apart" in said.text and "not apart" not in said.text
    assert said.sources == (Path("f.json"),)
    assert "too narrow" not in said.text


def test_few_speakers_are_warned_of() -> None:
    said = compare_eer(*pair(value(10, 4, speakers=6), value(30, 5, speakers=6)))
    assert said.holds is True and "With 6 speakers they are likely too" in said.text


def test_intervals_not_apart_give_an_estimate() -> None:
    said = compare_eer(*pair(value(10, 8), value(20, 12)))
    assert said.holds is None
    # Arms of 8 and 12 against a gap of 10: (20 / 10) ** 2 times as many.
    assert "not apart with 20 speakers" in said.text
    assert "About 80 speakers" in said.text and "estimate" in said.text


def test_estimate_is_where_simulated_intervals_part() -> None:
    """Means over n speakers have intervals of 1.96 s / sqrt(n)."""
    deviation, gap, speakers = 11.0, 4.0, 12

    def half(number: int) -> float:
        return float(1.96 * deviation / np.sqrt(number))

    needed = speakers_needed(
        value(10, half(speakers)), value(10 + gap, half(speakers)), speakers
    )
    assert needed is not None and needed > speakers
    assert 2 * half(needed) <= gap < 2 * half(needed - 1)


def test_no_estimate_without_a_gap_or_intervals() -> None:
    assert speakers_needed(value(20, 5), value(20, 5), 9) is None
    assert speakers_needed(value(20, 5), value(10, 5), 9) is None
    assert speakers_needed(value(10, None), value(20, 5), 9) is None
    said = compare_eer(*pair(value(20, 5), value(10, 5)))
    assert said.holds is False and "About" not in said.text
    said = compare_eer(*pair(value(10, None), value(20, 5)))
    assert said.holds is None and "too few" in said.text


def test_missing_score_is_named() -> None:
    said = compare_eer(*pair(value(10, 1), missing("not scored: no file")))
    assert said.holds is None and "blstm5 not scored: no file" in said.text


def test_stoi_drop() -> None:
    first, last = pair(value(1, 1), value(1, 1))
    assert compare_stoi(first, last).holds is True
    assert "drop of 0.400, intervals apart" in compare_stoi(first, last).text
    assert compare_stoi(last, first).holds is False


@pytest.mark.parametrize(
    "natural, oracle, layer, holds",
    [(2.0, 4.0, 9.0, True), (2.0, 9.0, 4.0, False), (5.0, 4.0, 9.0, None)],
)
def test_bounds(
    natural: float, oracle: float, layer: float, holds: Optional[bool]
) -> None:
    """The wrong order counts if the intervals (2 wide) are apart."""
    stoi = value(0.5, 0.1)
    rows = [
        row("natural", value(natural, 1), stoi, is_layer=False),
        row("oracle", value(oracle, 1), stoi, is_layer=False),
        row("worse", value(50, 1), stoi),
        row("best", value(layer, 1), stoi),
    ]
    said = bounded(SetResults("s", rows), EER)
    assert said.holds is holds
    assert "best" in said.text and "worse" not in said.text


def test_bounds_need_both_controls() -> None:
    layers = [row("cnn1", value(9, 1), value(0.5, 0.1))]
    said = bounded(SetResults("s", layers), STOI)
    assert said.holds is None and "natural is not there" in said.text
    assert oracle_gap(SetResults("s", layers)) is None
    assert "One layer only" in statements(SetResults("s", layers))[0].text
