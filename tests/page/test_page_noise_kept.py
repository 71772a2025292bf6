"""The noise that reconstructions keep, over whole sets, where it is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from page_case import KEPT, UTTS, make_two

from espnet_probe.page import noise_kept
from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.experiments import make_experiments
from espnet_probe.page.mel_files import MelFiles
from espnet_probe.report.collect import collect


def measured(probe_exp: Path, page: Path) -> list:
    experiments = make_experiments([collect(probe_exp)])
    conditions = find_conditions(experiments)
    return noise_kept.noise_curves(experiments, conditions, Assets(page), MelFiles())


def test_the_share_that_was_kept_is_found(tmp_path: Path) -> None:
    first, _ = make_two(tmp_path)
    (curve,) = measured(first, tmp_path / "page")
    assert (curve["model"], curve["condition"], curve["kind"]) == (
        "m0",
        "snr10",
        "layers",
    )
    assert {p["layer"]: p["value"] for p in curve["points"]} == pytest.approx(KEPT)
    for point in curve["points"]:
        assert point["counts"] == f"{len(UTTS)} utterances" and point["note"] == ""
        assert point["low"] <= point["value"] <= point["high"]
        document = json.loads((tmp_path / "page" / point["file"]).read_text())
        layer = document["layers"][point["layer"]]
        assert layer["noise_kept"] == pytest.approx(point["value"], abs=1e-5)
        assert set(layer["by_utterance"]) == set(UTTS)


def test_of_many_utterances_some_are_measured_and_counted(tmp_path: Path) -> None:
    first, _ = make_two(tmp_path)
    sets = collect(first).sets
    folders = [first / "reconstruct_gl" / one.name / "oracle" for one in sets]
    targets = folders[0], folders[1]
    found = noise_kept.measure(sets[0].layers, sets[1].layers, targets, MelFiles(), 5)
    value = found["cnn1"].value
    assert value.counts == {"utterances": 5, "not measured": 1}
    # Too few for an interval: said, not made up.
    few = noise_kept.measure(sets[0].layers, sets[1].layers, targets, MelFiles(), 2)
    assert (
        few["cnn1"].value.ci95 is None and "too little data" in few["cnn1"].value.reason
    )
    expected = np.mean(list(few["cnn1"].units.values()))
    assert few["cnn1"].value.mean == pytest.approx(expected)


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    first, _ = make_two(tmp_path)
    reconstruct = first / "reconstruct_gl"
    (reconstruct / "test_snr10" / "cnn1" / "feats.scp").unlink()
    (curve,) = measured(first, tmp_path / "page")
    notes = {p["layer"]: p["note"] for p in curve["points"]}
    assert notes == {
        "cnn1": "no mels (feats.scp) of both the clean and the noisy set",
        "blstm1": "",
    }
    ark = reconstruct / "test_snr10" / "blstm1" / "feats.ark"
    ark.write_bytes(ark.read_bytes()[:-9])
    assert measured(first, tmp_path / "page") == []
    # A copy without noise keeps none, and has none to keep.
    for layer in ("oracle", "cnn1", "blstm1"):
        quiet = (reconstruct / "test" / layer / "feats.ark").read_bytes()
        (reconstruct / "test_snr10" / layer / "feats.ark").write_bytes(quiet)
    assert measured(first, tmp_path / "page") == []
