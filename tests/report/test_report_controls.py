"""Controls beside a model: rows, differences, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest
import yaml
from verified_case import (
    LAYERS,
    SECOND,
    SPEAKER_OF,
    TRIALS,
    UTTS,
    make_controls,
    make_verified,
    write_table,
)

from espnet_probe.errors import ProbeError
from espnet_probe.report.collect import collect
from espnet_probe.report.control_rows import parse_controls
from espnet_probe.report.results import Row, SetResults
from espnet_probe.report.selectivity import (
    TrialCells,
    differences,
    pooled_cell,
    selectivity_sections,
)
from espnet_probe.report.trial_tables import read_trial_scores
from espnet_probe.report.unit_scores import read_units
from espnet_probe.report.values import WER
from espnet_probe.scores.contrasts import Contrast
from espnet_probe.scores.trials import Trial
from espnet_probe.scores.verification import eer

SET = Path("reconstruct_gl") / "test_clean"


@pytest.fixture(scope="module")
def exps(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """A model and its two controls."""
    probe_exp, _ = make_verified(tmp_path_factory.mktemp("recipe"))
    return {"model": probe_exp, **make_controls(probe_exp)}


def read(exps: Dict[str, Path]) -> SetResults:
    """Read the model with its controls."""
    controls = {kind: exps[kind] for kind in ("random", "shuffled")}
    return collect(exps["model"], controls=controls).sets[0]


def row(results: SetResults, name: str) -> Row:
    """Return a row by its name."""
    return next(one for one in results.rows if one.name == name)


def found(results: SetResults, layer: str, kind: str) -> Dict[str, Contrast]:
    """Return the differences of a layer and its control by title."""
    rows = row(results, layer), row(results, f"{kind} {layer}")
    every = differences(*rows, ["ge2e", SECOND], TrialCells())
    return {one.title: one.found for one in every if one.found is not None}


def test_rows_of_controls_stand_behind_their_layer(exps: Dict[str, Path]) -> None:
    results = read(exps)
    assert [one.name for one in results.rows[:5]] == [
        "natural",
        "oracle",
        "cnn1",
        "random cnn1",
        "shuffled cnn1",
    ]
    assert [one.name for one in results.layers] == list(LAYERS)
    assert [one.name for one in results.layers_of("random")] == [
        f"random {layer}" for layer in LAYERS
    ]
    own = row(results, "random blstm1")
    document = json.loads(
        (exps["random"] / SET / "blstm1/verification.json").read_text()
    )
    assert own.values["eer_percent"].mean == document["eer_percent"]
    assert own.control == "random" and not own.is_layer


def test_differences_are_those_of_the_same_utterances(exps: Dict[str, Path]) -> None:
    results = read(exps)
    both = found(results, "cnn1", "shuffled")
    tables = [exps[one] / SET / "cnn1" / "quality.csv" for one in ("model", "shuffled")]
    units = [read_units(table, "stoi") for table in tables]
    by_speaker: Dict[str, list[float]] = {}
    for utt in UTTS:
        by_speaker.setdefault(SPEAKER_OF[utt], []).append(units[0][utt] - units[1][utt])
    means = [np.mean(values) for values in by_speaker.values()]
    assert both["STOI"].value == pytest.approx(np.mean(means))
    assert both["STOI"].basis == "the same for every speaker"


@pytest.mark.parametrize("kind", ["random", "shuffled"])
def test_error_rates_are_paired_over_the_same_speakers(
    exps: Dict[str, Path], kind: str
) -> None:
    results = read(exps)
    both = found(results, "cnn1", kind)
    for title, key in (("EER (%), ge2e", "eer_percent"), ("WER (%)", "wer_percent")):
        pair = [
            row(results, name).values[key].mean for name in ("cnn1", f"{kind} cnn1")
        ]
        assert pair[0] is not None and pair[1] is not None
        one = both[title]
        assert one.value == pytest.approx(pair[0] - pair[1]) and one.value < 0
        assert one.basis == "paired, 8 speakers"
        assert one.low is not None and one.high is not None
        assert one.low <= one.value <= one.high


def rewrite_trials(exp: Path, kept: Callable[[Trial], bool]) -> Dict[Trial, float]:
    """Keep some of the scored trials of a layer; return their scores."""
    path = exp / SET / "cnn1" / "verification.csv"
    table = read_trial_scores(path)
    scores = {t: s for t, s in zip(table.trials, table.scores) if kept(t)}
    rows = [(t.enrolment, t.test, t.label, score) for t, score in scores.items()]
    write_table(path, ("enrolment", "test", "label", "score"), rows)
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    document["num_trials"] = len(rows)
    path.with_suffix(".json").write_text(json.dumps(document), encoding="utf-8")
    return scores


def test_trials_that_one_side_left_out_count_for_neither(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    exps = {"model": probe_exp, **make_controls(probe_exp)}
    own = rewrite_trials(exps["model"], lambda trial: True)
    lost = rewrite_trials(exps["random"], lambda trial: UTTS[0] not in trial)
    assert 0 < len(lost) < len(own)
    one = found(read(exps), "cnn1", "random")["EER (%), ge2e"]
    targets = np.array([trial.target for trial in lost])
    rates = [eer(np.array([side[t] for t in lost]), targets) for side in (own, lost)]
    assert one.value == pytest.approx(rates[0] - rates[1])
    assert f"the {len(lost)} trials that both have, of {len(own)} and" in one.basis
    assert one.low is not None

    # The control was scored on trials that the model has no more.
    rewrite_trials(exps["model"], lambda trial: UTTS[0] in trial)
    one = found(read(exps), "cnn1", "random")["EER (%), ge2e"]
    assert one.low is None and one.basis == "ge2e scored them on other trials"


def test_a_list_that_is_newer_than_the_scores_is_told_apart(tmp_path: Path) -> None:
    """The control's list of trials is a link to the model's."""
    probe_exp, _ = make_verified(tmp_path)
    exps = {"model": probe_exp, **make_controls(probe_exp)}
    lines = "".join(f"{trial}\n" for trial in TRIALS[:-3])
    for exp in exps.values():
        (exp / SET / "trials").write_text(lines)
    message = f"3 of {len(TRIALS)} scored trials, '{TRIALS[-3]}' for one, are not among"
    with pytest.raises(ProbeError, match=message):
        read(exps)


@pytest.mark.parametrize("changed", ["judge", "utterances", "words"])
def test_rates_of_other_recognisers_or_sentences_are_not_paired(
    tmp_path: Path, changed: str
) -> None:
    probe_exp, _ = make_verified(tmp_path)
    exps = {"model": probe_exp, **make_controls(probe_exp)}
    own = exps["random"] / SET / "cnn1"
    table, summary = own / "recognition.csv", own / "recognition.json"
    lines = table.read_text().splitlines(keepends=True)
    if changed == "judge":
        document = json.loads(summary.read_text())
        document["judge"] = {**document["judge"], "hash": "another"}
        summary.write_text(json.dumps(document))
    elif changed == "utterances":
        table.write_text("".join([*lines[:-1], lines[-1].replace(UTTS[-1], "odd")]))
    else:
        utt, _, rest = lines[-1].split(",", 2)
        table.write_text("".join([*lines[:-1], f"{utt},99,{rest}"]))
    results = read(exps)
    one = found(results, "cnn1", "random")["WER (%)"]
    pair = [
        row(results, name).values["wer_percent"] for name in ("cnn1", "random cnn1")
    ]
    assert pair[0].mean is not None and pair[1].mean is not None
    assert one.value == pair[0].mean - pair[1].mean
    assert one.low is None and "for one of the two" in one.basis
    assert found(results, "cnn1", "shuffled")["WER (%)"].low is not None


def test_pairing_narrows_the_interval_of_words(exps: Dict[str, Path]) -> None:
    results = read(exps)
    one = found(results, "blstm1", "random")["WER (%)"]
    assert one.low is not None and one.high is not None
    pairs = [row(results, n).values["wer_percent"] for n in ("blstm1", "random blstm1")]
    arms = sum(p.ci95[1] - p.ci95[0] for p in pairs if p.ci95 is not None)
    assert one.high - one.low < arms


def test_draws_of_a_pooled_rate_are_rates_of_the_drawn_speakers(
    exps: Dict[str, Path],
) -> None:
    own = row(read(exps), "blstm5")
    cell = pooled_cell(own, WER, "errors", "words")
    assert cell.draws is not None and cell.drawn == tuple(
        sorted(set(SPEAKER_OF.values()))
    )
    # Each speaker has as many words, so that the mean over draws is near the rate.
    assert float(np.mean(cell.draws)) == pytest.approx(cell.value, abs=1.0)
    interval = own.values["wer_percent"].ci95
    assert interval is not None
    assert np.quantile(cell.draws, [0.025, 0.975]) == pytest.approx(interval, abs=0.01)


def test_without_tables_a_difference_has_its_reason(exps: Dict[str, Path]) -> None:
    hidden = []
    for kind in ("model", "random"):
        for name in ("quality.csv", "recognition.csv", "verification.csv"):
            path = exps[kind] / SET / "blstm5" / name
            hidden.append(path.rename(path.with_suffix(".hidden")))
    try:
        both = found(read(exps), "blstm5", "random")
    finally:
        for path in hidden:
            path.rename(path.with_suffix(".csv"))
    assert math.isfinite(both["STOI"].value) and both["STOI"].low is None
    assert "no stoi by utterance" in both["STOI"].basis
    for title in ("EER (%), ge2e", "WER (%)"):
        assert both[title].basis == "unpaired, arms added up"
    assert both[f"EER (%), {SECOND}"].basis == "paired, 8 speakers"


def test_the_table_of_differences(exps: Dict[str, Path]) -> None:
    sections = selectivity_sections(read(exps))
    assert [one.title for one in sections] == [
        "Selectivity: layer minus random",
        "Selectivity: layer minus shuffled",
    ]
    head = ["L1 (natural-log mel)", "STOI", "PESQ-wb (MOS)", "EER (%), ge2e"]
    head += [f"EER (%), {SECOND}", "WER (%)", "CER (%)"]
    assert list(sections[0].head) == head
    assert [line.name for line in sections[0].lines] == list(LAYERS)
    cells = dict(zip(head, sections[0].lines[0].cells))
    assert cells["STOI"].startswith("+0.150") and cells["WER (%)"].startswith("-")
    assert "WER (%), CER (%): paired, 8 speakers" in sections[0].about[1]
    without = collect(exps["model"]).sets[0]
    assert selectivity_sections(without) == []


def edit_layers(folder: Path, **changes: Any) -> None:
    """Change the second layer's description."""
    path = folder / "reconstruct_gl" / "layers.json"
    entries = json.loads(path.read_text())
    entries[1].update(changes)
    path.write_text(json.dumps(entries))


def edit_config(folder: Path, **changes: Any) -> None:
    """Change a configuration."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def test_what_is_no_control_is_refused(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    controls = make_controls(probe_exp)
    random, shuffled = controls["random"], controls["shuffled"]
    layers = random / "reconstruct_gl" / "layers.json"
    kept = layers.read_text(), (random / "config.yaml").read_text()

    def refused(message: str, **given: Path) -> None:
        with pytest.raises(ProbeError, match=message):
            collect(probe_exp, controls=given)
        if layers.parent.is_dir():
            layers.write_text(kept[0])
        (random / "config.yaml").write_text(kept[1])

    edit_layers(random, name="block1")
    refused(
        "other layers than the model: it lacks blstm1 and has block1", random=random
    )
    edit_layers(random, width=7)
    refused("another architecture: blstm1 has width 7", random=random)
    edit_config(random, upstream_hash="f00dfeed")
    refused("has the weights of the model", random=random)
    edit_config(random, upstream_init=None)
    refused("its upstream is trained", random=random)
    edit_config(random, upstream_init="random")
    assert collect(probe_exp, controls={"random": random}).controls
    refused("states were not shuffled", shuffled=random)
    refused("states were shuffled", random=shuffled)
    refused("is the model itself", random=probe_exp)
    edit_config(random, shuffle_states=True)
    refused("is of other weights", shuffled=random)
    edit_config(probe_exp, target={"fs": 16000})
    edit_config(random, target={"fs": 8000})
    refused("another mel-spectrogram", random=random)
    trials = random / SET / "trials"
    lines = trials.read_text().splitlines()
    trials.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    refused(f"trial 2 is '{TRIALS[2]}', the model's is '{TRIALS[1]}'", random=random)
    (random / "reconstruct_gl").rename(random / "reconstruct_other")
    refused("has no reconstruct_gl .*run stages 8 to 11", random=random)


def test_a_set_that_a_control_lacks_is_said(tmp_path: Path) -> None:
    sets = ("test_clean", "test_clean_snr10")
    probe_exp, _ = make_verified(tmp_path, sets=sets)
    random = make_controls(probe_exp)["random"]
    (random / "reconstruct_gl" / sets[1]).rename(random / "elsewhere")
    results = collect(probe_exp, controls={"random": random})
    assert results.sets[0].layers_of("random") and not results.sets[1].layers_of(
        "random"
    )
    assert "test_clean_snr10: no control random" in results.notes[0]


def test_how_controls_are_given(tmp_path: Path) -> None:
    assert parse_controls([f"random={tmp_path}"]) == {"random": tmp_path}
    with pytest.raises(ProbeError, match="got 'untrained=x', expected random=DIR"):
        parse_controls(["untrained=x"])
    with pytest.raises(ProbeError, match="is not a folder"):
        parse_controls([f"random={tmp_path}/none"])
    with pytest.raises(ProbeError, match="given twice"):
        parse_controls([f"random={tmp_path}", f"random={tmp_path}"])
