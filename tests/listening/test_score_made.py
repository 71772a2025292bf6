"""From vocoded sounds to error rates: the three commands after one another."""

import json
from pathlib import Path
from typing import Any, Dict

from listening_experiment import make_vocoded

from espnet_probe.bin import make_listening_test, score_listening_test, simulate_panel
from espnet_probe.listening.key_format import TRIAL, read_key
from espnet_probe.report.human import read_human
from espnet_probe.report.human_tests import HumanTests

RATES = {"natural": 0.0, "oracle": 0.05, "cnn1": 0.1, "blstm1": 0.4}


def test_a_test_is_made_answered_and_scored(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    make_vocoded(tmp_path, speakers=8, each=6)
    command = ["--exp", "exp/probe_a", "--set", "test", "--num_sheets", "3"]
    command += ["--items_per_sheet", "48", "--embedder"]
    make_listening_test.main(command)
    folder = Path("exp/probe_a/listening")
    key = read_key(folder / "key.json")
    assert key.settings["layers"] == list(RATES)
    panel = ["--key", str(folder / "key.json"), "--output_dir", "panel"]
    rates = [f"{layer}={rate}" for layer, rate in RATES.items()]
    simulate_panel.main([*panel, "--num_listeners", "24", "--error_rates", *rates])
    command = ["--key", str(folder / "key.json"), "--answers", "panel", "--simulated"]
    score_listening_test.main([*command, "--num_bootstrap", "200"])
    path = folder / "simulated" / "listening.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["files"]["refused"] == []
    found: Dict[str, Any] = {one["layer"]: one for one in content["rates"]}
    assert list(found) == list(RATES)
    for layer, rate in RATES.items():
        low, high = found[layer]["error_percent_ci95"]
        assert low <= 100 * rate <= high
        # What several sheets have in common is one triplet each.
        shown = [i for items in key.sheets.values() for i in items if i.layer == layer]
        trials = {item.triplet for item in shown if item.kind == TRIAL}
        assert found[layer]["triplets"] == len(trials)
        assert found[layer]["embedders"] == {}
    assert sum(one["triplets"] for one in content["rates"]) < sum(
        item.kind == TRIAL for items in key.sheets.values() for item in items
    )
    assert found["blstm1"]["error_percent"] > found["cnn1"]["error_percent_ci95"][1]


def test_what_experiments_share_stands_under_each(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    exps = []
    for name in ("probe_a", "probe_b"):
        make_vocoded(tmp_path, speakers=8, each=6, name=name)
        exps.append(f"exp/{name}")
    command = ["--exp", *exps, "--set", "test", "--items_per_sheet", "40"]
    make_listening_test.main([*command, "--embedder"])
    folder = Path("exp/probe_a/listening")
    answers = ["--key", str(folder / "key.json"), "--output_dir", "panel"]
    layers = [f"{layer}={rate}" for layer, rate in RATES.items()]
    simulate_panel.main([*answers, "--error_rates", *layers])
    score = ["--key", str(folder / "key.json"), "--answers", "panel", "--simulated"]
    score_listening_test.main([*score, "--num_bootstrap", "200"])
    held = HumanTests([Path("exp/probe_b")])
    assert held.held == {}
    human, problem = read_human(folder / "simulated" / "listening.json")
    assert human is not None, problem
    content = json.loads(human.path.read_text(encoding="utf-8"))
    own, other = ([r for r in content["rates"] if r["exp"] == exp] for exp in exps)
    assert [one["layer"] for one in own] == list(RATES)
    assert [one["layer"] for one in other] == list(RATES)
    assert other[0] == {**own[0], "exp": exps[1], "folder": other[0]["folder"]}
    # Heard once: recordings, and oracles of the same mels.
    assert [one["of"] for one in other] == [exps[0]] * 2 + [exps[1]] * 2
    rates = human.of(Path("exp/probe_b"))
    assert [one.layer for one in rates] == list(RATES)
    assert {one.folder for one in rates} == {tmp_path.resolve() / "exp/probe_b"}
