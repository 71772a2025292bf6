"""Curves and levels of a page: the numbers of the result files, by every embedder."""

import json
from pathlib import Path

import pytest
from verified_case import LAYERS, SECOND, make_controls, make_verified

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.curves import curves, levels, metric_entry, shown_metrics
from espnet_probe.page.experiments import make_experiments
from espnet_probe.report.collect import collect

#: The file and the key of each score.
PLACES = {
    "eer_percent:ge2e": ("verification", "eer_percent"),
    f"eer_percent:{SECOND}": (f"verification_{SECOND}", "eer_percent"),
    "cosine_to_reference:ge2e": ("verification", "cosine_to_reference"),
    f"cosine_to_reference:{SECOND}": (f"verification_{SECOND}", "cosine_to_reference"),
    "stoi": ("quality", "stoi"),
    "estoi": ("quality", "estoi"),
    "pesq_wb": ("quality", "pesq_wb"),
    "l1": ("l1", "l1"),
    "wer_percent": ("recognition", "wer_percent"),
    "cer_percent": ("recognition", "cer_percent"),
}


def test_every_number_is_that_of_its_file(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    controls = make_controls(probe_exp)
    experiments = make_experiments([collect(probe_exp, controls=controls)])
    conditions = find_conditions(experiments)
    shown = shown_metrics(experiments)
    assert {one.id for one in shown} == set(PLACES)
    assets = Assets(tmp_path / "page")
    found = curves(shown, experiments, conditions, assets)
    kinds = ("layers", "random", "shuffled")
    assert len(found) == len(PLACES) * len(kinds)
    for curve in found:
        assert [p["layer"] for p in curve["points"]] == list(LAYERS)
        stem, key = PLACES[curve["metric"]]
        folder = {"layers": probe_exp, **controls}[curve["kind"]]
        for point in curve["points"]:
            own = folder / "reconstruct_gl" / "test_clean" / point["layer"]
            text = (own / f"{stem}.json").read_text()
            assert (tmp_path / "page" / point["file"]).read_text() == text
            document = json.loads(text)
            entry = document[key]
            mean = entry["mean"] if isinstance(entry, dict) else entry
            assert point["value"] == pytest.approx(mean, abs=1e-5)
            pair = entry["ci95"] if isinstance(entry, dict) else document[f"{key}_ci95"]
            assert [point["low"], point["high"]] == pytest.approx(pair, abs=1e-5)
            assert "utterances" in point["counts"]
    bounds = levels(shown, experiments, conditions, assets)
    names = {(one["metric"], one["control"]) for one in bounds}
    # The recording has no cosine to itself, and no probe made either.
    assert ("cosine_to_reference:ge2e", "natural") not in names
    assert ("cosine_to_reference:ge2e", "oracle") in names
    assert ("l1", "oracle") not in names and ("stoi", "natural") in names
    assert metric_entry(shown[0])["better"] == "lower"
    assert {one.id: metric_entry(one)["better"] for one in shown}["stoi"] == "higher"


def test_levels_that_all_models_share_stand_once(tmp_path: Path) -> None:
    exps = [make_verified(tmp_path / name)[0] for name in "ab"]
    path = exps[1] / "reconstruct_gl" / "test_clean" / "oracle" / "quality.json"
    document = json.loads(path.read_text())
    document["stoi"]["mean"] += 0.01
    path.write_text(json.dumps(document))
    experiments = make_experiments([collect(exp) for exp in exps])
    conditions = find_conditions(experiments)
    found = levels(
        shown_metrics(experiments), experiments, conditions, Assets(tmp_path / "page")
    )
    models = {
        control: [
            one["model"]
            for one in found
            if (one["metric"], one["control"]) == ("stoi", control)
        ]
        for control in ("natural", "oracle")
    }
    assert models == {"natural": [None], "oracle": ["m0", "m1"]}


def test_a_missing_score_says_why(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    folder = probe_exp / "reconstruct_gl" / "test_clean" / "cnn1"
    (folder / "quality.json").unlink()
    (folder / f"verification_{SECOND}.json").unlink()
    experiments = make_experiments([collect(probe_exp)])
    found = curves(
        shown_metrics(experiments),
        experiments,
        find_conditions(experiments),
        Assets(tmp_path / "page"),
    )
    first = {curve["metric"]: curve["points"][0] for curve in found}
    assert first["stoi"]["value"] is None and first["stoi"]["file"] is None
    assert first["stoi"]["note"] == "not scored: no file quality.json"
    assert first[f"eer_percent:{SECOND}"]["note"] == f"not scored by {SECOND}"
    assert first["eer_percent:ge2e"]["value"] is not None
