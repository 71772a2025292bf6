"""Sounds of a listening test: one level, no clipping, nothing but samples."""

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
import soundfile

from espnet_probe.errors import ProbeError
from espnet_probe.listening.sounds import (
    HEADROOM_DB,
    LEVEL_DBFS,
    Loudness,
    common_level,
    loudness,
    measure,
    write_sounds,
)

FS = 16000


def tone(seconds: float, amplitude: float) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 200 * np.arange(int(FS * seconds)) / FS)


def test_pauses_do_not_count() -> None:
    speech = tone(1, 0.1)
    found = loudness(speech, FS)
    assert found.active == pytest.approx(-20 - 3.01, abs=0.02)
    assert found.peak == pytest.approx(-20, abs=0.02)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(2 * FS)
    padded = np.concatenate([noise, speech, noise])
    assert loudness(padded, FS).active == pytest.approx(found.active, abs=0.2)
    whole = 10 * np.log10(np.mean(padded**2))
    assert whole < found.active - 6
    # Another rate and a length below one frame.
    assert loudness(speech[::2], FS // 2).active == pytest.approx(found.active, abs=0.1)
    assert loudness(np.full(10, 0.5), FS).peak == pytest.approx(-6.02, abs=0.01)
    click = np.zeros(FS)
    click[5] = 0.5
    assert np.isfinite(loudness(click, FS).active)


@pytest.mark.parametrize(
    "wave, message",
    [
        (np.zeros(100), "silent"),
        (np.zeros(0), "silent"),
        (np.full(100, np.nan), "not finite"),
    ],
)
def test_what_has_no_level_is_refused(wave: np.ndarray, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        loudness(wave, FS)


def test_one_level_for_all_and_no_clipping() -> None:
    assert common_level([Loudness(-40, -30), Loudness(-3, -0.5)]) == LEVEL_DBFS
    spiky = Loudness(-40, -10)
    assert common_level([spiky, Loudness(-3, -0.5)]) == -HEADROOM_DB - 30


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_files_have_one_level_and_no_metadata(tmp_path: Path, suffix: str) -> None:
    sources: Dict[str, str] = {}
    for number, amplitude in enumerate((0.001, 0.03, 0.9)):
        path = tmp_path / f"{number}.flac"
        with soundfile.SoundFile(path, "w", FS, 1) as sound:
            sound.title, sound.artist = "blstm5", "speaker 7"
            sound.write(tone(0.5, amplitude))
        sources[f"name{number}"] = str(path)
    levels, fs = measure(list(sources.values()))
    assert fs == FS
    level = common_level(list(levels.values()))
    size = write_sounds(tmp_path / "out", sources, levels, level, suffix)
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == [f"name{n}.{suffix}" for n in range(3)]
    assert size == sum(f.stat().st_size for f in files)
    assert len({f.stat().st_mtime for f in files}) == 1
    for file in files:
        wave, _ = soundfile.read(file)
        assert len(wave) == FS // 2
        assert loudness(wave, FS).active == pytest.approx(level, abs=0.1)
        content = file.read_bytes()
        assert b"blstm5" not in content and b"speaker" not in content
        if suffix == "wav":
            # RIFF, its size, WAVE, fmt, data: no room for anything else.
            assert len(content) == 44 + FS and content[36:40] == b"data"


def test_sounds_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    good, silent, other, stereo, broken = (
        tmp_path / f"{n}.wav" for n in ("good", "silent", "other", "stereo", "broken")
    )
    soundfile.write(good, tone(0.1, 0.1), FS)
    soundfile.write(silent, np.zeros(100), FS)
    soundfile.write(other, tone(0.1, 0.1), 8000)
    soundfile.write(stereo, np.zeros((10, 2)), FS)
    broken.write_text("no audio")
    for path, message in (
        (silent, "silent.wav: it is silent; .*another --seed"),
        (other, "different sampling rates: 8000 Hz .*, 16000 Hz"),
        (stereo, "has 2 channels, expected one"),
        (broken, "cannot read .*broken.wav as audio"),
        (tmp_path / "none.wav", "cannot read .*none.wav"),
    ):
        with pytest.raises(ProbeError, match=message):
            measure([str(good), str(path)])
