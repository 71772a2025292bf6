"""Embedders, recognition and controls in the report of several models."""

import json
import shutil
from pathlib import Path
from typing import Dict, List

import pytest
from verified_case import LAYERS, SECOND, make_controls, make_verified

from espnet_probe.bin import make_report
from espnet_probe.errors import ProbeError
from espnet_probe.study.study import Model, give_controls

SETS = ("test_clean", "test_clean_snr10")


@pytest.fixture(scope="module")
def exps(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """A model with two controls, in a clean and a noisy condition."""
    probe_exp, asr_exp = make_verified(tmp_path_factory.mktemp("recipe"), sets=SETS)
    wer = asr_exp / "decode_asr_model_valid.loss.ave"
    (asr_exp / "decode_ctc").rename(wer)
    config = probe_exp / "config.yaml"
    lines = "upstream_exp: exp/asr_blstm\nupstream_model: valid.loss.ave.pth\n"
    config.write_text(lines + "upstream_hash: f00dfeed\nprobe: highway\n")
    return {"model": probe_exp, **make_controls(probe_exp, sets=SETS)}


def report(exps: Dict[str, Path], output: Path, *options: str) -> str:
    """Make the joined report of one model."""
    given = ["--model", f"blstm:robust={exps['model']}", "--set", SETS[0]]
    make_report.main([*given, "--output_dir", str(output), *options])
    return (output / "RESULTS.md").read_text()


def controls(exps: Dict[str, Path]) -> List[str]:
    """Return the options that give a model its controls."""
    kinds = [kind for kind in exps if kind != "model"]
    return ["--control", *(f"blstm:robust:{kind}={exps[kind]}" for kind in kinds)]


def table_after(text: str, line: str) -> List[List[str]]:
    """Return the rows of the first table after a line, with its head."""
    lines = text[text.index(f"\n{line}\n") + 1 :].splitlines()
    start = next(i for i, one in enumerate(lines) if one.startswith("|"))
    rows = []
    for one in lines[start:]:
        if not one.startswith("|"):
            break
        rows.append(one.strip("|").split("|"))
    return [rows[0], *rows[2:]]


def read(exps: Dict[str, Path], kind: str, place: str) -> Dict[str, float]:
    """Read a result file."""
    path = exps[kind] / "reconstruct_gl" / place
    content: Dict[str, float] = json.loads(path.read_text())
    return content


def test_tables_of_embedders_recognition_and_controls(
    exps: Dict[str, Path], tmp_path: Path
) -> None:
    text = report(exps, tmp_path, "--no_figures", *controls(exps))
    assert f"- embedder {SECOND}: weights trained on 8 speakers of train_mini" in text
    assert "- intervals of ge2e: too narrow, being over 8 speakers" in text
    rows = table_after(text, "#### blstm")
    assert [row[:3] for row in rows[1:5]] == [
        ["clean", "robust", "ge2e"],
        ["clean", "robust", "ge2e, original enrolment"],
        ["clean", "robust", SECOND],
        ["clean", "robust", f"{SECOND}, original enrolment"],
    ]
    document = read(exps, "model", f"test_clean/blstm5/verification_{SECOND}.json")
    assert rows[3][-1].startswith(f"{document['eer_percent']:.1f} [")
    rows = table_after(text, "WER (%) of the reconstructions")
    assert rows[0] == ["input", "training", "natural", "oracle", *LAYERS]
    document = read(exps, "model", "test_clean_snr10/cnn1/recognition.json")
    shown = f"{document['wer_percent']:.1f} ["
    assert rows[2][4].startswith(shown)
    assert rows[2][4].endswith(f"({document['errors']}/{document['words']})")
    assert "- judge: model exp/asr\\_judge" in text or "model exp/asr_judge" in text
    start = text[text.index("## Controls and selectivity") :]
    assert f"- blstm, robust, random: {exps['random']}" in start
    rows = table_after(start, "EER (%)")
    assert [row[2] for row in rows[1:5]] == [
        *("random", "layer - random", "shuffled", "layer - shuffled")
    ]
    both = [
        read(exps, kind, "test_clean/cnn1/verification.json")["eer_percent"]
        for kind in ("model", "random")
    ]
    assert rows[1][3].startswith(f"{both[1]:.1f} [")
    assert rows[2][3].startswith(f"{both[0] - both[1]:+.1f} [")
    for title in ("STOI", "WER (%)", "L1 (natural-log mel)"):
        assert len(table_after(start, title)) == 9


def test_figures_of_recognition_and_controls(
    exps: Dict[str, Path], tmp_path: Path
) -> None:
    text = report(exps, tmp_path, *controls(exps), "--conditions", "clean")
    for name in ("recognition", "controls_eer_percent", "controls_stoi"):
        assert f"(figures/blstm_{name}.png)" in text
        assert (tmp_path / "figures" / f"blstm_{name}.png").stat().st_size > 5000


def test_without_controls_and_recognition_nothing_is_said_of_them(
    make_experiment, tmp_path: Path  # type: ignore[no-untyped-def]
) -> None:
    exp, _ = make_experiment(tmp_path, layers=("cnn1", "blstm1"))
    text = report({"model": exp}, tmp_path / "joined", "--no_figures")
    for title in ("Recognition of", "Controls and", "By embedder", "no WER of"):
        assert title not in text
    assert "embedder ge2e: weights trained on unknown data" in text


def test_broken_tables_are_named_and_the_rest_shown(
    exps: Dict[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "recipe"
    shutil.copytree(exps["model"].parents[1], root)
    own = {"model": root / "exp" / exps["model"].name}
    folder = own["model"] / "reconstruct_gl" / SETS[0]
    (folder / "cnn1" / "verification.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "blstm1" / "quality.csv").write_text("utt_id,stoi\na,half\n")
    (folder / "natural" / "quality.csv").write_text("utt_id,stoi\na,half\n")
    text = report(own, tmp_path / "joined", "--no_figures")
    missing = text[text.index("## Missing or doubtful") :]
    assert "no paired differences of EERs of cnn1: " in missing
    assert "verification.csv cannot be read" in missing
    assert "no interval of the STOI of blstm1: " in missing
    assert "no interval of the STOI of natural: " in missing
    assert "; 1 tables cannot be read)" in text
    rows = table_after(text, "## Equal error rate (%)")
    assert all(cell != "-" for cell in rows[1][2:])


def test_trials_that_a_silent_layer_lacks_do_not_stop_the_report(
    exps: Dict[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "recipe"
    shutil.copytree(exps["model"].parents[1], root)
    own = {"model": root / "exp" / exps["model"].name}
    layer = own["model"] / "reconstruct_gl" / SETS[0] / "blstm5"
    lines = (layer / "verification.csv").read_text().splitlines()
    (layer / "verification.csv").write_text("\n".join(lines[:-2]) + "\n")
    document = json.loads((layer / "verification.json").read_text())
    document["num_trials"] -= 2
    (layer / "verification.json").write_text(json.dumps(document))
    with pytest.raises(ProbeError, match="expected the same trials"):
        report(own, tmp_path / "refused", "--no_figures")
    document = json.loads((layer / "verification.json").read_text())
    document["excluded_trials"] = 2
    (layer / "verification.json").write_text(json.dumps(document))
    text = report(own, tmp_path / "told", "--no_figures")
    assert "the same trials for all" in text
    assert "no paired differences of EERs of blstm5" not in text


def test_how_controls_are_given_to_models(tmp_path: Path) -> None:
    models = [Model("vgg", "baseline", tmp_path), Model("vgg", "robust", tmp_path)]
    found = give_controls(models, [f"vgg:robust:random={tmp_path}"])
    assert [model.controls for model in found] == [{}, {"random": tmp_path}]
    for text in (f"vgg:other:random={tmp_path}", f"random={tmp_path}", "vgg:robust=x"):
        with pytest.raises(
            ProbeError, match="ARCHITECTURE:TRAINING:KIND=DIR of a given"
        ):
            give_controls(models, [text])
    with pytest.raises(ProbeError, match="got 'noise=.*expected random=DIR"):
        give_controls(models, [f"vgg:robust:noise={tmp_path}"])
