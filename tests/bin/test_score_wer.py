import json

import pytest

from espnet_probe.bin import score_wer
from espnet_probe.errors import ProbeError


def score(folder, ref, hyp, *options):
    (folder / "ref").write_text(ref)
    (folder / "hyp").write_text(hyp)
    score_wer.main(
        ["--ref", str(folder / "ref"), "--hyp", str(folder / "hyp")]
        + ["--output_dir", str(folder / "out"), *options]
    )
    return json.loads((folder / "out" / "wer.json").read_text())


def test_counts_are_pooled(tmp_path, capsys):
    summary = score(
        tmp_path,
        "a one two three\nb four\nc five six\nd x\ne y\n",
        # Other order; ESPnet writes an empty hypothesis as the id alone.
        "c five six seven\nb\na one too three\nd x\ne y\n",
    )
    assert summary["words"] == 8 and summary["utterances"] == 5
    assert summary["errors"] == 3
    assert [summary[k] for k in ("substitutions", "deletions", "insertions")] == [1] * 3
    assert summary["wer_percent"] == pytest.approx(37.5)
    low, high = summary["wer_percent_ci95"]
    assert low < 37.5 < high
    assert (tmp_path / "out" / "wer.csv").read_text().splitlines()[:3] == [
        "utt_id,words,errors,substitutions,deletions,insertions",
        "a,3,1,1,0,0",
        "b,1,1,0,1,0",
    ]
    assert "| 5 | 8 | 1 | 1 | 1 | 37.5 |" in capsys.readouterr().out


def test_interval_over_speakers(tmp_path):
    text = "".join(f"u{n} a b\n" for n in range(20))
    (tmp_path / "utt2spk").write_text("".join(f"u{n} s{n % 4}\n" for n in range(20)))
    summary = score(tmp_path, text, text, "--utt2spk", str(tmp_path / "utt2spk"))
    assert summary["wer_percent"] == 0
    assert summary["wer_percent_ci95"] is None
    assert "4 speakers" in summary["reason"]
    with pytest.raises(ProbeError, match="lacks 1 utterances, first u20"):
        more = text + "u20 a\n"
        score(tmp_path, more, more, "--utt2spk", str(tmp_path / "utt2spk"))


@pytest.mark.parametrize(
    "ref, hyp, message",
    [
        ("a x\nb y\n", "a x\n", r"1 without hypothesis \(b\)"),
        ("a x\n", "a x\nb y\n", r"1 without reference \(b\)"),
        ("", "a x\n", "ref is empty"),
        ("a\n", "a x\n", "without a word"),
        ("a x\na y\n", "a x\n", "a is duplicated"),
    ],
)
def test_bad_input_is_refused(tmp_path, ref, hyp, message):
    with pytest.raises(ProbeError, match=message):
        score(tmp_path, ref, hyp)
    assert not (tmp_path / "out").exists()
