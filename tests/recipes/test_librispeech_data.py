"""The corpus side of egs/librispeech_100: readers, chapters, transcripts."""

import functools
import http.server
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Dict, Iterator

import numpy as np
import pytest
import soundfile
from scratch_recipe import ESPNET

LOCAL = Path(__file__).resolve().parents[2] / "egs/librispeech_100/probe1/local"


def run(part: Path, output: Path) -> "subprocess.CompletedProcess[str]":
    """Run prepare_part.py."""
    script = str(LOCAL / "prepare_part.py")
    command = [sys.executable, script, "--part", part, "--output_dir", output]
    return subprocess.run([*map(str, command)], capture_output=True, text=True)


def table(path: Path) -> Dict[str, str]:
    """Read ``key value`` lines and check their order."""
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split()[0].encode())
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Reader 19 with two chapters and reader 103 with one, two utterances each."""
    folder = tmp_path / "LibriSpeech/dev-clean"
    for reader, chapter in (("19", "198"), ("19", "227"), ("103", "1240")):
        chapter_dir = folder / reader / chapter
        chapter_dir.mkdir(parents=True)
        lines = []
        for index in range(2):
            utt = f"{reader}-{chapter}-{index:04d}"
            soundfile.write(chapter_dir / f"{utt}.flac", np.zeros(1600), 16000)
            lines.append(f"{utt} WORDS OF {utt}\n")
        (chapter_dir / f"{reader}-{chapter}.trans.txt").write_text("".join(lines))
    return folder


def test_speaker_is_chapter_and_reader_is_person(part: Path, tmp_path: Path) -> None:
    done = run(part, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    wav, text = table(tmp_path / "data/wav.scp"), table(tmp_path / "data/text")
    spk, reader = table(tmp_path / "data/utt2spk"), table(tmp_path / "data/utt2reader")
    assert len(wav) == 6 and wav.keys() == text.keys() == spk.keys() == reader.keys()
    assert spk["19-198-0001"] == "19-198" and spk["19-227-0001"] == "19-227"
    assert reader["19-198-0001"] == reader["19-227-0001"] == "19"
    assert reader["103-1240-0000"] == "103"
    assert text["19-198-0000"] == "WORDS OF 19-198-0000"
    assert list(spk.values()) == sorted(spk.values())
    assert all(soundfile.info(path).samplerate == 16000 for path in wav.values())


def test_audio_without_transcript_is_one_line(part: Path, tmp_path: Path) -> None:
    (part / "19/198/19-198-0001.flac").unlink()
    done = run(part, tmp_path / "data")
    assert done.returncode == 1
    assert "1 utterances" in done.stderr and "19-198-0001" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "data").exists()


def test_wrong_folder_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "data")
    assert done.returncode == 1
    assert "point LIBRISPEECH" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(not ESPNET.is_dir(), reason="no ESPnet recipe tree")
@pytest.mark.parametrize("place", ["environment", "db.sh", "both"])
def test_corpus_is_named_by_environment_or_db(part: Path, place: str) -> None:
    """The environment goes before db.sh."""
    folder, corpus = part.parents[1], part.parent
    for name in ("train-clean-100", "test-clean"):
        (corpus / name).symlink_to(part)
    recipe = folder / "recipe"
    recipe.mkdir()
    for name in ("utils", "steps"):
        (recipe / name).symlink_to(ESPNET / name)
    (recipe / "local").symlink_to(LOCAL)
    (recipe / "path.sh").symlink_to(LOCAL.parents[2] / "TEMPLATE/probe1/path.sh")
    named = {"environment": "", "db.sh": str(corpus), "both": "/nowhere"}[place]
    (recipe / "db.sh").write_text(f"LIBRISPEECH={named}\n")
    variables = {"PATH": os.environ["PATH"]}
    if place != "db.sh":
        variables["LIBRISPEECH"] = str(folder)
    done = subprocess.run(
        ["local/data.sh"], cwd=recipe, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(table(recipe / "data/train_clean_100/wav.scp")) == 6
    (recipe / "db.sh").write_text("LIBRISPEECH=/nowhere\n")
    variables.pop("LIBRISPEECH", None)
    wrong = subprocess.run(
        ["local/data.sh"], cwd=recipe, env=variables, capture_output=True, text=True
    )
    assert (
        wrong.returncode == 1 and "/nowhere/LibriSpeech/train-clean-100" in wrong.stdout
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve an archive like MUSAN's, and one that lacks a folder, from this machine."""
    served = tmp_path / "served"
    served.mkdir()
    for name, parts in (("musan", ("music", "noise", "speech")), ("poor", ("music",))):
        with tarfile.open(served / f"{name}.tar.gz", "w:gz") as archive:
            for part in parts:
                sound = tmp_path / "a.wav"
                soundfile.write(sound, np.zeros(160), 16000)
                archive.add(sound, f"musan/{part}/free/a.wav")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.mark.skipif(not ESPNET.is_dir(), reason="no ESPnet recipe tree")
def test_musan_is_fetched_once_and_whole(server: str, tmp_path: Path) -> None:
    (tmp_path / "utils").symlink_to(ESPNET / "utils")

    def fetch(url: str) -> "subprocess.CompletedProcess[str]":
        command = [str(LOCAL / "musan.sh"), "--url", url]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    poor = fetch(f"{server}/poor.tar.gz")
    assert poor.returncode == 1 and "no folder musan/noise" in poor.stdout
    assert not (tmp_path / "downloads/musan").exists()
    (tmp_path / "downloads/musan.tar.gz").unlink()
    absent = fetch(f"{server}/none.tar.gz")
    assert absent.returncode == 1 and "set MUSAN to the folder" in absent.stdout
    done = fetch(f"{server}/musan.tar.gz")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "downloads/musan").glob("*/free/a.wav"))) == 3
    # Nothing is asked for again.
    again = fetch("http://127.0.0.1:1/musan.tar.gz")
    assert again.returncode == 0 and "Skip the download" in again.stdout
