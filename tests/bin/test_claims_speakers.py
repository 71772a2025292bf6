"""Who speaks the utterances of a study whose claims are checked."""

import csv

import numpy as np
import pytest
from claims_case import CONDITIONS, SPEAKERS, answers, check, models, write_model
from scipy import stats


def own_speakers(root, folder, name):
    """Let a study name its speakers in a file of another name or folder alone."""
    for path in root.glob("exp/*/reconstruct_default/*/*/verification.json"):
        path.write_text(
            path.read_text().replace("dump/raw/test/utt2spk", "target trials")
        )
    text = (root / "dump" / "raw" / "test" / "utt2spk").read_text()
    (root / "dump" / "raw" / "test" / "utt2spk").unlink()
    for condition in CONDITIONS:
        path = root / folder / condition / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "folder, name", [("dump/raw", "utt2reader"), ("data", "utt2spk")]
)
def test_speakers_are_found_where_no_score_names_them(tmp_path, folder, name):
    probe = write_model(tmp_path, "robust")
    own_speakers(tmp_path, folder, name)
    # A chapter is no person.
    other = tmp_path / folder / "test" / "utt2spk"
    if name == "utt2reader":
        other.write_text(
            "".join(f"{s}-{n} {s}-{n}\n" for s in SPEAKERS for n in range(6))
        )
    content, claims = check(tmp_path, "--model", f"vgg_blstm:robust={probe}")
    bases = {one["basis"] for one in answers(claims[4], 0).values()}
    assert bases == {"paired, 24 speakers, 144 utterances"}
    cells = {
        (c["condition"], c["layer"]): c
        for c in content["cells"]
        if c["measure"] == "stoi"
    }
    means = speaker_means(probe / "reconstruct_default" / "test" / "cnn1")
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert cells["clean", "cnn1"]["ci95"] == pytest.approx(
        [expected.low, expected.high]
    )
    assert cells["clean", "cnn1"]["value"] == pytest.approx(np.mean(means))


def speaker_means(folder):
    """Return the STOI of each speaker, by their utterances' ids."""
    with (folder / "quality.csv").open(newline="") as file:
        rows = [(row["utt_id"][:5], float(row["stoi"])) for row in csv.DictReader(file)]
    return [np.mean([v for who, v in rows if who == spk]) for spk in SPEAKERS]


def test_without_speakers_stoi_and_noise_decide_nothing(tmp_path):
    for training in ("baseline", "robust"):
        write_model(tmp_path, training)
    own_speakers(tmp_path, "data", "nobody")
    given = {t: tmp_path / "exp" / f"probe_vgg_{t}" for t in ("baseline", "robust")}
    content, claims = check(tmp_path, *models(given))
    assert claims[4]["verdict"] == claims[5]["verdict"] == "cannot be decided"
    for claim in (claims[4], claims[5]):
        outcomes = {one["outcome"] for one in answers(claim, 0).values()}
        assert outcomes == {"open"}
    # The equal error rates have them from their trials.
    assert claims[1]["verdict"] == "holds"
    (note,) = [n for n in content["notes"] if "robust: test_snr0: no speakers" in n]
    assert "dump/raw/test_snr0/utt2spk" in note
    ci95 = {c["ci95"] is None for c in content["cells"] if c["measure"] == "stoi"}
    assert ci95 == {True}
