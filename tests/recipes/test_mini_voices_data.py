"""The corpus side of egs/mini_voices: what the espeak-ng voices say."""

import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import soundfile

LOCAL = Path(__file__).resolve().parents[2] / "egs/mini_voices/probe1/local"
SETS = ("train", "dev", "test")

pytest.importorskip("espeakng_loader", reason="the extra 'voices' is not installed")


def run(*args: object) -> "subprocess.CompletedProcess[str]":
    """Run make_voices.py."""
    command = [sys.executable, str(LOCAL / "make_voices.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def table(path: Path) -> Dict[str, str]:
    """Read ``key value`` lines and check their order."""
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split()[0].encode())
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of the recipe's voices; f5 and sandro breathe, that is, are noisy."""
    lines = (LOCAL / "voices.tsv").read_text().splitlines()
    wanted = ("Storm", "f1", "m1", "m4", "f5", "sandro", "Mr serious")
    few = [line for line in lines if line.split("\t")[-1] in wanted]
    assert len(few) == len(wanted)
    path = tmp_path_factory.mktemp("voices") / "voices.tsv"
    path.write_text("\n".join(few) + "\n")
    return path


def make(voices: Path, output: Path, *args: object) -> None:
    """Make the data folders."""
    done = run(
        *("--voices", voices, "--data_dir", output / "data"),
        *("--audio_dir", output / "audio"),
        *("--train_utts", 4, "--dev_utts", 2, "--test_utts", 3, *args),
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def made(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made corpus."""
    output = tmp_path_factory.mktemp("made")
    make(voices, output)
    return output


def test_folders_are_kaldi_folders(made: Path) -> None:
    speakers: List[str] = []
    for name, count, words in (
        ("train", 3 * 4, (1, 4)),
        ("dev", 1 * 2, (3, 4)),
        ("test", 3 * 3, (4, 5)),
    ):
        folder = made / "data" / name
        wav, text = table(folder / "wav.scp"), table(folder / "text")
        spk, reader = table(folder / "utt2spk"), table(folder / "utt2reader")
        assert wav.keys() == text.keys() == spk.keys() == reader.keys()
        assert len(wav) == count and spk == reader
        assert list(spk.values()) == sorted(spk.values())
        for utt, path in wav.items():
            assert utt.startswith(f"{spk[utt]}-")
            assert words[0] <= len(text[utt].split()) <= words[1]
            info = soundfile.info(path)
            assert (info.samplerate, info.channels) == (16000, 1)
            # The time of a word is 0.3-1 s, and espeak-ng ends with a pause.
            assert 0.25 * words[0] <= info.duration <= 1.0 * words[1] + 0.5
        speakers += sorted(set(spk.values()))
    assert len(speakers) == len(set(speakers)) == 7


def test_utterances_have_one_level_and_no_digital_silence(made: Path) -> None:
    for path in table(made / "data/test/wav.scp").values():
        samples, _ = soundfile.read(path)
        rms = np.sqrt(np.mean(samples**2))
        assert rms == pytest.approx(10 ** (-26 / 20), rel=0.05)
        blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160)
        assert np.all(np.std(blocks, axis=1) > 0)


def test_interrupted_run_ends_in_the_same_bytes(voices: Path, made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "audio").rglob("*.flac")}
    ages = {path: path.stat().st_mtime_ns for path in before}
    lost = sorted(before)[::2]
    for path in lost:
        path.unlink()
    make(voices, made, "--nj", 1)
    assert {p: p.read_bytes() for p in (made / "audio").rglob("*.flac")} == before
    kept = set(before) - set(lost)
    assert kept and all(path.stat().st_mtime_ns == ages[path] for path in kept)


def test_recipe_has_enough_voices_and_none_in_two_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(LOCAL))
    from make_voices import read_voices

    voices = read_voices(LOCAL / "voices.tsv")
    counts = {name: sum(v.set_name == name for v in voices) for name in SETS}
    assert counts["train"] >= 30 and counts["dev"] == 5 and counts["test"] >= 20
    assert len({voice.speaker for voice in voices}) == len(voices)
    # A study has more voices to tell apart.
    voices = read_voices(LOCAL / "voices_study.tsv")
    counts = {name: sum(v.set_name == name for v in voices) for name in SETS}
    assert counts == {"train": 29, "dev": 5, "test": 40}


def test_more_utterances_keep_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LOCAL))
    from make_voices import Voice, plan

    voice = Voice("test", "en-us", "f1")
    assert plan(voice, 9, 0)[:4] == plan(voice, 4, 0)
    assert plan(voice, 4, 1) != plan(voice, 4, 0)
    names = {u.file_name for seed in (0, 1) for u in plan(voice, 4, seed)}
    assert len(names) == 8


@pytest.mark.parametrize(
    "content, message",
    [
        ("train\ten-us\tno such voice\n", "no voice variant no such voice"),
        ("train\ten-gb\tf1\n", "does not speak en-gb+f1"),
        ("train\ten-us\n", "expected 'set<TAB>accent<TAB>variant'"),
        ("train\ten-us\tf1\ntest\ten\tf1\n", "the variant f1 comes twice"),
    ],
)
def test_wrong_table_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "voices.tsv").write_text(content)
    done = run(
        *("--voices", tmp_path / "voices.tsv", "--data_dir", tmp_path / "data"),
        *("--audio_dir", tmp_path / "audio"),
    )
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
