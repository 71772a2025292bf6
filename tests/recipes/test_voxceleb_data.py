"""egs/voxceleb/spk1: its data folders, from a corpus of VoxCeleb's layout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import numpy as np
import pytest
import soundfile

from espnet_probe.bin.trial_files import read_trials

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "tools/espnet/egs2/TEMPLATE/asr1"

pytestmark = pytest.mark.skipif(
    not TEMPLATE.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two speakers to train on, two to test, with two files each, and the trials."""
    root = tmp_path / "corpus"
    for part, speakers in (("voxceleb2/dev", "id0012 id0015"), ("voxceleb1/test", "")):
        for speaker in (speakers or "id10270 id10271").split():
            for number in ("00001", "00002"):
                path = root / part / speaker / "video-A" / f"{number}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, np.zeros(1600), 16000)
    pairs = [
        "1 id10270/video-A/00001.wav id10270/video-A/00002.wav",
        "0 id10270/video-A/00001.wav id10271/video-A/00001.wav",
        "0 id10271/video-A/00001.wav id10270/video-A/00001.wav",
    ]
    (root / "veri_test2.txt").write_text("\n".join(pairs) + "\n")
    return root


def prepare(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run data.sh in a scratch recipe."""
    recipe = tmp_path / "egs/voxceleb/spk1"
    (recipe / "local").mkdir(parents=True)
    shutil.copy(ROOT / "egs/voxceleb/spk1/local/data.sh", recipe / "local")
    (recipe / "utils").symlink_to(TEMPLATE / "utils")
    (recipe / "path.sh").symlink_to(ROOT / "egs/TEMPLATE/probe1/path.sh")
    return subprocess.run(
        ["local/data.sh", "--python", sys.executable],
        cwd=recipe,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
    )


def table(path: Path) -> Dict[str, str]:
    """Read ``key value`` lines and check their order."""
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split()[0].encode())
    return dict(line.split(maxsplit=1) for line in lines)


def test_folders_are_as_spk_sh_wants_them(corpus: Path, tmp_path: Path) -> None:
    done = prepare(tmp_path, VOXCELEB=str(corpus))
    assert done.returncode == 0, done.stdout + done.stderr
    data = tmp_path / "egs/voxceleb/spk1/data"
    train, test = data / "voxceleb2_dev", data / "voxceleb1_test"
    assert len(table(train / "wav.scp")) == 4
    assert set(table(train / "utt2spk").values()) == {"id0012", "id0015"}
    assert table(test / "spk2utt")["id10271"].split() == [
        "id10271/video-A/00001",
        "id10271/video-A/00002",
    ]
    first, other = "id10270/video-A/00001", "id10271/video-A/00001"
    labels = (test / "trial_label").read_text().splitlines()
    assert labels[:2] == [f"{first}*id10270/video-A/00002 1", f"{first}*{other} 0"]
    paths = (test / "trial2.scp").read_text().splitlines()
    assert paths[1] == f"{first}*{other} {corpus}/voxceleb1/test/{other}.wav"
    # The pair that comes a second time, turned round, counts twice: all are scored.
    trials = read_trials(test / "trials", table(test / "wav.scp"))
    assert [(one.enrolment, one.test, one.target) for one in trials] == [
        (first, "id10270/video-A/00002", True),
        (first, other, False),
        (other, first, False),
    ]
    for name in ("musan_music", "musan_noise", "musan_speech", "rirs"):
        lines = (data / f"{name}.scp").read_text().splitlines()
        assert lines and all(len(line.split()) == 2 for line in lines)


def test_a_corpus_that_is_not_there_is_one_line(corpus: Path, tmp_path: Path) -> None:
    shutil.rmtree(corpus / "voxceleb1")
    done = prepare(tmp_path, VOXCELEB=str(corpus))
    assert done.returncode == 1
    assert "voxceleb1/test is not there" in done.stdout


def test_m4a_is_told_to_be_converted(corpus: Path, tmp_path: Path) -> None:
    for path in (corpus / "voxceleb2").rglob("*.wav"):
        path.rename(path.with_suffix(".m4a"))
    done = prepare(tmp_path, VOXCELEB=str(corpus))
    assert done.returncode == 1 and "has to be converted" in done.stdout
