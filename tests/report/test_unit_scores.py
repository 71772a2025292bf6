"""Means over utterances that several speakers share, and where speakers are found."""

import json
from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from scipy import stats

from espnet_probe.errors import ProbeError
from espnet_probe.report.speaker_map import speakers_of
from espnet_probe.report.unit_scores import over_speakers, read_units

SCORES = {"a1": 0.5, "a2": 0.7, "b1": 0.9, "c1": 0.4, "d1": 0.6, "e1": 0.8}
SPEAKERS = {utt: utt[0] for utt in SCORES}


def write_map(path: Path, speakers: Dict[str, str]) -> None:
    """Write a file like utt2spk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{utt} {who}\n" for utt, who in speakers.items()))


def test_a_speaker_counts_once(tmp_path: Path) -> None:
    write_map(tmp_path / "dump" / "raw" / "test" / "utt2spk", SPEAKERS)
    cell, problem = over_speakers(SCORES, tmp_path / "exp" / "test", tmp_path, "here")
    means = [0.6, 0.9, 0.4, 0.6, 0.8]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert not problem and cell.source == "here" and cell.count == 6
    assert cell.value == pytest.approx(np.mean(means))
    assert cell.ci95 == pytest.approx((expected.low, expected.high))


def test_without_speakers_there_is_a_mean_and_no_interval(tmp_path: Path) -> None:
    cell, problem = over_speakers(SCORES, tmp_path / "exp" / "test", tmp_path, "here")
    assert cell.value == pytest.approx(0.65)
    assert cell.ci95 is None and cell.speakers is None
    assert "dump/raw/test/utt2spk" in problem and "data/test/utt2reader" in problem


def test_four_speakers_have_no_interval(tmp_path: Path) -> None:
    write_map(tmp_path / "data" / "test" / "utt2spk", {**SPEAKERS, "e1": "d"})
    cell, problem = over_speakers(SCORES, tmp_path / "exp" / "test", tmp_path, "")
    assert cell.ci95 is None
    assert problem == "too little data: 4 speakers, an interval needs 5"


def test_the_scores_own_speakers_come_first_then_persons(tmp_path: Path) -> None:
    folder = tmp_path / "exp" / "test"
    write_map(tmp_path / "dump" / "raw" / "test" / "utt2spk", {u: u for u in SCORES})
    assert len(set(_found(folder, tmp_path).values())) == 6
    reader = tmp_path / "dump" / "raw" / "test" / "utt2reader"
    write_map(reader, SPEAKERS)
    assert _found(folder, tmp_path) == SPEAKERS
    # Not of all utterances: the next file.
    write_map(reader, {"a1": "a"})
    assert len(set(_found(folder, tmp_path).values())) == 6
    own = {utt: "ab"[utt > "c"] for utt in SCORES}
    write_map(tmp_path / "mine", {**own, "further": "x"})
    (folder / "cnn1").mkdir(parents=True)
    content = {"bootstrap": {"speakers_from": "mine"}}
    (folder / "cnn1" / "verification.json").write_text(json.dumps(content))
    assert _found(folder, tmp_path) == own


def _found(folder: Path, recipe: Path) -> Dict[str, str]:
    found, problem = speakers_of(folder, recipe, SCORES)
    assert found is not None and not problem
    return found


def test_undefined_scores_are_left_out_and_broken_ones_named(tmp_path: Path) -> None:
    table = tmp_path / "quality.csv"
    table.write_text("utt_id,stoi\na1,0.5\na2,\n")
    assert read_units(table, "stoi") == {"a1": 0.5}
    table.write_text("utt_id,stoi\na1,half\n")
    with pytest.raises(ProbeError, match="quality.csv: 'half' is no number"):
        read_units(table, "stoi")
    for number in ("nan", "-inf"):
        table.write_text(f"utt_id,stoi\na1,0.5\na2,{number}\n")
        with pytest.raises(ProbeError, match=f"'{number}' is no finite number"):
            read_units(table, "stoi")
    table.write_text("utt_id,pesq_wb\na1,0.5\n")
    with pytest.raises(ProbeError, match="expected columns utt_id, stoi"):
        read_units(table, "stoi")
