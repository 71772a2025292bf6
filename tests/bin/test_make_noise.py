"""The command that makes a folder of generated noise, and mixing with it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_probe.bin import make_noise
from espnet_probe.bin.noise_files import find_noise
from espnet_probe.errors import ProbeError

SMALL = ["--music", "4", "--noise", "5", "--speech", "12", "--seconds", "1.5"]


def test_folder_serves_as_musan_with_files_held_out(tmp_path: Path) -> None:
    make_noise.main(["--output_dir", str(tmp_path), *SMALL])
    files = sorted(tmp_path.rglob("*.wav"))
    assert len(files) == 21
    assert {soundfile.info(str(path)).samplerate for path in files} == {16000}
    sources = ("music", "noise", "babble")
    training = find_noise(tmp_path, sources, "train").names
    test = find_noise(tmp_path, sources, "test").names
    for source in sources:
        assert training[source] and test[source]
        assert not set(training[source]) & set(test[source])
    sounds = {path.read_bytes() for path in files}
    assert len(sounds) == len(files)


def test_what_is_there_is_left_and_what_is_missing_is_the_same(tmp_path: Path) -> None:
    make_noise.main(["--output_dir", str(tmp_path), *SMALL])
    files = sorted(tmp_path.rglob("*.wav"))
    before = {path: path.read_bytes() for path in files}
    files[0].unlink()
    files[1].write_bytes(b"left alone")
    make_noise.main(["--output_dir", str(tmp_path), *SMALL])
    assert files[0].read_bytes() == before[files[0]]
    assert files[1].read_bytes() == b"left alone"
    # Another seed has files of its own.
    make_noise.main(["--output_dir", str(tmp_path), *SMALL, "--seed", "1"])
    other = sorted(set(tmp_path.rglob("*.wav")) - set(files))
    assert len(other) == 21
    one, _ = soundfile.read(str(other[0]))
    two, _ = soundfile.read(str(files[0]))
    assert not np.array_equal(one, two)


def test_mistakes_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="--music -1: expected 0 or more"):
        make_noise.main(["--output_dir", str(tmp_path), "--music", "-1"])
    for seconds in ("nan", "0.5", "1e9"):
        with pytest.raises(ProbeError, match="expected from 1 to 3600"):
            make_noise.main(["--output_dir", str(tmp_path), "--seconds", seconds])
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ProbeError, match="is no folder; give another"):
        make_noise.main(["--output_dir", str(tmp_path / "file")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
