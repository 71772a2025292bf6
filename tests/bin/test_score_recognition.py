"""score_recognition: sounds in, word and character error rates out."""

import csv
import json
from pathlib import Path
from typing import Any, Dict, List

import jiwer
import numpy as np
import pytest
import soundfile
import torch
import yaml
from tiny_models import asr_config, build

from espnet_probe.bin import score_recognition
from espnet_probe.errors import ProbeError

FS = 16000
UTTS = [f"u{number}" for number in range(12)]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tiny judge, two sets of sounds, what is said and who speaks."""
    folder = tmp_path_factory.mktemp("material")
    # One state stands for 8 frames: short texts, which are quickly searched.
    settings = asr_config("blstm", n_mels=8)
    settings.update(token_type="char", bpemodel=None)
    settings["token_list"] = ["<blank>", "<unk>", "<space>", "b", "c", "<sos/eos>"]
    model = build(settings)
    with torch.no_grad():
        # Without, one token wins in every frame.
        weight = model.state_dict()["ctc.ctc_lo.weight"]
        weight.copy_(30 * (weight - weight.mean(dim=0)))
    exp = folder / "exp" / "asr_tiny"
    exp.mkdir(parents=True)
    (exp / "config.yaml").write_text(yaml.safe_dump(settings))
    torch.save(model.state_dict(), exp / "valid.loss.ave.pth")
    draw = np.random.default_rng(0)
    for name in ("natural", "blstm1"):
        (folder / name).mkdir()
        for utt in UTTS:
            time = np.arange(int(draw.uniform(0.5, 0.9) * FS)) / FS
            sound = 0.2 * np.sin(
                2 * np.pi * draw.uniform(200, 3000) * time * (1 + time)
            )
            soundfile.write(folder / name / f"{utt}.wav", sound, FS)
        write_scp(folder / name)
    # The first utterance cannot be heard.
    soundfile.write(folder / "blstm1" / "u0.wav", np.zeros(0), FS)
    said = ["<unk> b", "b cb  b"]
    lines = [f"{utt} {said[int(utt[1:]) % 2]}\n" for utt in UTTS]
    (folder / "text").write_text("".join(lines))
    (folder / "utt2spk").write_text("".join(f"{u} s{int(u[1:]) // 2}\n" for u in UTTS))
    return folder


def write_scp(folder: Path, utts: List[str] = UTTS) -> Path:
    lines = [f"{utt} {folder}/{utt}.wav\n" for utt in utts]
    (folder / "wav.scp").write_text("".join(lines))
    return folder / "wav.scp"


def score(material: Path, out: Path, *options: str, sets: Any = None) -> None:
    names = sets or ["natural", "blstm1"]
    score_recognition.main(
        ["--wav_scp", *(str(material / name / "wav.scp") for name in names)]
        + ["--output_dir", *(str(out / name) for name in names)]
        + ["--text", str(material / "text")]
        + ["--judge_exp", str(material / "exp" / "asr_tiny"), *options]
    )


def results(folder: Path) -> Dict[str, Any]:
    loaded: Dict[str, Any] = json.loads((folder / "recognition.json").read_text())
    return loaded


def test_rates_are_those_of_the_texts(material: Path, tmp_path: Path, capsys):
    speakers = ["--utt2spk", str(material / "utt2spk")]
    score(material, tmp_path, *speakers, "--beam_size", "2")
    printed = capsys.readouterr().out
    for name in ("natural", "blstm1"):
        summary = results(tmp_path / name)
        with (tmp_path / name / "recognition.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["utt_id"] for row in rows] == sorted(UTTS)
        wanted = [" ".join(row["reference"].split()) for row in rows]
        found = [" ".join(row["recognised"].split()) for row in rows]
        assert set(wanted) == {"<unk> b", "b cb b"} and len(set(found)) > 1
        rates = (jiwer.wer(wanted, found), jiwer.cer(wanted, found))
        assert summary["wer_percent"] == pytest.approx(100 * rates[0])
        assert summary["cer_percent"] == pytest.approx(100 * rates[1])
        assert (summary["words"], summary["chars"]) == (30, 78)
        assert 0 < summary["errors"] < 30
        for unit, errors in (("words", "errors"), ("chars", "char_errors")):
            rate = "wer_percent" if unit == "words" else "cer_percent"
            pooled = 100 * summary[errors] / summary[unit]
            assert summary[rate] == pytest.approx(pooled)
            assert summary[errors] == sum(int(row[errors]) for row in rows)
            low, high = summary[f"{rate}_ci95"]
            assert low <= summary[rate] <= high and "reason" not in summary
        assert summary["bootstrap"]["over"] == "speakers"
        assert (summary["num_speakers"], summary["utterances"]) == (6, 12)
        assert summary["judge"]["decoding"]["beam_size"] == 2
        assert len(summary["judge"]["hash"]) == 64
        assert f"{name}/wav.scp: WER {summary['wer_percent']:.1f} %" in printed
    # What cannot be heard is deleted, not left out.
    assert (rows[0]["utt_id"], rows[0]["recognised"]) == ("u0", "")
    assert (rows[0]["deletions"], rows[0]["char_deletions"]) == ("2", "7")
    assert summary["too_short_utterances"] == 1


def test_intervals_without_speakers_and_with_few(material: Path, tmp_path: Path):
    score(material, tmp_path, sets=["natural"])
    assert results(tmp_path / "natural")["bootstrap"]["over"] == "utterances"
    few = tmp_path / "utt2spk"
    few.write_text("".join(f"{utt} one\n" for utt in UTTS))
    score(material, tmp_path, "--utt2spk", str(few), sets=["natural"])
    summary = results(tmp_path / "natural")
    assert summary["wer_percent_ci95"] is None and summary["cer_percent_ci95"] is None
    assert "1 speakers" in summary["reason"]


def test_finished_folders_are_left_as_they_are(material: Path, tmp_path: Path):
    score(material, tmp_path, "--work_key", "one", sets=["natural"])
    first = tmp_path / "natural" / "recognition.json"
    before = first.stat().st_mtime_ns
    score(material, tmp_path, "--work_key", "one")
    assert first.stat().st_mtime_ns == before
    second = tmp_path / "blstm1" / "recognition.json"
    before = second.stat().st_mtime_ns
    # Half of the files is not all of the work.
    (tmp_path / "natural" / "recognition.csv").unlink()
    score(material, tmp_path, "--work_key", "one")
    assert (tmp_path / "natural" / "recognition.csv").is_file()
    assert second.stat().st_mtime_ns == before
    score(material, tmp_path, "--work_key", "two", sets=["blstm1"])
    assert second.stat().st_mtime_ns != before
    assert results(tmp_path / "blstm1")["work_key"] == "two"


def test_cleaners_of_espnet(material: Path, tmp_path: Path):
    pytest.importorskip("whisper")
    cleaners = ["--cleaner", "whisper_basic", "--hyp_cleaner", "whisper_basic"]
    said = {"cased": "B, CB! b.", "plain": "b cb b"}
    for name, text in said.items():
        (tmp_path / name).write_text("".join(f"{utt} {text}\n" for utt in UTTS))
    score(material, tmp_path, *cleaners, "--text", str(tmp_path / "cased"))
    cleaned = results(tmp_path / "natural")
    assert cleaned["config"]["cleaner"] == "whisper_basic"
    score(material, tmp_path, *cleaners[2:], "--text", str(tmp_path / "plain"))
    assert cleaned["errors"] == results(tmp_path / "natural")["errors"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--beam_sise", "3"], "unrecognized arguments: --beam_sise 3"),
        (["--judge_tag", "a/b"], "got --judge_exp and --judge_tag: expected one of"),
        (["--judge_exp", "none"], "no trained model in none: expected config.yaml"),
        (["--judge_exp", ""], "got no judge: expected one of --judge_exp DIR"),
        (["--judge_model", "a.pth"], "looked for a.pth; .* choose one with --judge_m"),
        (["--judge_task", "spk"], "task spk tells speakers apart, and cannot write"),
        (
            ["--judge_task", "tts"],
            "--judge_task tts: expected one of asr, s2t",
        ),
        (["--inference_config", "none"], "cannot read settings of decoding none"),
        (["--ngpu", "2"], "got --ngpu 2: expected 0 or 1"),
        (["--cleaner", "soap"], "text cleaner soap: .* expected one of ESPnet's"),
        (["--utt2spk", "none"], "no file none: expected lines of utterance and speak"),
        (["--output_dir", "one"], "got 2 --wav_scp and 1 --output_dir"),
    ],
)
def test_mistakes_are_one_line(material: Path, tmp_path: Path, options, message):
    with pytest.raises(ProbeError, match=message):
        score(material, tmp_path, *options)
    assert list(tmp_path.iterdir()) == []


def test_sounds_and_text_must_fit(material: Path, tmp_path: Path):
    out = tmp_path / "out"
    other = tmp_path / "other"
    other.mkdir()
    for utt in UTTS:
        soundfile.write(other / f"{utt}.wav", np.zeros(4000), 8000)
    write_scp(other)
    with pytest.raises(ProbeError, match="u0: got 8000 Hz, the judge .* 16000 Hz"):
        score(tmp_path, out, *judge_and_text(material), sets=["other"])
    text = tmp_path / "text"
    text.write_text("u0 b\nu1 b\n")
    with pytest.raises(ProbeError, match="text lacks 10 of the 12 utterances: u10, u1"):
        score(material, out, "--text", str(text))
    text.write_text("".join(f"{utt}\n" for utt in UTTS))
    with pytest.raises(ProbeError, match="text: got 12 references without a word"):
        score(material, out, "--text", str(text))
    write_scp(other, UTTS[1:])
    scps = [str(material / "natural" / "wav.scp"), str(other / "wav.scp")]
    with pytest.raises(ProbeError, match="have different utterances, u0 for one"):
        score(material, out, "--wav_scp", *scps)
    (other / "u1.wav").unlink()
    with pytest.raises(ProbeError, match="u1: no file .*u1.wav"):
        score(tmp_path, out, *judge_and_text(material), sets=["other"])
    assert not out.exists()


def judge_and_text(material: Path) -> List[str]:
    exp = str(material / "exp" / "asr_tiny")
    return ["--text", str(material / "text"), "--judge_exp", exp]
