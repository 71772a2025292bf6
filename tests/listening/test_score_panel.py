"""A simulated panel's error rates come out of scoring as they were put in."""

import csv
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from listening_case import LAYERS, make_key, words_of_figure, write_key

from espnet_probe.bin import score_listening_test, simulate_panel
from espnet_probe.errors import ProbeError
from espnet_probe.listening.panel import Panel, expected_errors


def simulate(folder: Path, *options: str) -> Path:
    command = ["--key", str(folder / "key.json"), "--output_dir", str(folder / "in")]
    simulate_panel.main([*command, *options])
    return folder / "in"


def scored(folder: Path, *options: str) -> Dict[str, Any]:
    command = ["--key", str(folder / "key.json"), "--answers", str(folder / "in")]
    command += ["--output_dir", str(folder / "out"), "--num_bootstrap", "400"]
    score_listening_test.main([*command, *options])
    found: Dict[str, Any] = json.loads((folder / "out" / "listening.json").read_text())
    return found


RATES = {"cnn1": 0.02, "blstm1": 0.1, "blstm3": 0.3, "blstm5": 0.48}


def inside(one: Dict[str, Any], percent: float) -> bool:
    low, high = one["error_percent_ci95"]
    return bool(low <= percent <= high)


@pytest.mark.parametrize("scale", ["ab", "similarity"])
def test_rates_put_in_come_out(tmp_path: Path, scale: str) -> None:
    write_key(make_key(num_sheets=3, per_layer=10, scale=scale), tmp_path)
    texts = [f"{layer}={rate}" for layer, rate in RATES.items()]
    simulate(tmp_path, "--num_listeners", "30", "--error_rates", *texts)
    content = scored(tmp_path, "--simulated", "--max_failed_attention", "2")
    rates = {one["layer"]: one for one in content["rates"]}
    assert [one["answers"] for one in rates.values()] == [300] * 4
    for layer, rate in RATES.items():
        assert inside(rates[layer], 100 * rate)
    # And no others: the intervals are narrow enough to tell the layers apart.
    for one, other in zip(LAYERS, LAYERS[1:]):
        assert not inside(rates[one], 100 * RATES[other])
        assert not inside(rates[other], 100 * RATES[one])


def test_a_panel_that_hears_an_embedder_follows_its_scores(tmp_path: Path) -> None:
    key = make_key(num_sheets=3, per_layer=10)
    write_key(key, tmp_path)
    options = ["--embedder", "ge2e", "--noise", "0.15", "--num_listeners", "30"]
    simulate(tmp_path, *options)
    content = scored(tmp_path, "--simulated")
    sheets = [1 + number % 3 for number in range(30)]
    put_in = expected_errors(key, Panel(embedder="ge2e", noise=0.15), sheets)
    found = {
        (one["exp"], one["set"], one["condition"], one["layer"]): one
        for one in content["rates"]
    }
    assert set(found) == set(put_in)
    for place, percent in put_in.items():
        assert inside(found[place], percent)
    values = [put_in[place] for place in found]
    assert values[0] < 10 and 40 < values[-1] < 60 and values == sorted(values)


def test_without_noise_a_panel_is_the_embedder(tmp_path: Path) -> None:
    write_key(make_key(num_sheets=2, per_layer=8), tmp_path)
    simulate(tmp_path, "--embedder", "ge2e", "--noise", "0", "--attention_error", "0")
    for one in scored(tmp_path, "--simulated")["rates"]:
        assert one["error_percent"] == one["embedders"]["ge2e"]["error_percent"]


def test_simulated_answers_are_never_taken_for_peoples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key(make_key(), tmp_path)
    simulate(tmp_path, "--embedder", "ge2e", "--noise", "0.1")
    with pytest.raises(ProbeError, match="not by a person but simulated"):
        scored(tmp_path)
    assert not (tmp_path / "out" / "listening.json").exists()
    content = scored(tmp_path, "--simulated")
    assert content["simulated"] == ["embedder ge2e, noise 0.1, seed 0"]
    printed = capsys.readouterr().out
    assert printed.count("SIMULATED listeners, no person answered") == 2
    drawn = words_of_figure(tmp_path / "out" / "listening.json")
    assert any("SIMULATED" in words for words in drawn)
    assert (tmp_path / "out" / "listening.png").is_file()
    with (tmp_path / "out" / "listening.csv").open(newline="") as stream:
        rows: List[Dict[str, str]] = list(csv.DictReader(stream))
    assert {row["simulated"] for row in rows} == {"embedder ge2e, noise 0.1, seed 0"}


def test_simulated_results_do_not_replace_peoples(tmp_path: Path) -> None:
    write_key(make_key(), tmp_path)
    simulate(tmp_path, "--embedder", "ge2e")
    key, answers = str(tmp_path / "key.json"), str(tmp_path / "in")
    command = ["--key", key, "--answers", answers, "--simulated"]
    score_listening_test.main(command)
    # By default they have a folder of their own.
    path = tmp_path / "simulated" / "listening.json"
    content = json.loads(path.read_text())
    content["simulated"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(ProbeError, match="holds what people answered"):
        score_listening_test.main(command)


def test_what_cannot_be_read_is_not_replaced_by_simulated_results(
    tmp_path: Path,
) -> None:
    write_key(make_key(), tmp_path)
    simulate(tmp_path, "--embedder", "ge2e")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "listening.json").write_text("of people, perhaps")
    with pytest.raises(ProbeError, match="or cannot be read: give --simulated"):
        scored(tmp_path, "--simulated")
    assert (tmp_path / "out" / "listening.json").read_text() == "of people, perhaps"


def test_a_smaller_panel_takes_the_place_of_a_larger_one(tmp_path: Path) -> None:
    write_key(make_key(), tmp_path)
    folder = simulate(tmp_path, "--embedder", "ge2e", "--num_listeners", "6")
    assert len(list(folder.iterdir())) == 6
    # A person's file is nobody's to remove, whatever it is called.
    person = json.loads(next(folder.iterdir()).read_text())
    person["simulated"] = ""
    own = folder / "simulated_999_sheet_1.json"
    own.write_text(json.dumps(person))
    simulate(tmp_path, "--embedder", "ge2e", "--num_listeners", "2")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3 and own.name in names
    assert names[0].startswith("simulated_001") and names[1].startswith("simulated_002")


def test_a_failed_check_rate_is_what_excludes(tmp_path: Path) -> None:
    write_key(make_key(), tmp_path)
    rates = [f"{layer}=0.1" for layer in LAYERS]
    simulate(tmp_path, "--error_rates", *rates, "--attention_error", "1")
    with pytest.raises(ProbeError, match="2 of 2 attention checks failed"):
        scored(tmp_path, "--simulated")


@pytest.mark.parametrize(
    "options, said",
    [
        (["--error_rates", "cnn1=0.1"], "none of layer blstm1"),
        (["--error_rates", "cnn1"], "expected each layer once"),
        (["--error_rates", "cnn1=2"], "expected each layer once"),
        (["--error_rates", "cnn1=nan"], "expected each layer once"),
        (["--error_rates", "cnn1=0", "cnn1=0"], "expected each layer once"),
        (["--embedder", "other"], "no scores of embedder other"),
        (["--embedder", "ge2e", "--noise", "-1"], "--noise"),
        (["--embedder", "ge2e", "--num_listeners", "0"], "--num_listeners"),
        (["--embedder", "ge2e", "--attention_error", "2"], "--attention_error"),
    ],
)
def test_a_panel_that_does_not_fit_is_refused(
    tmp_path: Path, options: List[str], said: str
) -> None:
    write_key(make_key(), tmp_path)
    with pytest.raises(ProbeError, match=said):
        simulate(tmp_path, *options)
    assert not (tmp_path / "in").exists()
