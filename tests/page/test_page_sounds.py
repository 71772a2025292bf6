"""Levels of sounds, formats of browsers, and sounds that have been moved."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_probe.errors import ProbeError
from espnet_probe.page import sounds
from espnet_probe.page.flac import with_seek_table

FS = 16000


def tone(seconds: float, amplitude: float) -> np.ndarray:
    time = np.arange(int(FS * seconds)) / FS
    return (amplitude * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def test_pauses_do_not_count() -> None:
    speech, pause = tone(1.0, 0.5), np.zeros(FS, dtype=np.float32)
    wave = np.concatenate([pause, speech, pause])
    level, peak = sounds.level(wave, FS, None)
    # The RMS of a sine is its amplitude over the square root of two.
    assert level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)
    assert peak == pytest.approx(20 * np.log10(0.5), abs=0.01)
    active = sounds.active_frames(wave, FS)
    assert active.sum() == 50 and len(active) == 150
    # What a reconstruction puts into the pauses counts in no frame.
    loud = np.concatenate([tone(1.0, 0.9), 0.5 * speech, tone(1.0, 0.9)])
    assert sounds.level(loud, FS, active)[0] == pytest.approx(level - 6.02, abs=0.05)
    assert sounds.level(loud[:-300], FS, active)[0] == pytest.approx(level - 6.02, 0.01)


def test_silence_has_a_level() -> None:
    silence = np.zeros(1000, dtype=np.float32)
    assert sounds.level(silence, FS, None) == (-100.0, -100.0)
    assert sounds.active_frames(silence, FS).all()
    assert sounds.level(silence[:0], FS, None)[1] == -100.0


@pytest.mark.parametrize(
    "name, rate", [("flac", 11025), ("opus", 16000), ("mp3", 16000)]
)
def test_what_is_encoded_can_be_played(tmp_path: Path, name: str, rate: int) -> None:
    source = tmp_path / "a.wav"
    soundfile.write(source, tone(0.5, 0.4), rate)
    wave, found = sounds.read_wave(source)
    content, suffix = sounds.encode(source, wave, found, name)
    assert len(content) < source.stat().st_size
    path = tmp_path / f"b{suffix}"
    path.write_bytes(content)
    again, rate_again = sounds.read_wave(path)
    # Opus says 48 kHz of whatever it holds.
    assert len(again) / rate_again == pytest.approx(len(wave) / rate, abs=0.1)
    assert np.abs(again).max() == pytest.approx(0.4, abs=0.1)


def test_flac_is_not_encoded_anew(tmp_path: Path) -> None:
    source = tmp_path / "a.flac"
    soundfile.write(source, tone(0.2, 0.4), FS)
    wave, rate = sounds.read_wave(source)
    found = sounds.encode(source, wave, rate, "flac")
    assert found == (with_seek_table(source.read_bytes()), ".flac")
    stereo = tmp_path / "s.flac"
    soundfile.write(stereo, np.stack([wave, 0 * wave], axis=1), FS)
    wave, rate = sounds.read_wave(stereo)
    assert sounds.encode(stereo, wave, rate, "flac")[0] != stereo.read_bytes()


def test_rates_that_a_format_lacks_are_converted(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    soundfile.write(source, tone(0.5, 0.4), 11025)
    wave, rate = sounds.read_wave(source)
    content, suffix = sounds.encode(source, wave, rate, "opus")
    path = tmp_path / f"b{suffix}"
    path.write_bytes(content)
    again, rate_again = sounds.read_wave(path)
    assert len(again) / rate_again == pytest.approx(len(wave) / rate, abs=0.05)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ProbeError, match="--audio_format ogg: not known; expected one"):
        sounds.check_format("ogg")
    sounds.check_format("flac")


def test_sounds_are_found_where_they_have_been_moved(tmp_path: Path) -> None:
    folder = tmp_path / "cnn1"
    (folder / "wav").mkdir(parents=True)
    (folder / "wav" / "a.flac").write_bytes(b"")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.flac").write_bytes(b"")
    lines = "a exp/elsewhere/wav/a.flac\nb data/b.flac\nc gone/c.flac\n"
    (folder / "wav.scp").write_text(lines)
    scp = sounds.Scp(folder / "wav.scp", tmp_path)
    assert scp.find("a") == folder / "wav" / "a.flac"
    assert scp.find("b") == tmp_path / "data" / "b.flac"
    for utt, said in (("c", "no file c.flac"), ("d", "not in wav.scp")):
        with pytest.raises(FileNotFoundError, match=said):
            scp.find(utt)
    with pytest.raises(FileNotFoundError, match="no wav.scp"):
        sounds.Scp(tmp_path / "wav.scp", tmp_path).find("a")
