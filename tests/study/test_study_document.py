"""The joined report: cells are the files' numbers, drops paired, trials compared."""

import csv
import json
import re
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import numpy as np
import pytest
from omniio import kaldi

from espnet_probe.bin import check_claims, make_report
from espnet_probe.errors import ProbeError

SETS = ("test_clean", "test_clean_snr10", "test_clean_snr0")
LAYERS = ("cnn1", "cnn2", "blstm1")
MEL = """\
{fmax: null, fmin: 0.0, fs: 16000, hop_length: 200, n_fft: 2048, n_mels: 80,
 pre_emphasis: 0.97, win_length: 800}
"""
Made = Callable[..., Tuple[Path, Path]]


def rows_under(text: str, title: str) -> List[List[str]]:
    """The first table after a heading, without its head."""
    lines = text[text.index(f"{title}\n") :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        found.append(line.strip("|").split("|"))
    return found


def write_units(folder: Path, values: Dict[str, float]) -> None:
    """Write a quality.csv, and its mean into quality.json."""
    with (folder / "quality.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["utt_id", "stoi"])
        writer.writerows(values.items())
    document = json.loads((folder / "quality.json").read_text())
    document["stoi"]["mean"] = float(np.mean(list(values.values())))
    (folder / "quality.json").write_text(json.dumps(document))


def write_noise(noisy: Path, clean: Path, level: float) -> None:
    """Write the mels of a clean folder into another, a pattern added."""
    mels = dict(kaldi.load_scp(str(clean / "feats.scp")))
    pattern = np.sin(np.arange(80)).astype(np.float32)
    louder = {utt: mel + level * pattern for utt, mel in mels.items()}
    kaldi.save_ark(str(noisy / "feats.ark"), louder, scp=str(noisy / "feats.scp"))


@pytest.fixture
def models(make_experiment: Made, tmp_path: Path) -> Dict[str, Path]:
    """Two trainings of one architecture on a clean and two noisy sets."""
    found = {}
    for number, training in enumerate(("baseline", "robust")):
        exp, _ = make_experiment(tmp_path / training, layers=LAYERS, sets=SETS)
        exp.parent.joinpath("asr_blstm", "decode_ctc").rename(
            exp.parent / "asr_blstm" / "decode_asr_model_valid.loss.ave"
        )
        config = "upstream_exp: exp/asr_blstm\nupstream_model: valid.loss.ave.pth\n"
        (exp / "config.yaml").write_text(f"{config}probe: highway\n")
        random = np.random.default_rng(number)
        utts = [f"utt{i}" for i in range(12)]
        easy = dict(zip(utts, random.uniform(0.7, 0.9, len(utts))))
        for place, name in enumerate(SETS):
            # Two utterances of each of six speakers.
            said = "".join(f"utt{i} spk{i % 6}\n" for i in range(12))
            (tmp_path / training / "dump" / "raw" / name / "utt2spk").write_text(said)
            (exp / "reconstruct_gl" / name / "trials").write_text("a b target\n")
            (exp / "reconstruct_gl" / name / "mel.yaml").write_text(MEL)
            for layer in LAYERS:
                # Noise takes nearly the same from every utterance.
                lost = 0.1 * place * (2 - number)
                values = {u: v - lost + 1e-3 * random.random() for u, v in easy.items()}
                write_units(exp / "reconstruct_gl" / name / layer, values)
        found[training] = exp
    return found


def report(models: Dict[str, Path], output: Path, *options: str) -> str:
    """Make the joined report without its plots, which take their time."""
    return whole_report(models, output, "--no_figures", *options)


def whole_report(models: Dict[str, Path], output: Path, *options: str) -> str:
    """Make the joined report."""
    given = [f"vgg_blstm:{training}={exp}" for training, exp in models.items()]
    command = ["--model", *given, "--set", SETS[0], "--output_dir", str(output)]
    make_report.main([*command, *options])
    return (output / "RESULTS.md").read_text()


def test_tables_hold_the_numbers_of_the_files(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    text = report(models, tmp_path / "joined")
    rows = rows_under(text, "## Word error rate (%)")
    assert [row[:2] for row in rows] == [
        *(["vgg_blstm", "baseline"], ["vgg_blstm", "robust"])
    ]
    assert rows[0][2:] == ["12.3 [10.1, 14.2] (37/300)"] * 3
    rows = rows_under(text, "## Equal error rate (%)")
    assert [row[:2] for row in rows] == [
        [condition, training]
        for condition in ("clean", "snr10", "snr0")
        for training in ("baseline", "robust")
    ]
    folder = models["robust"] / "reconstruct_gl" / SETS[1] / "blstm1"
    document = json.loads((folder / "verification.json").read_text())
    low, high = document["eer_percent_ci95"]
    assert rows[3][-1] == f"{document['eer_percent']:.1f} [{low:.1f}, {high:.1f}]"
    natural = json.loads((folder.parent / "natural" / "verification.json").read_text())
    assert rows[3][2].startswith(f"{natural['eer_percent']:.1f} ")
    assert "400 trials a cell." in text
    assert "the same trials for all layers, conditions and models, 1 (" in text
    exp = models["robust"]
    assert f"vgg_blstm, robust: {exp}, probe highway, WER 12.3 %" in text
    none = report(models, tmp_path / "none", "--decoding", "decode_other")
    assert "no WER: no score_wer/wer.json below" in none


def test_plots_stand_where_they_belong(models: Dict[str, Path], tmp_path: Path) -> None:
    text = whole_report(models, tmp_path / "joined")
    found = re.findall(r"^(#+ .*)$|\((figures/.*)\)", text, re.MULTILINE)
    under, title = {}, ""
    for heading, plot in found:
        title = heading or title
        if plot:
            under[plot] = title
            assert (tmp_path / "joined" / plot).stat().st_size
    assert under == {
        "figures/vgg_blstm_eer.png": "### vgg_blstm",
        "figures/vgg_blstm_robust_embedders.png": "### By embedder",
        "figures/vgg_blstm_stoi.png": "### vgg_blstm",
        "figures/vgg_blstm_drop.png": "### vgg_blstm",
        "figures/vgg_blstm_mels.png": "## Mel-spectrograms",
    }
    assert "(figures/" not in report(models, tmp_path / "joined")


def test_what_noise_takes_is_paired(models: Dict[str, Path], tmp_path: Path) -> None:
    text = report(models, tmp_path / "joined")
    rows = rows_under(text, "## STOI, clean minus noisy")
    assert [row[:2] for row in rows[:2]] == [
        *(["clean - snr10", "baseline"], ["clean - snr10", "robust"])
    ]
    # Between utterances the values differ by 0.2, the losses by 0.001.
    for row, lost in zip(rows, (0.2, 0.1, 0.4, 0.2)):
        value, bounds = row[2].split(" ", 1)
        low, high = (float(one) for one in bounds.strip("[]").split(", "))
        assert abs(float(value) - lost) < 2e-3 and high - low < 2e-3


def test_controls_have_intervals_over_speakers_as_the_layers_have(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    folder = models["robust"] / "reconstruct_gl" / SETS[1]
    document = json.loads((folder / "oracle" / "quality.json").read_text())
    assert document["stoi"]["ci95"] and not (folder / "oracle/quality.csv").exists()
    # The same values by utterance, so the same interval.
    units = (folder / "cnn2" / "quality.csv").read_text()
    (folder / "natural" / "quality.csv").write_text(units)
    row = rows_under(report(models, tmp_path / "joined"), "## STOI")[3]
    assert row[:2] == ["snr10", "robust"]
    assert row[2] == row[5] and "[" in row[2]
    assert row[3] == f"{document['stoi']['mean']:.3f}"


def test_other_trials_are_refused(models: Dict[str, Path], tmp_path: Path) -> None:
    other = models["robust"] / "reconstruct_gl" / SETS[2] / "trials"
    other.write_text("c d target\n")
    with pytest.raises(ProbeError, match="trial 1 is 'c d target', in .* 'a b target'"):
        report(models, tmp_path / "joined")
    assert not (tmp_path / "joined" / "RESULTS.md").exists()
    # Those of a condition that is not asked for do not matter.
    report(models, tmp_path / "joined", "--conditions", "clean", "snr10")


def test_conditions_of_another_time_are_left_out(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    text = report(models, tmp_path / "joined", "--conditions", "clean", "snr10", "snr5")
    assert "snr0" not in text.split("## Models")[1]
    rows = rows_under(text, "## Equal error rate (%)")
    assert [row[0] for row in rows] == ["clean", "clean", "snr10", "snr10"]
    assert "- vgg_blstm, baseline: not reconstructed: snr5\n" in text
    # One is decoded before it is reconstructed.
    rows = rows_under(text, "## Word error rate (%)")
    assert [row[-1] for row in rows] == ["-", "-"] and len(rows[0]) == 5


def test_cells_of_a_model_that_is_not_trained_enough_are_marked_and_listed(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    for path in models["baseline"].parent.rglob("wer.json"):
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "wer_percent": 61.5}))
    text = report(models, tmp_path / "joined")
    for title in ("## Equal error rate (%)", "## STOI", "## STOI, clean minus noisy"):
        own, other = rows_under(text, title)[:2]
        assert [own[1], other[1]] == ["baseline", "robust"]
        layers = own[-len(LAYERS) :]
        assert all(cell.endswith(" †") for cell in layers) and "†" not in str(other)
        # A control is no cell of the model.
        assert "†" not in str(own[: -len(LAYERS)])
    assert (
        "61.5 [10.1, 14.2] (37/300) †" in rows_under(text, "## Word error rate (%)")[0]
    )
    listed = text.split("† not trained enough: ")[1].split("\n\n")[1]
    assert listed == (
        "- vgg_blstm, baseline, WER 61.5 %, above 30 %: 9 of EER (%) and 9 of STOI "
        "(clean, snr10, snr0, each for cnn1, cnn2, blstm1)"
    )
    for limit in ("62", "none"):
        assert "†" not in report(models, tmp_path / limit, "--max_wer", limit)


def test_probes_that_differ_are_told(models: Dict[str, Path], tmp_path: Path) -> None:
    assert "the probes differ" not in report(models, tmp_path / "joined")
    with (models["robust"] / "config.yaml").open("a") as file:
        file.write("probe_conf:\n  layers: 2\n")
    text = report(models, tmp_path / "joined")
    assert "robust: " in text and ", probe highway (layers 2), " in text
    assert "the probes differ (highway; highway (layers 2))" in text


def test_settings_that_differ_are_told(models: Dict[str, Path], tmp_path: Path) -> None:
    assert "settings differ" not in report(models, tmp_path / "joined")
    for (training, exp), updates in zip(models.items(), (50, 9)):
        folder = exp / "reconstruct_gl" / SETS[0]
        content = {"config": {"vocoder": {"updates": updates}}}
        (folder / "cnn1" / "vocode.json").write_text(json.dumps(content))
        (folder / "mel.yaml").write_text(
            MEL.replace("n_mels: 80", f"n_mels: {updates}")
        )
        with (exp / "config.yaml").open("a") as file:
            path = f"[[data/{training}/wav.scp, speech, sound]]"
            file.write(f"train_data_path_and_name_and_type: {path}\n")
    lines = doubts(report(models, tmp_path / "joined"))
    for found in ("updates 50: vgg_blstm, baseline", "n_mels 9: vgg_blstm, robust"):
        assert sum(found in line for line in lines) == 1
    said = "data/baseline: vgg_blstm, baseline; data/robust: vgg_blstm, robust"
    assert any(said in line for line in lines)


def test_the_papers_values_stand_in_rows_of_their_own(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    assert "ThinResNet" not in report(models, tmp_path / "without")
    text = report(models, tmp_path / "joined", "--paper")
    rows = rows_under(text, "## Equal error rate (%)")
    assert rows[0][:2] == ["clean", "baseline"]
    name = "baseline, paper's ThinResNet"
    assert rows[1] == ["clean", name, "-", "-", "4.47", "4.72", "16.20"]
    assert rows_under(text, "## Word error rate (%)")[1][-2:] == ["22.64", "22.51"]


def test_what_the_recipe_says_of_the_study_is_in_the_report(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "joined").mkdir()
    assert "## Study" not in report(models, tmp_path / "joined")
    (tmp_path / "joined" / "study.yaml").write_text("seed: 3\nnoise: generated\n")
    text = report(models, tmp_path / "joined")
    assert text.endswith("## Study\n\n```yaml\nseed: 3\nnoise: generated\n```\n")


def test_seconds_per_stage_stand_by_model(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    lines = [("1", "data", 50, "data"), ("7", "probes", 9, str(tmp_path / "exp/other"))]
    lines += [("asr 11", "train", 70, "exp/asr_of_a_study_that_was_removed")]
    for training, exp in models.items():
        asr = exp.parent / "asr_blstm"
        lines += [("asr 11", "train", 100 + len(training), str(asr))]
        lines += [("7", "probes", 20, str(exp)), ("7", "probes", 3, str(exp))]
    (tmp_path / "exp" / "other").mkdir(parents=True)
    (tmp_path / "exp" / "other" / "config.yaml").write_text("of another study\n")
    times = tmp_path / "times.jsonl"
    keys = ("stage", "name", "seconds", "exp")
    times.write_text("".join(f"{json.dumps(dict(zip(keys, x)))}\n" for x in lines))
    text = report(models, tmp_path / "joined", "--stage_times", str(times))
    assert "|stage|what|vgg_blstm baseline|vgg_blstm robust|shared|" in text
    assert rows_under(text, "## Seconds per stage") == [
        ["1", "data", "-", "-", "50"],
        ["asr 11", "train", "108", "106", "-"],
        ["7", "probes", "23", "23", "-"],
        ["all", "total", "131", "129", "50"],
    ]
    assert "- machine: `" in text
    text = report(models, tmp_path / "joined", "--stage_times", str(tmp_path / "no"))
    assert "## Seconds" not in text and "- stage times: no file" in text


def test_verdicts_stand_in_the_report_if_they_are_of_its_cells(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "joined"
    given = [f"vgg_blstm:{training}={exp}" for training, exp in models.items()]
    command = ["--model", *given, "--set", SETS[0], "--output_dir", str(output)]
    assert "## The paper's claims" not in report(models, output)
    check_claims.main(command)
    text = report(models, output)
    rows = rows_under(text, "## The paper's claims")
    found = json.loads((output / "claims.json").read_text())["claims"]
    assert [row[1] for row in rows] == [f"**{claim['verdict']}**" for claim in found]
    assert "Checked on these layers: vgg_blstm: cnn1, cnn2, blstm1." in text
    # Of fewer conditions, or of scores of before: not these results.
    check_claims.main([*command, "--conditions", "clean", "snr10"])
    text = report(models, output)
    assert "## The paper's claims" not in text
    assert "of other results (of clean, snr10; shown are clean, snr10, snr0)" in text
    check_claims.main(command)
    write_units(models["robust"] / "reconstruct_gl" / SETS[1] / "cnn2", {"a": 0.5})
    assert "(vgg_blstm, robust, snr10, cnn2, stoi)" in report(models, output)


def test_verdicts_are_stale_whatever_has_changed(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "joined"
    given = [f"vgg_blstm:{training}={exp}" for training, exp in models.items()]
    command = ["--model", *given, "--set", SETS[0], "--output_dir", str(output)]
    folder = models["robust"] / "reconstruct_gl"
    # A measure that is scored later.
    scores = [*folder.glob("*/cnn2/quality.json"), *folder.glob("*/cnn2/quality.csv")]
    for path in scores:
        path.rename(path.with_suffix(".later" + path.suffix))
    check_claims.main(command)
    assert "## The paper's claims" in report(models, output)
    for path in scores:
        path.with_suffix(".later" + path.suffix).rename(path)
    text = report(models, output)
    assert "## The paper's claims" not in text
    assert "of other results (vgg_blstm, robust, clean, cnn2, stoi)" in text
    # Another limit, so that no verdict stands beside a table full of marks.
    check_claims.main([*command, "--max_wer", "none"])
    assert "## The paper's claims" in report(models, output)
    text = report(models, output, "--max_wer", "10")
    assert "## The paper's claims" not in text
    assert "(vgg_blstm, baseline is not trained enough here alone)" in text
    # The noise that is left, from mels.
    for level, row in ((1.0, "oracle"), (0.5, "blstm1")):
        write_noise(folder / SETS[1] / row, folder / SETS[0] / row, level)
    check_claims.main(command)
    found = json.loads((output / "claims.json").read_text())["cells"]
    (kept,) = [c["value"] for c in found if c["measure"] == "noise_kept"]
    assert kept == pytest.approx(0.5, abs=1e-3)
    assert "## The paper's claims" in report(models, output)
    write_noise(folder / SETS[1] / "blstm1", folder / SETS[0] / "blstm1", 0.9)
    text = report(models, output)
    assert "(vgg_blstm, robust, snr10, blstm1, noise_kept)" in text
    # Fewer models.
    check_claims.main(command)
    text = report({"robust": models["robust"]}, output)
    assert "(vgg_blstm, baseline is a model there alone)" in text


def doubts(text: str) -> List[str]:
    """Return the lines under 'Missing or doubtful'."""
    return text.split("## Missing or doubtful\n\n")[1].strip().split("\n")


def test_what_is_broken_or_missing_is_told_in_few_lines(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    before = set(doubts(report(models, tmp_path / "before")))
    folder = models["robust"] / "reconstruct_gl"
    broken = folder / SETS[1] / "cnn2" / "verification.json"
    broken.write_text(broken.read_text()[:40])
    for name in SETS:
        for layer in LAYERS:
            (folder / name / layer / "quality.json").unlink()
    (folder / SETS[2] / "cnn1" / "verification.json").unlink()
    (folder / SETS[2] / "natural" / "verification.json").unlink()
    text = report(models, tmp_path / "joined")
    assert rows_under(text, "## Equal error rate (%)")[3][5] == "-"
    told = [line for line in doubts(text) if line not in before]
    told = [line for line in told if "no EER" in line or "no STOI" in line]
    start, missing = "- vgg_blstm, robust: ", "not scored: no file"
    (unread,) = [line for line in told if missing not in line]
    reason = "verification.json cannot be read: "
    assert unread.startswith(f"{start}snr10: no EER of cnn2: {reason}")
    assert set(told) - {unread} == {
        f"{start}snr0: no EER of cnn1: {missing} verification.json",
        f"{start}snr0: no EER of natural: {missing} verification.json",
        f"{start}clean, snr10, snr0: no STOI of any layer: {missing} quality.json",
    }


def test_too_few_speakers_are_told(models: Dict[str, Path], tmp_path: Path) -> None:
    text = report(models, tmp_path / "before")
    assert "12 utterances a cell, of 6 speakers; the reference" in text
    assert "too little data" not in text
    said = "".join(f"utt{i} spk{i % 4}\n" for i in range(12))
    for exp in models.values():
        (exp.parents[1] / "dump" / "raw" / SETS[2] / "utt2spk").write_text(said)
    text = report(models, tmp_path / "joined")
    assert "12 utterances a cell, of 4 to 6 speakers; the reference" in text
    reason = "too little data: 4 speakers, an interval needs 5"
    for training in models:
        line = f"vgg_blstm, {training}: snr0: no interval of the STOI of any layer"
        assert f"- {line}: {reason}" in doubts(text)


def test_what_intervals_are_over_is_told(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    rest = "of the equal error rate and of STOI over speakers"
    unknown = "95 % intervals: of the word error rate over what its file does not say, "
    assert unknown + rest in report(models, tmp_path / "joined")
    for path in models["baseline"].parents[2].rglob("wer.json"):
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "bootstrap": {"over": "utterances"}}))
    known = "95 % intervals: of the word error rate over utterances, "
    assert known + rest in report(models, tmp_path / "joined")


def test_warnings_of_the_claims_are_in_the_report(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "joined"
    given = [f"vgg_blstm:{training}={exp}" for training, exp in models.items()]
    command = ["--model", *given, "--set", SETS[0], "--output_dir", str(output)]
    check_claims.main(command)
    (said,) = json.loads((output / "claims.json").read_text())["warnings"]
    assert said.startswith("only 6 speakers (STOI: 6): ")
    section = report(models, output).split("## The paper's claims")[1]
    assert f"\n**Warning**: {said}.\n" in section


def test_probes_that_have_not_learnt_are_doubted(
    models: Dict[str, Path], tmp_path: Path
) -> None:
    assert "L1 falls" not in report(models, tmp_path / "before")
    rows = models["robust"] / "reconstruct_gl" / SETS[0]
    for odd, (layer, mean) in enumerate(
        (("cnn1", 0.9), ("cnn2", 0.5), ("blstm1", 0.6))
    ):
        lines = "".join(f"utt{i},{mean + 0.01 * (i % (5 + odd))}\n" for i in range(12))
        (rows / layer / "l1.csv").write_text(f"utt_id,l1\n{lines}")
    text = report(models, tmp_path / "after")
    doubts = text[text.index("## Missing or doubtful") :]
    assert "vgg_blstm, robust, test_clean: L1 falls from cnn1" in doubts
    assert "to cnn2 behind it" in doubts and "behind it" not in text[: -len(doubts)]
    assert doubts.count("L1 falls") == 1


def test_mistakes_are_errors(models: Dict[str, Path], tmp_path: Path) -> None:
    exp = str(models["robust"])
    with pytest.raises(ProbeError, match="needs --output_dir"):
        make_report.main(["--model", f"blstm:robust={exp}", "--set", SETS[0]])
    with pytest.raises(ProbeError, match="--paper is for --model"):
        make_report.main(["--exp", exp, "--paper"])
    with pytest.raises(ProbeError, match="--conditions is for --model"):
        make_report.main(["--exp", exp, "--conditions", "clean"])
    with pytest.raises(ProbeError, match="--conditions: got '10', expected clean"):
        report(models, tmp_path / "joined", "--conditions", "clean", "10")
    with pytest.raises(ProbeError, match="expected ARCHITECTURE:baseline=DIR"):
        report({"loud": models["robust"]}, tmp_path / "joined")
