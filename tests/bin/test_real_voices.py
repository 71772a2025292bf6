"""The originals of the miniature test-clean, by the commands of stage 10."""

import json
from pathlib import Path

import pytest

from espnet_probe.bin import make_trials, score_verification
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.ge2e_weights import find_weights


def test_ge2e_tells_the_originals_apart(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first six utterances of each of ten people, all trials that they give."""
    try:
        find_weights()
    except ProbeError as error:
        pytest.skip(str(error))
    corpus = shared_data / "LibriSpeech/test-clean"
    files = [
        path
        for folder in sorted(corpus.iterdir())
        for path in sorted(folder.rglob("*.flac"))[:6]
    ]
    tables = {
        "wav.scp": [f"{path.stem} {path}\n" for path in files],
        "utt2reader": [f"{path.stem} {path.stem.split('-')[0]}\n" for path in files],
    }
    for name, lines in tables.items():
        (tmp_path / name).write_text("".join(lines))
    options = ["--utt2spk", str(tmp_path / "utt2reader")]
    trials = ["--num_pairs", "2000", "--at_most", "--output", str(tmp_path / "trials")]
    make_trials.main(options + trials)
    score_verification.main(
        [*options, "--trials", str(tmp_path / "trials"), "--embedder", "ge2e"]
        + ["--wav_scp", str(tmp_path / "wav.scp"), "--output_dir", str(tmp_path)]
    )
    summary = json.loads((tmp_path / "verification.json").read_text())
    assert summary["num_speakers"] == 10 and summary["num_utterances"] == len(files)
    assert summary["num_target"] == summary["num_nontarget"] == 150
    assert summary["excluded_utterances"] == 0
    assert summary["eer_percent"] < 2.0
    assert summary["eer_percent_ci95"][1] < 6.0
    assert summary["d_prime"] > 3.0
    assert summary["min_dcf_p005"] < 0.2
    assert "over 10 speakers" in summary["interval_note"]
    assert "EER" in capsys.readouterr().out
