import csv
import json

import numpy as np
import pytest

from espnet_probe.bin import compare_verification
from espnet_probe.bin.score_verification import write_scores
from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_sampling import sample_trials
from espnet_probe.scores.verification import eer

SPEAKERS = {f"s{i:02d}-{n}": f"s{i:02d}" for i in range(12) for n in range(5)}
TRIALS = sample_trials(SPEAKERS, 200, seed=0)
TARGETS = np.array([trial.target for trial in TRIALS])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two layers, the second of which tells voices apart less well."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for layer, apart in (("blstm1", 2.0), ("blstm5", 0.3)):
        scores = rng.normal(size=200) + apart * TARGETS
        columns = {"score": scores, "score_original_enrolment": scores - TARGETS}
        write_scores(tmp_path / layer / "verification.csv", TRIALS, columns)
        summary = {"embedder": "ge2e", "bootstrap": {"speakers_from": "utt2spk"}}
        (tmp_path / layer / "verification.json").write_text(json.dumps(summary))
    lines = [f"{utt} {speaker}\n" for utt, speaker in SPEAKERS.items()]
    (tmp_path / "utt2spk").write_text("".join(lines))
    return tmp_path


def compare(folder, *options, a="blstm1", b="blstm5"):
    compare_verification.main(
        ["--a", str(folder / a), "--b", str(folder / b), "--num_bootstrap", "200"]
        + ["--output", str(folder / "out/difference.json"), *options]
    )
    return json.loads((folder / "out/difference.json").read_text())


def rate(folder, layer, column="score"):
    with (folder / layer / "verification.csv").open() as stream:
        return eer(
            np.array([float(row[column]) for row in csv.DictReader(stream)]), TARGETS
        )


def test_difference_of_two_layers(folder, capsys):
    result = compare(folder)
    rates = [rate(folder, layer) for layer in ("blstm1", "blstm5")]
    assert [result[side]["eer_percent"] for side in "ab"] == rates
    assert result["difference_percent"] == rates[0] - rates[1] < 0
    low, high = result["difference_percent_ci95"]
    assert low < result["difference_percent"] < high < 0
    assert result["num_trials"] == 200 and result["num_target"] == 100
    assert result["num_speakers"] == 12 and result["a"]["left_out_trials"] == 0
    assert result["bootstrap"]["speakers_from"] == "utt2spk"
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(f"A: EER {rates[0]:.2f} %, ge2e, ")
    assert f"interval {low:+.2f} to {high:+.2f}, paired, 12 speakers" in printed[2]
    again = compare(folder, a="blstm5", b="blstm1")
    assert again["difference_percent"] == -result["difference_percent"]


def test_the_other_design(folder):
    result = compare(folder, "--design", "original_enrolment")
    column = "score_original_enrolment"
    assert result["a"]["eer_percent"] == rate(folder, "blstm1", column)
    assert result["design"] == "original_enrolment"


def test_two_embedders_of_one_set(folder):
    """Tables may be named instead of folders."""
    path = folder / "blstm5/verification.csv"
    path.rename(folder / "blstm1/verification_espnet-x.csv")
    result = compare(folder, b="blstm1/verification_espnet-x.csv")
    assert result["difference_percent"] < 0
    assert result["b"]["embedder"] is None


def cut(path, keep):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1] + lines[1:][keep]))


def test_different_trials_are_refused_or_reduced(folder):
    cut(folder / "blstm1/verification.csv", slice(20, None))
    cut(folder / "blstm5/verification.csv", slice(190))
    with pytest.raises(ProbeError, match="A has 180 trials, B 190, both 170"):
        compare(folder)
    assert not (folder / "out").exists()
    result = compare(folder, "--common")
    assert result["num_trials"] == 170
    assert [result[side]["left_out_trials"] for side in "ab"] == [10, 20]
    cut(folder / "blstm5/verification.csv", slice(20))
    with pytest.raises(ProbeError, match="no trial in common"):
        compare(folder, "--common")


def test_a_trial_that_a_list_has_twice_counts_twice(folder):
    """As in published lists, which score_verification scores as they are."""
    for layer in ("blstm1", "blstm5"):
        table = folder / layer / "verification.csv"
        lines = table.read_text().splitlines(keepends=True)
        table.write_text("".join([*lines, *lines[1:41]]))
    whole = compare(folder)
    assert whole["num_trials"] == 240
    cut(folder / "blstm5/verification.csv", slice(None, None, -1))
    result = compare(folder)
    for key in ("difference_percent", "num_trials"):
        assert result[key] == whole[key]
    # The last one is one of those that come twice.
    cut(folder / "blstm5/verification.csv", slice(1, None))
    with pytest.raises(ProbeError, match="A has 240 trials, B 239, both 239 of them"):
        compare(folder)


def test_a_folder_is_no_file_to_write(folder):
    with pytest.raises(ProbeError, match="--output .* is a folder"):
        compare(folder, "--output", str(folder / "blstm1"))


def test_the_order_of_the_trials_plays_no_part(folder):
    expected = compare(folder)
    cut(folder / "blstm5/verification.csv", slice(None, None, -1))
    assert compare(folder)["difference_percent"] == expected["difference_percent"]


def test_speakers_are_those_of_the_scores_or_of_the_trials(folder):
    (folder / "utt2spk").rename(folder / "people")
    result = compare(folder)
    assert result["bootstrap"]["speakers_from"] == "target trials"
    result = compare(folder, "--utt2spk", "people")
    assert result["bootstrap"]["speakers_from"] == "people"
    assert result["num_speakers"] == 12
    (folder / "people").write_text(
        (folder / "people").read_text().replace(" s01", " s02")
    )
    with pytest.raises(ProbeError, match="contradicts the speakers"):
        compare(folder, "--utt2spk", "people")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda path: path.unlink(), "no scores at .*stage 10"),
        (lambda path: path.write_text(""), "has no scores"),
        (lambda path: path.write_text("a,b\n1,2\n"), "expected columns enrolment"),
        (
            lambda path: path.write_text(path.read_text().replace(",target,", ",yes,")),
            "cannot be read: KeyError..yes",
        ),
    ],
)
def test_broken_tables_are_refused(folder, change, message):
    change(folder / "blstm5/verification.csv")
    with pytest.raises(ProbeError, match=message) as error:
        compare(folder)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_scores_without_originals_have_one_design(folder):
    scores = np.arange(200.0)
    write_scores(folder / "blstm5/verification.csv", TRIALS, {"score": scores})
    with pytest.raises(ProbeError, match="score it with --ref_embeddings"):
        compare(folder, "--design", "original_enrolment")
