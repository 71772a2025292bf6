"""What the report states follows from the numbers, and only from them."""

from dataclasses import replace
from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np
import pytest

from espnet_probe.report.results import Layer, Row, SetResults
from espnet_probe.report.values import EER, L1, STOI, Value, missing
from espnet_probe.report.verdict import (
    bounded,
    compare_eer,
    compare_stoi,
    oracle_gap,
    speakers_needed,
    statements,
    unlearnt_probes,
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
    assert said.holds is True
    assert "But they are too narrow, being over 6 speakers: of simulated" in said.text
    many = compare_eer(*pair(value(10, 4, speakers=40), value(30, 5, speakers=40)))
    assert many.holds is True and "too narrow" not in many.text


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
    assert said.holds is None and "do not part" in said.text
    said = compare_eer(*pair(value(20, 4), value(10, 4)))
    assert said.holds is False and "intervals apart" in said.text
    assert "About" not in said.text
    said = compare_eer(*pair(value(20, None), value(10, 5)))
    assert said.holds is None and "no intervals" in said.text
    said = compare_eer(*pair(value(10, None), value(20, 5)))
    assert said.holds is None and "too few" in said.text


def test_missing_score_is_named() -> None:
    said = compare_eer(*pair(value(10, 1), missing("not scored: no file")))
    assert said.holds is None and "blstm5 not scored: no file" in said.text


def scored(folder: Path, voices: Dict[str, float], is_layer: bool = True) -> Row:
    """Return a row of one STOI per speaker, each of three utterances with it."""
    utts = {f"{who}-{n}": v for who, v in voices.items() for n in range(3)}
    folder.mkdir(parents=True)
    lines = "".join(f"{utt},{v}\n" for utt, v in utts.items())
    (folder / "quality.csv").write_text(f"utt_id,stoi\n{lines}")
    people = folder.parents[4] / "dump" / "raw" / folder.parent.name / "utt2spk"
    people.parent.mkdir(parents=True, exist_ok=True)
    people.write_text("".join(f"{utt} {utt.split('-')[0]}\n" for utt in utts))
    stoi = value(float(np.mean(list(voices.values()))), 0.001)
    kind = LAYER if is_layer else None
    return Row(folder.name, folder, kind, {EER.key: value(9, 1), STOI.key: stoi}, {})


def stois(mean: float, *steps: float) -> Dict[str, float]:
    """Return a STOI for each of six speakers."""
    return {f"s{n}": mean + 0.1 * n + step for n, step in enumerate(steps)}


def test_stoi_drop_is_judged_over_speakers(tmp_path: Path) -> None:
    folder = tmp_path / "exp" / "probe" / "reconstruct_gl" / "test"
    first = scored(folder / "cnn1", stois(0.5, *[0] * 6))
    last = scored(folder / "blstm5", stois(0.3, 0, 0.02, -0.02, 0.01, -0.01, 0))
    said = compare_stoi(first, last)
    assert said.holds is True and "a drop of 0.200, of the same" in said.text
    assert "paired, 6 speakers, 18 utterances" in said.text
    assert compare_stoi(last, first).holds is False
    # The means' own intervals are apart, but speakers differ by much more.
    odd = scored(folder / "odd", stois(0.4, -0.5, 0.2, -0.4, 0.3, -0.2, 0.3))
    assert odd.values[STOI.key].mean == pytest.approx(0.6)
    assert first.values[STOI.key].mean == pytest.approx(0.75)
    assert compare_stoi(first, odd).holds is None
    (tmp_path / "dump" / "raw" / "test" / "utt2spk").unlink()
    said = compare_stoi(first, last)
    assert said.holds is None and "no speakers of all utterances" in said.text


def with_l1(row_of: Row, mean: float, *steps: float) -> Row:
    """Give a row of :func:`scored` an L1 per speaker."""
    voices = stois(mean, *steps)
    lines = "".join(f"{who}-{n},{v}\n" for who, v in voices.items() for n in range(3))
    (row_of.folder / "l1.csv").write_text(f"utt_id,l1\n{lines}")
    found = value(float(np.mean(list(voices.values()))), 0.001)
    return replace(row_of, values={**row_of.values, L1.key: found})


def test_a_probe_that_recovers_less_than_the_next_layers_is_doubted(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "exp" / "probe" / "reconstruct_gl" / "test"
    rows = [
        with_l1(scored(folder / name, stois(0.5, *[0] * 6)), mean, *steps)
        for name, mean, steps in (
            ("cnn3", 0.3, [0] * 6),
            ("cnn4", 0.9, [0] * 6),
            ("blstm1", 0.7, [0, 0.01, -0.01, 0.02, -0.02, 0]),
            # Lower, but by so little that the neighbours explain it.
            ("blstm2", 0.69, [0.001, 0.01, -0.01, 0.02, -0.02, 0]),
        )
    ]
    results = SetResults("test", rows)
    (said,) = unlearnt_probes(results)
    assert said.holds is False
    assert "from cnn4, 1.150, to blstm1 behind it, 0.950: by 0.200" in said.text
    assert said in statements(results)
    (tmp_path / "dump" / "raw" / "test" / "utt2spk").unlink()
    assert unlearnt_probes(results) == []


def uneven(folder: Path, voices: Dict[str, float], many: int) -> Row:
    """Return a row like :func:`scored`, the first speaker with many utterances."""
    said = scored(folder, voices)
    first = next(iter(voices))
    utts = [f"{first}-{n}" for n in range(3, many)]
    with (folder / "quality.csv").open("a") as file:
        file.writelines(f"{utt},{voices[first]}\n" for utt in utts)
    people = folder.parents[4] / "dump" / "raw" / folder.parent.name / "utt2spk"
    lines = "".join(f"{utt} {first}\n" for utt in utts)
    people.write_text(people.read_text() + lines)
    number = 3 * len(voices) + len(utts)
    total = 3 * sum(voices.values()) + len(utts) * voices[first]
    stoi = value(total / number, 0.001)
    return Row(said.name, folder, LAYER, {**said.values, STOI.key: stoi}, {})


def test_the_drop_that_is_said_is_that_of_the_interval(tmp_path: Path) -> None:
    folder = tmp_path / "exp" / "probe" / "reconstruct_gl" / "test"
    # One speaker of many utterances rises, the others fall.
    first = uneven(folder / "cnn1", stois(0.5, *[0] * 6), 40)
    last = uneven(folder / "blstm5", stois(0.4, 0.15, 0, 0.02, -0.02, 0, 0), 40)
    means = [one.values[STOI.key].mean for one in (first, last)]
    assert means[0] is not None and means[1] is not None and means[1] > means[0]
    said = compare_stoi(first, last)
    # Five drops near 0.1, one of -0.05: (5 x 0.1 - 0.05) / 6.
    assert "STOI falls from cnn1" in said.text and "a drop of 0.075, of" in said.text
    low, high = np.array(said.text.split("[")[3].split("]")[0].split(","), float)
    assert low < 0.075 < high and said.holds is True
    gap = oracle_gap(
        SetResults("test", [replace(first, layer=None, name="oracle"), last])
    )
    assert gap is not None and ": 0.075, of the same utterances" in gap.text
    assert f"[{low:.3f}, {high:.3f}] (paired, 6 speakers" in gap.text


def test_stoi_without_single_utterances_is_not_judged() -> None:
    first, last = pair(value(1, 1), value(1, 1))
    said = compare_stoi(first, last)
    assert said.holds is None and "a drop of 0.400, with no interval" in said.text
    oracle = row("oracle", value(1, 1), value(0.9, 0.1), is_layer=False)
    gap = oracle_gap(SetResults("s", [oracle, first]))
    assert gap is not None and ": 0.100, with no interval to judge it by" in gap.text


def test_stoi_bounds_are_judged_over_speakers(tmp_path: Path) -> None:
    folder = tmp_path / "exp" / "probe" / "reconstruct_gl" / "test"
    small = (0, 0.02, -0.02, 0.01, -0.01, 0)
    natural = scored(folder / "natural", stois(0.5, *[0] * 6), False)
    oracle = scored(folder / "oracle", stois(0.4, *small), False)
    cnn1 = scored(folder / "cnn1", stois(0.3, *reversed(small)))
    assert bounded(SetResults("test", [natural, oracle, cnn1]), STOI).holds is True
    better = scored(folder / "better", stois(0.45, *reversed(small)))
    said = bounded(SetResults("test", [natural, oracle, better]), STOI)
    assert said.holds is False and "better is better than oracle" in said.text
    wild = stois(0.42, -0.5, 0.3, -0.4, 0.3, 0.3, 0)
    odd = scored(folder / "odd", wild)
    said = bounded(SetResults("test", [natural, oracle, odd]), STOI)
    assert said.holds is None and "do not part" in said.text
    # A weak violation comes first, and does not hide the one that is sure.
    near = scored(folder / "near", stois(0.5, *(3 * step + 1e-3 for step in small)))
    oracle = Row("oracle", near.folder, None, near.values, {})
    above = scored(folder / "above", stois(0.6, *small))
    said = bounded(SetResults("test", [natural, oracle, above]), STOI)
    assert "oracle is better than natural, but the intervals do not" in said.text
    assert "above is better than oracle, intervals apart" in said.text
    assert "above is better than natural, intervals apart" in said.text
    assert said.holds is False


@pytest.mark.parametrize(
    "natural, oracle, layer, holds",
    [
        (2.0, 4.1, 9.0, True),
        (2.0, 9.0, 4.0, False),
        (5.0, 4.0, 9.0, None),
        # The layer surely before the oracle, and the oracle perhaps before natural.
        (10.0, 9.0, 4.0, False),
        # In order, as far as the means say.
        (2.0, 3.5, 9.0, None),
    ],
)
def test_bounds(
    natural: float, oracle: float, layer: float, holds: Optional[bool]
) -> None:
    """An order counts if the intervals (2 wide) are apart."""
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
