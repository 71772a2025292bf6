"""A folder of sounds: safe names, whole files, and what makes one stale."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_probe.bin.sound_folder import SoundFolder, file_name, input_digest
from espnet_probe.errors import ProbeError

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("utt", ["../../etc/passwd", "a/b", "..", ".", ".x", "a\\b"])
def test_no_id_leaves_the_folder(utt: str, tmp_path: Path) -> None:
    path = SoundFolder(tmp_path, "flac", 16000).path(utt)
    assert path.resolve().parent == tmp_path.resolve() / "wav"
    assert not path.name.startswith(".")


def test_plain_ids_are_their_own_names() -> None:
    assert file_name("1688-142285-0000", "flac") == "1688-142285-0000.flac"
    assert file_name("a_b.c", "wav") == "a_b.c.wav"


def test_different_ids_have_different_names() -> None:
    utts = ["a/b", "a%2Fb", "a_b", "a b", ".", "%2E", "..", "%2E.", "é"]
    assert len({file_name(utt, "flac") for utt in utts}) == len(utts)


def test_an_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(ProbeError, match="too long for a file name"):
        file_name("x" * 201, "flac")


def test_digest_depends_on_all_that_makes_the_sound() -> None:
    base = input_digest(VALUES, 100, {"a": 1})
    assert base == input_digest(VALUES.copy(), 100, {"a": 1})
    changed = VALUES.copy()
    changed[1, 2] += 1e-6
    others = [
        input_digest(changed, 100, {"a": 1}),
        input_digest(VALUES.reshape(4, 3), 100, {"a": 1}),
        input_digest(VALUES, 101, {"a": 1}),
        input_digest(VALUES, 100, {"a": 2}),
    ]
    assert len({base, *others}) == 5


@pytest.mark.parametrize("audio_format", ["flac", "wav"])
def test_a_sound_is_found_again(audio_format: str, tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path, audio_format, 16000)
    waveform = np.linspace(-0.9, 0.9, 500, dtype=np.float32)
    assert folder.gain("u", 500, "ab12") is None
    folder.write("u", waveform, 0.125, "ab12")
    assert folder.gain("u", 500, "ab12") == 0.125
    # Another input, another length, another rate: not that sound.
    assert folder.gain("u", 500, "ab13") is None
    assert folder.gain("u", 499, "ab12") is None
    assert SoundFolder(tmp_path, audio_format, 8000).gain("u", 500, "ab12") is None
    read, rate = soundfile.read(folder.path("u"))
    assert rate == 16000
    np.testing.assert_allclose(read, waveform, atol=1 / 32768)
    assert soundfile.info(folder.path("u")).subtype == "PCM_16"
    assert [path.name for path in (tmp_path / "wav").iterdir()] == [f"u.{audio_format}"]


def test_a_file_that_is_cut_off_is_not_taken(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path, "wav", 16000)
    folder.write("u", np.zeros(5000, dtype=np.float32), 1.0, "ab12")
    path = folder.path("u")
    path.write_bytes(path.read_bytes()[:3000])
    assert folder.gain("u", 5000, "ab12") is None
    path.write_bytes(b"")
    assert folder.gain("u", 5000, "ab12") is None


def test_a_sound_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path, "flac", 16000)
    path = folder.path("u")
    path.parent.mkdir()
    soundfile.write(path, np.zeros(100), 16000)
    assert folder.gain("u", 100, "ab12") is None
