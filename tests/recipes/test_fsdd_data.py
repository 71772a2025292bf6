"""The corpus side of egs/fsdd: strings of digits, and the download."""

import random
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import soundfile

LOCAL = Path(__file__).resolve().parents[2] / "egs/fsdd/probe1/local"
SPEAKERS = ("ann", "bob")


def run(script: str, *args: object) -> "subprocess.CompletedProcess[str]":
    """Run one of the recipe's programs."""
    command = [sys.executable, str(LOCAL / script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def table(path: Path) -> Dict[str, str]:
    """Read ``key value`` lines and check their order."""
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split()[0].encode())
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers, all digits, takes 0, 1 (test), 5 (dev), 10 and 11 (train)."""
    folder = tmp_path_factory.mktemp("fsdd") / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for speaker in SPEAKERS:
        for digit in range(10):
            for take in (0, 1, 5, 10, 11):
                samples = 0.1 * rng.standard_normal(rng.integers(1200, 4000)) - 0.05
                path = folder / f"{digit}_{speaker}_{take}.wav"
                soundfile.write(path, samples, 8000, "PCM_16")
    return folder


def make(recordings: Path, output: Path, *args: object) -> None:
    """Make the data folders."""
    done = run(
        "make_strings.py",
        *("--recordings", recordings, "--data_dir", output / "data"),
        *("--audio_dir", output / "audio", "--train_passes", 2, *args),
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def made(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made corpus."""
    output = tmp_path_factory.mktemp("made")
    make(recordings, output)
    return output


def test_folders_are_kaldi_folders(made: Path) -> None:
    words = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
    for name in ("train", "dev", "test"):
        folder = made / "data" / name
        wav, text = table(folder / "wav.scp"), table(folder / "text")
        spk, reader = table(folder / "utt2spk"), table(folder / "utt2reader")
        assert wav.keys() == text.keys() == spk.keys() == reader.keys()
        assert spk == reader and set(spk.values()) == set(SPEAKERS)
        assert list(spk.values()) == sorted(spk.values())
        for utt, path in wav.items():
            assert utt.startswith(f"{spk[utt]}-{name}-")
            digits = text[utt].split()
            assert 3 <= len(digits) <= 6 and set(digits) <= set(words)
            info = soundfile.info(path)
            assert (info.samplerate, info.channels) == (16000, 1)
            assert 3 * 0.15 + 4 * 0.03 <= info.duration <= 6 * 0.5 + 7 * 0.15


def test_each_take_is_used_once_a_pass(made: Path) -> None:
    for name, uses in (("train", 2 * 2), ("dev", 1), ("test", 2)):
        counts = Counter(
            (utt.split("-")[0], word)
            for utt, text in table(made / "data" / name / "text").items()
            for word in text.split()
        )
        assert len(counts) == 20 and set(counts.values()) == {uses}


def test_pauses_are_neither_silent_nor_offset(made: Path) -> None:
    path = next(iter(table(made / "data/test/wav.scp").values()))
    samples, _ = soundfile.read(path)
    start = samples[: int(0.03 * 16000)]
    assert np.sqrt(np.mean(start**2)) == pytest.approx(10 ** (-70 / 20), rel=0.2)
    # The recordings have an offset of -0.05, the strings none.
    assert abs(samples.mean()) < 1e-3


def test_interrupted_run_ends_in_the_same_bytes(recordings: Path, made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "audio").rglob("*.flac")}
    ages = {path: path.stat().st_mtime_ns for path in before}
    lost = sorted(before)[::3]
    for path in lost:
        path.unlink()
    make(recordings, made)
    assert {p: p.read_bytes() for p in (made / "audio").rglob("*.flac")} == before
    kept = set(before) - set(lost)
    assert kept and all(path.stat().st_mtime_ns == ages[path] for path in kept)


def test_another_seed_never_meets_old_audio(recordings: Path, made: Path) -> None:
    first = set(table(made / "data/test/wav.scp").values())
    make(recordings, made, "--seed", 1)
    second = set(table(made / "data/test/wav.scp").values())
    make(recordings, made)
    assert not first & second


def test_cut_leaves_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LOCAL))
    from make_strings import Take, cut

    for count in range(3, 40):
        takes = [Take(Path(), 0, "ann", number) for number in range(count)]
        strings = cut(takes, random.Random(count))
        assert all(3 <= len(string) <= 6 for string in strings)
        assert sorted(take.number for s in strings for take in s) == list(range(count))


def test_folder_without_recordings_is_one_line(tmp_path: Path) -> None:
    done = run("make_strings.py", "--recordings", tmp_path)
    assert done.returncode == 1
    assert "point FSDD at the folder" in done.stderr and "Traceback" not in done.stderr


def archive_of(folder: Path, path: Path, extra: List[str]) -> str:
    """Pack recordings as GitHub does and return the archive's URL."""
    with tarfile.open(path, "w:gz") as tar:
        for wav in sorted(folder.glob("*.wav")):
            tar.add(wav, f"free-spoken-digit-dataset-1.0.10/recordings/{wav.name}")
        for name in extra:
            tar.addfile(tarfile.TarInfo(name))
    return path.as_uri()


def test_download_refuses_an_incomplete_corpus(
    recordings: Path, tmp_path: Path
) -> None:
    url = archive_of(recordings, tmp_path / "a.tar.gz", ["../outside.txt"])
    done = run("download.py", "--output_dir", tmp_path / "out", "--url", url)
    assert done.returncode == 1 and "expected 6 speakers" in done.stderr
    assert not list((tmp_path / "out").iterdir())
    assert not list(tmp_path.glob("**/outside.txt"))


def test_download_leaves_recordings(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(LOCAL))
    import download

    monkeypatch.setattr(download, "NUM_SPEAKERS", 2)
    monkeypatch.setattr(download, "NUM_TAKES", 5)
    evil = ["x/recordings/../../0_eve_0.wav", "x/recordings/notes.txt"]
    url = archive_of(recordings, tmp_path / "a.tar.gz", evil)
    download.download(url, tmp_path / "out")
    there = sorted(path.name for path in (tmp_path / "out/recordings").iterdir())
    assert there == sorted(path.name for path in recordings.iterdir())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recordings"]


def test_damaged_archive_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"not an archive")
    url = (tmp_path / "a.tar.gz").as_uri()
    done = run("download.py", "--output_dir", tmp_path / "out", "--url", url)
    assert done.returncode == 1
    assert "is damaged" in done.stderr and "Traceback" not in done.stderr
