"""The command: on the paper's table, and on the result files of small studies."""

import json
import subprocess
import sys
from importlib import resources

import pytest
from claims_case import LAYERS, answers, check, models, write_model

from espnet_probe.bin.check_claims import main
from espnet_probe.errors import ProbeError
from espnet_probe.study import claim_text

PAPER = resources.files("espnet_probe.study").joinpath("paper_eer.csv")


def test_the_paper_says_of_its_table_what_the_check_finds(tmp_path, capsys):
    content, claims = check(tmp_path, "--table", str(PAPER), "--as_printed")
    found = {number: claim["verdict"] for number, claim in claims.items()}
    assert [found[number] for number in (1, 2, 3)] == ["holds"] * 3
    assert [found[number] for number in (4, 5, 6)] == ["cannot be decided"] * 3
    # (5 + 4) steps x 2 trainings x 4 conditions, all upwards; two of them by hand.
    steps = answers(claims[1], 0)
    assert len(steps) == 72
    assert {one["outcome"] for one in steps.values()} == {"as claimed"}
    step = steps["vgg_blstm", "robust, clean, blstm1 to blstm3"]
    assert step["value"] == pytest.approx(30.03 - 16.48)
    least = min(steps.values(), key=lambda one: one["value"])
    assert least["where"] == "baseline, clean, cnn1 to cnn2"
    assert (least["low"], least["high"]) == pytest.approx((0.24, 0.26))
    # 48.07 - 7.18 - 2 * (7.18 - 4.38) = 35.29; (7.18 - 4.38) / 43.69 = 6.4 %.
    share = answers(claims[2], 1)["vgg_blstm", "robust, clean"]
    assert share["value"] == pytest.approx(35.29)
    assert (share["low"], share["high"]) == pytest.approx((35.26, 35.32))
    assert "vgg_blstm, robust, clean: 6.4 %" in claims[2]["parts"][1]["summary"]
    assert "vgg_blstm, baseline, snr0: 26.5 %" in claims[2]["parts"][1]["summary"]
    # Clean: alike, by up to 32.87 - 30.03 = 2.84.
    assert len(answers(claims[3], 0)) == 11
    assert (
        "2.84 points, at vgg_blstm, clean, blstm3" in claims[3]["parts"][0]["summary"]
    )
    # In noise: (3 + 5) LSTM layers x 3 conditions, all lower, the least by 0.07.
    lower = answers(claims[3], 1)
    assert len(lower) == 24
    assert {one["outcome"] for one in lower.values()} == {"as claimed"}
    assert min(one["value"] for one in lower.values()) == pytest.approx(0.07)
    # Not in the CNN at 20 dB, where they are equal within 0.1.
    cnn = answers(claims[3], 2)
    equal = {where[1] for where, one in cnn.items() if one["outcome"] == "equal"}
    assert equal == {"snr20, cnn1", "snr20, cnn2", "snr20, cnn4"}
    assert all(abs(cnn["vgg_blstm", where]["value"]) < 0.1 for where in equal)
    assert len(cnn) == 9
    assert {one["outcome"] for k, one in cnn.items() if k[1] not in equal} == {
        "as claimed"
    }
    shown = capsys.readouterr().out
    assert "exact but for rounding (eer_percent +-0.005)" in shown
    assert "as claimed in 6 of 9; equal in 3" in shown
    text = (tmp_path / "claims.md").read_text()
    assert "| vgg_blstm | snr20, cnn2 | -0.08 [-0.09, -0.07] |" in text
    assert "another training would give other models is not in them" in text


def test_without_intervals_the_paper_s_table_decides_nothing(tmp_path):
    _, claims = check(tmp_path, "--table", str(PAPER))
    assert {claim["verdict"] for claim in claims.values()} == {"cannot be decided"}
    outcomes = {one["outcome"] for one in answers(claims[1], 0).values()}
    assert outcomes == {"open"}


def test_a_smaller_margin_refutes_that_the_paper_s_models_are_alike(tmp_path):
    options = ["--table", str(PAPER), "--as_printed", "--alike", "1.0"]
    _, claims = check(tmp_path, *options)
    assert claims[3]["verdict"] == "does not hold"
    found = answers(claims[3], 0)
    against = {where for where, one in found.items() if one["outcome"] == "against"}
    # 2.84 and 1.34; 34.55 - 33.55 = 1.00 cannot be told from 1 by two decimals.
    assert against == {("vgg_blstm", "clean, blstm3"), ("blstm", "clean, blstm2")}
    assert found["blstm", "clean, blstm4"]["outcome"] == "open"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    return {t: write_model(root, t) for t in ("baseline", "robust")}


def test_a_study_is_read_from_its_result_files(study, tmp_path, capsys):
    content, claims = check(tmp_path, *models(study))
    found = {number: claim["verdict"] for number, claim in claims.items()}
    assert found == {
        **dict.fromkeys((1, 2, 3, 4, 5), "holds"),
        6: "cannot be decided",
    }
    bases = {one["basis"] for one in answers(claims[1], 0).values()}
    assert bases == {"paired, 24 speakers"}
    bases = {one["basis"] for one in answers(claims[4], 0).values()}
    assert bases == {"paired, 24 speakers, 144 utterances"}
    # 0.85 and 0.15 of the noise, against one half.
    for part, where in enumerate(("baseline", "robust")):
        one = answers(claims[5], part)["vgg_blstm", f"{where}, snr10, blstm1"]
        assert one["value"] == pytest.approx(0.35, abs=0.06)
        assert one["basis"] == "8 speakers, 8 utterances"
    sources = {cell["source"] for cell in content["cells"]}
    assert all((tmp_path / source).is_file() for source in sources)
    # Not all of the paper's layers were probed.
    assert any("all there are taken" in note for note in content["notes"])
    assert "WER 12.0 %" in capsys.readouterr().out


def test_few_speakers_are_warned_of_for_all_measures(study, tmp_path, monkeypatch):
    monkeypatch.setattr(claim_text, "ENOUGH", 8)
    content, _ = check(tmp_path, *models(study))
    assert content["warnings"] == []
    # There are mels of 8 of the study's 24 speakers.
    monkeypatch.setattr(claim_text, "ENOUGH", 9)
    content, _ = check(tmp_path, *models(study))
    said = "only 8 speakers (EER: 24, STOI: 24, noise: 8): intervals"
    assert said in content["warnings"][0]
    assert "STOI and noise, Student's t over the speakers'" in content["warnings"][0]
    assert content["warnings"][0] in (tmp_path / "claims.md").read_text()


def test_a_model_that_is_not_trained_enough_decides_nothing(study, tmp_path):
    poor = write_model(tmp_path, "robust", wer=30.5, name="poor")
    given = [*models({**study, "robust": poor})]
    content, claims = check(tmp_path, *given)
    assert {claim["verdict"] for claim in claims.values()} == {"cannot be decided"}
    (said,) = content["not_trained_enough"]
    assert said["training"] == "robust"
    assert said["reason"] == "robust, WER 30.5 %, above 30 %"
    _, claims = check(tmp_path, *given, "--max_wer", "31")
    assert claims[3]["verdict"] == "holds"
    # It does not become so by a decoding of another time.
    old = tmp_path / "exp/asr_poor_robust/old_asr_model_valid.loss.ave/test/score_wer"
    old.mkdir(parents=True)
    (old / "wer.json").write_text('{"wer_percent": 5.0}')
    for decoding in ((), ("--decoding", "decode_asr_asr_model_valid.loss.ave")):
        _, claims = check(tmp_path, *given, *decoding)
        assert claims[3]["verdict"] == "cannot be decided"
    named = ("--decoding", "old_asr_model_valid.loss.ave")
    content, _ = check(tmp_path, *given, *named)
    (said,) = content["not_trained_enough"]
    assert said["training"] == "baseline" and "no WER" in said["reason"]


def test_a_model_that_was_not_scored_leaves_its_claims_open(study, tmp_path):
    bare = write_model(tmp_path, "robust", name="bare")
    for path in bare.glob("reconstruct_default/*/*/*"):
        path.unlink()
    given = [*models(study), f"blstm:baseline={bare}", "--set", "test"]
    _, claims = check(tmp_path, *given)
    assert claims[1]["verdict"] == "cannot be decided"
    said = {"vgg_blstm": "holds", "blstm": "cannot be decided"}
    assert claims[1]["by_architecture"] == said
    step = answers(claims[1], 0)["blstm", "baseline, clean, cnn1 to cnn4"]
    assert step["outcome"] == "missing"


def test_an_unknown_word_error_rate_decides_nothing(study, tmp_path):
    probe = write_model(tmp_path, "robust", name="odd")
    (probe / "config.yaml").write_text("upstream_tag: somebody/model\n")
    given = ["--model", f"vgg_blstm:robust={probe}"]
    _, claims = check(tmp_path, *given)
    assert claims[1]["verdict"] == "cannot be decided"
    _, claims = check(tmp_path, *given, "--max_wer", "none")
    assert claims[1]["verdict"] == "holds"


def test_without_scores_of_trials_the_differences_are_unpaired(tmp_path):
    probe = write_model(tmp_path, "robust")
    for path in probe.glob("reconstruct_default/*/*/verification.csv"):
        path.unlink()
    for path in probe.glob("reconstruct_default/test/oracle/feats.scp"):
        path.unlink()
    content, claims = check(tmp_path, "--model", f"vgg_blstm:robust={probe}")
    bases = {one["basis"] for one in answers(claims[1], 0).values()}
    assert bases == {"unpaired, arms added up"}
    assert any("no verification.csv" in note for note in content["notes"])
    assert any("oracle/feats.scp" in note for note in content["notes"])
    assert claims[5]["verdict"] == "cannot be decided"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("score", "cosine", "expected columns enrolment, test, label, score"),
        (",nontarget,", ",target,", "labels contradict the speakers"),
        (",target,", ",target,x", "'x.*' is no number"),
    ],
)
def test_broken_scores_of_trials_are_named(tmp_path, old, new, message):
    probe = write_model(tmp_path, "robust")
    path = probe / "reconstruct_default" / "test" / "cnn4" / "verification.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ProbeError, match=f"cnn4/verification.csv.*{message}"):
        main(["--model", f"vgg_blstm:robust={probe}"])


@pytest.mark.parametrize("broken", ["missing", "cut"])
def test_a_broken_ark_leaves_the_noise_unknown_and_the_rest_as_it_is(tmp_path, broken):
    given = {t: write_model(tmp_path, t) for t in ("baseline", "robust")}
    ark = given["robust"] / "reconstruct_default/test_snr0/blstm1/feats.1.ark"
    data = ark.read_bytes()
    ark.unlink()
    if broken == "cut":
        ark.write_bytes(data[: len(data) // 2])
    content, claims = check(tmp_path, *models(given))
    start = "vgg_blstm, robust: snr0, blstm1: noise left unknown, spk0"
    (note,) = [one for one in content["notes"] if one.startswith(start)]
    assert "a mel cannot be read" in note and "\n" not in note
    assert claims[5]["verdict"] == "cannot be decided"
    left = answers(claims[5], 1)
    assert left["vgg_blstm", "robust, snr0, blstm1"]["outcome"] == "missing"
    assert left["vgg_blstm", "robust, snr10, blstm1"]["outcome"] == "as claimed"
    assert {claims[number]["verdict"] for number in range(1, 5)} == {"holds"}


def test_without_any_equal_error_rate_that_is_the_reason(tmp_path):
    lines = ["model,training,condition,layer,stoi"]
    lines += [f"m,robust,clean,{n},0.5" for n in ("cnn1", "cnn2", "blstm1", "blstm2")]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    _, claims = check(tmp_path, "--table", str(tmp_path / "table.csv"))
    assert claims[2]["why"] == "no equal error rates"


TABLE = "model,training,condition,layer,eer_percent\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (TABLE, "no rows"),
        ("model,training\na,robust\n", "no rows with the columns"),
        (TABLE + "a,weak,clean,cnn1,3\n", "neither baseline nor robust"),
        (TABLE + "a,robust,clean,cnn1,x\n", "is 'x', expected a number"),
        (TABLE + "a,robust,clean,cnn1,nan\n", "expected a number"),
        (TABLE + "a,robust,clean,cnn1,3\n" * 2, "twice"),
    ],
)
def test_a_table_that_does_not_do_is_refused(tmp_path, text, message):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ProbeError, match=message):
        main(["--table", str(tmp_path / "table.csv"), "--output_dir", str(tmp_path)])
    assert not (tmp_path / "claims.md").exists()


def test_a_table_may_bring_its_intervals(tmp_path):
    lines = ["model,training,condition,layer,stoi,stoi_low,stoi_high"]
    for place, value in enumerate((0.9, 0.8, 0.79)):
        lines.append(f"m,baseline,clean,blstm{place + 1},{value},{value - 0.02},0.95")
    (tmp_path / "table.csv").write_text("\n".join(lines).replace(",0.95", ",0.901"))
    _, claims = check(tmp_path, "--table", str(tmp_path / "table.csv"), "--as_printed")
    found = answers(claims[4], 0)
    first = found["m", "baseline, clean, blstm1 to blstm2"]
    # 0.9 - 0.8, arms 0.02 + 0.101 below and 0.001 + 0.02 above
    assert (first["low"], first["high"]) == pytest.approx((-0.021, 0.121))
    assert first["outcome"] == "open"


def test_only_the_named_conditions_are_compared(study, tmp_path):
    wanted = ["--conditions", "clean", "snr10", "snr5"]
    content, claims = check(tmp_path, *models(study), *wanted)
    assert {cell["condition"] for cell in content["cells"]} == {"clean", "snr10"}
    assert not any("snr0" in where for _, where in answers(claims[1], 0))
    assert "vgg_blstm, robust: not reconstructed: snr5" in content["notes"]
    # What was asked for and not scored leaves open what holds without it.
    assert "conditions: clean, snr10, snr5 (no score: snr5)" in content["facts"]
    step = answers(claims[1], 0)["vgg_blstm", "robust, snr5, cnn1 to cnn4"]
    assert step["outcome"] == "missing"
    verdicts = {claims[number]["verdict"] for number in range(1, 6)}
    assert verdicts == {"cannot be decided"}
    content, claims = check(tmp_path, *models(study), "--conditions", "snr10", "clean")
    assert "conditions: clean, snr10" in content["facts"]
    assert {claims[number]["verdict"] for number in range(1, 6)} == {"holds"}
    with pytest.raises(ProbeError, match="--conditions: got 'noisy', expected clean"):
        main([*models(study), "--conditions", "clean", "noisy"])


def test_the_layers_of_the_claims_are_told(study, tmp_path):
    content, _ = check(tmp_path, *models(study))
    assert content["layers"] == {"vgg_blstm": list(LAYERS)}
    said = f"layers of vgg_blstm: {', '.join(LAYERS)} (all that were probed)"
    assert content["facts"].count(said) == 1


def test_layers_of_the_paper_are_told_apart_from_all(tmp_path):
    probe = write_model(tmp_path, "robust")
    tag = probe / "reconstruct_default"
    known = ("cnn1", "cnn2", "cnn4", "blstm1", "blstm3", "blstm5")
    names = (*known[:2], "cnn3", *known[2:])
    (tag / "layers.json").write_text(json.dumps([{"name": name} for name in names]))
    given = ["--model", f"vgg_blstm:robust={probe}"]
    content, _ = check(tmp_path, *given)
    assert content["layers"] == {"vgg_blstm": list(known)}
    assert f"{', '.join(known)} (those that the paper probes, of 7)" in str(content)
    content, _ = check(tmp_path, *given, "--layers", "all")
    assert content["layers"] == {"vgg_blstm": list(names)}


def test_other_trials_are_refused(study, tmp_path):
    other = write_model(tmp_path, "robust")
    path = other / "reconstruct_default" / "test_snr0" / "cnn4" / "verification.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n")
    with pytest.raises(ProbeError, match="cnn4/verification.csv: trial 1 is"):
        main(models({**study, "robust": other}))


@pytest.mark.parametrize(
    "options, message",
    [
        (["--model", "vgg_blstm=exp"], "ARCHITECTURE:baseline=DIR"),
        (["--model", "vgg_blstm:robust=no/where"], "is not a folder"),
        (["--table", "no.csv"], "no file no.csv"),
        (["--table", "no.csv", "--alike", "0"], "--alike"),
        (["--table", "no.csv", "--conditions", "clean"], "--conditions is for --model"),
        (["--table", "no.csv", "--max_wer", "much"], "--max_wer"),
        (["--table", "no.csv", "--num_bootstrap", "3"], "--num_bootstrap"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ProbeError, match=message):
        main(options)


def test_models_that_do_not_belong_together_are_refused(study, tmp_path):
    given = models(study)
    with pytest.raises(ProbeError, match="given twice"):
        main([*given, given[1], "--output_dir", str(tmp_path)])
    twice = f"blstm:robust={study['robust']}/../{study['robust'].name}"
    with pytest.raises(ProbeError, match="vgg_blstm:robust and blstm:robust are of"):
        main([*given, twice, "--output_dir", str(tmp_path)])
    with pytest.raises(ProbeError, match=r"dev is not there.* robust \(test\); rec"):
        main([*given, "--set", "dev", "--output_dir", str(tmp_path)])
    with pytest.raises(ProbeError, match="for --table"):
        main([*given, "--as_printed"])
    other = write_model(tmp_path, "robust", name="other")
    given = models({**study, "robust": other})
    for path in (other / "reconstruct_default").glob("test*"):
        path.rename(path.with_name(path.name.replace("test", "eval")))
    with pytest.raises(
        ProbeError, match=r"test is not there.*: vgg_blstm, robust \(ev"
    ):
        main([*given, "--set", "test", "--output_dir", str(tmp_path)])
    message = r"no set is of all .*baseline \(test\); vgg_blstm, robust \(eval\)"
    with pytest.raises(ProbeError, match=message):
        main([*given, "--output_dir", str(tmp_path)])
    for path in (other / "reconstruct_default").glob("eval*"):
        path.rename(path.with_name(path.name.replace("eval", "test")))
    for path in other.glob("reconstruct_default/*/*/verification.json"):
        path.write_text(path.read_text().replace("ge2e", "another"))
    with pytest.raises(ProbeError, match="several embedders"):
        main(models({**study, "robust": other}))
    entries = [{"name": layer} for layer in LAYERS[:2]]
    (other / "reconstruct_default" / "layers.json").write_text(json.dumps(entries))
    with pytest.raises(ProbeError, match="probe the same layers"):
        main(models({**study, "robust": other}))


def test_an_error_is_one_line(tmp_path):
    command = [sys.executable, "-m", "espnet_probe.bin.check_claims"]
    result = subprocess.run(
        [*command, "--table", str(tmp_path / "none.csv")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and "no file" in result.stderr
