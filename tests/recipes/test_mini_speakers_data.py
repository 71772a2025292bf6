"""The corpus side of egs/mini_voices/spk1: drawn voices, and voices to test with."""

import subprocess
import sys
from pathlib import Path
from typing import Dict

import numpy as np
import pytest
import soundfile

EGS = Path(__file__).resolve().parents[2] / "egs"
LOCAL = EGS / "mini_voices/spk1/local"
PROBE_LOCAL = EGS / "mini_voices/probe1/local"

pytest.importorskip("espeakng_loader", reason="the extra 'voices' is not installed")


def run(program: Path, *args: object) -> None:
    """Run one of the recipes' programs."""
    command = [sys.executable, str(program), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def table(path: Path) -> Dict[str, str]:
    """Read ``key value`` lines and check their order."""
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split()[0].encode())
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of espeak-ng's voices for each set."""
    path = tmp_path_factory.mktemp("voices") / "voices.tsv"
    path.write_text("train\ten-us\tf1\ndev\ten\tm4\ntest\ten-us\tadam\n")
    return path


def make(voices: Path, output: Path) -> None:
    """Make the data folders of 3 + 2 drawn voices and those of the table."""
    run(
        LOCAL / "make_speakers.py",
        *("--voices", voices, "--data_dir", output, "--train_drawn", 3),
        *("--dev_drawn", 2, "--train_utts", 2, "--dev_utts", 2, "--test_utts", 2),
    )


@pytest.fixture(scope="module")
def made(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made corpus."""
    output = tmp_path_factory.mktemp("made")
    make(voices, output)
    return output


def test_no_voice_is_in_two_sets_and_the_test_has_no_drawn_one(made: Path) -> None:
    speakers = {
        name: set(table(made / name / "utt2spk").values())
        for name in ("train", "dev", "test", "test_words")
    }
    # The same voices say other words.
    assert speakers.pop("test_words") == speakers["test"]
    assert [len(speakers[name]) for name in ("train", "dev", "test")] == [4, 3, 1]
    assert len(set().union(*speakers.values())) == 8
    assert speakers["test"] == {"adam"}
    for name in speakers:
        wav, utt2spk = table(made / name / "wav.scp"), table(made / name / "utt2spk")
        assert wav.keys() == utt2spk.keys() == table(made / name / "text").keys()
        assert list(utt2spk.values()) == sorted(utt2spk.values())


def pitch(path: Path) -> float:
    """Estimate the median pitch in Hz, by autocorrelation of the loud frames."""
    samples, fs = soundfile.read(path)
    frames = samples[: len(samples) // 800 * 800].reshape(-1, 800)
    found = []
    for frame in frames[frames.std(axis=1) > samples.std()]:
        lags = np.correlate(frame, frame, "full")[799:]
        found.append(fs / (40 + np.argmax(lags[40:320])))
    return float(np.median(found))


def test_a_drawn_voice_speaks_as_it_was_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words with the lowest and the highest of 20 drawn voices."""
    monkeypatch.syspath_prepend(str(LOCAL))
    monkeypatch.syspath_prepend(str(PROBE_LOCAL))
    from make_speakers import draw_variant, make_espeak_data
    from make_voices import Utterance, Voice, make_all

    variants = {f"drawn{n}": draw_variant(f"drawn{n}", 0) for n in range(20)}
    lowest = {name: int(text.split()[5]) for name, text in variants.items()}
    low, high = min(lowest, key=lowest.__getitem__), max(lowest, key=lowest.__getitem__)
    voices = [Voice("train", "en-us", name) for name in variants]
    data = make_espeak_data(tmp_path, voices, variants)
    words = ("YELLOW", "RIVER", "AGAIN")
    spoken = [
        Utterance(n, Voice("train", "en-us", n), words, 160, 50) for n in (low, high)
    ]
    make_all(spoken, tmp_path, 1, data)
    heard = [pitch(tmp_path / utterance.file_name) for utterance in spoken]
    assert lowest[high] > 1.8 * lowest[low] and heard[1] > 1.4 * heard[0], heard


def test_too_many_voices_are_refused(voices: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(LOCAL / "make_speakers.py"), "--train_drawn", "400"]
    command += ["--voices", str(voices), "--data_dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "draw fewer" in done.stderr and "Traceback" not in done.stderr


def test_the_test_voices_say_what_they_say_in_the_probe_recipe(
    made: Path, voices: Path, tmp_path: Path
) -> None:
    run(
        PROBE_LOCAL / "make_voices.py",
        *("--voices", voices, "--data_dir", tmp_path / "data"),
        *("--audio_dir", tmp_path / "audio", "--test_utts", 2),
        *("--train_utts", 1, "--dev_utts", 1),
    )
    theirs, ours = table(tmp_path / "data/test/wav.scp"), table(made / "test/wav.scp")
    assert theirs.keys() == ours.keys()
    for utt, path in ours.items():
        assert Path(path).read_bytes() == Path(theirs[utt]).read_bytes()


def test_a_second_run_speaks_nothing_again(made: Path, voices: Path) -> None:
    ages = {path: path.stat().st_mtime_ns for path in made.rglob("*.flac")}
    make(voices, made)
    assert {p: p.stat().st_mtime_ns for p in made.rglob("*.flac")} == ages


def test_rooms_have_their_peak_first_and_decay(tmp_path: Path) -> None:
    program = LOCAL / "make_rooms.py"
    run(program, "--output_dir", tmp_path, "--scp", tmp_path / "rirs.scp", "--rooms", 3)
    paths = table(tmp_path / "rirs.scp").values()
    assert len(paths) == 3
    for path in paths:
        room, fs = soundfile.read(path)
        assert fs == 16000 and room[0] == np.abs(room).max() > 0.8
        quarter = len(room) // 4
        assert np.std(room[-quarter:]) < 0.1 * np.std(room[200:quarter])
