"""Files are written whole or not at all, and what cannot be written is one line."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_probe.bin.score_files import check_output, write_json, written_whole
from espnet_probe.errors import ProbeError


def left(folder: Path) -> "set[str]":
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.json"
    check_output(path.parent)
    assert left(tmp_path) == set()
    with written_whole(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half" and left(path.parent) == {"scores.json"}
    with pytest.raises(KeyError), written_whole(path) as part:
        part.write_text("another")
        raise KeyError
    assert path.read_text() == "half" and left(path.parent) == {"scores.json"}


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("nowhere")
    for folder in ("file", "file/a", "file/a/b", "link"):
        with pytest.raises(ProbeError, match="is no folder; give another") as caught:
            check_output(tmp_path / folder)
        assert "\n" not in str(caught.value)
    for folder in ("file", "file/a"):
        with pytest.raises(ProbeError, match="cannot write .*scores.json: .*Errno"):
            write_json(tmp_path / folder / "scores.json", {})
    assert left(tmp_path) == {"file", "link"}
    assert (tmp_path / "file").read_text() == "kept"
    check_output(tmp_path)
    check_output(Path("."))
    check_output(Path("new/folder"))


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.json").mkdir()
    with pytest.raises(ProbeError, match="cannot write"):
        write_json(tmp_path / "scores.json", {"a": 1})
    assert left(tmp_path) == {"scores.json"}


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is permitted to root")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ProbeError, match="no permission in"):
            check_output(tmp_path / "new")
        with pytest.raises(ProbeError, match="cannot write"):
            write_json(tmp_path / "scores.json", {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def fill(part: Path) -> None:
        part.symlink_to("/dev/full")

    with pytest.raises(ProbeError, match="on a disk with room") as caught:
        with written_whole(tmp_path / "scores.json") as part:
            fill(part)
            part.write_text("x" * 100000)
    assert "\n" not in str(caught.value)
    with pytest.raises(ProbeError, match="on a disk with room"):
        with written_whole(tmp_path / "sound.wav") as part:
            fill(part)
            soundfile.write(part, np.zeros(100000), 16000, format="WAV")
    assert left(tmp_path) == set()
