"""The sounds of a listening test: one level, random names, nothing but samples.

Level
-----
The level of a sound is the RMS of its active speech: of the frames of 20 ms (hop 10 ms)
that are at most 25 dB below the level that the loudest tenth of the frames exceeds. So
pauses do not count, as in ITU-T P.56, whose method is another. All sounds get the
same level, ``LEVEL_DBFS`` or, where a sound would then come within 1 dB of full scale,
a lower one for all: were only that sound lower, its loudness would tell it.

Files
-----
Samples of 16 bit, no tags, no chunk but format and data; FLAC has the name of its
encoder. All files have the same time of modification, and they are written in the order
of their names.

What files cannot hide: a repeat has the samples of what it repeats, so who compares
files finds the repeats, though no answer; and who has the corpus can find a recording
by its length.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Sequence, Tuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError

#: RMS of active speech relative to full scale, in dB; usual for speech tests.
LEVEL_DBFS = -26.0
#: No sample comes nearer to full scale.
HEADROOM_DB = 1.0
#: A common level below this is told: one sound has a peak that it does not need.
LOW_DBFS = -36.0
FRAME, HOP = 0.02, 0.01
ACTIVE_DB = 25.0
#: Half a step of 16 bit audio.
SILENCE_DBFS = -96.0
#: 2020-01-01: any time that tells nothing.
TIME = 1577836800
FORMATS = ("wav", "flac")

Wave = NDArray[np.float64]


@dataclass(frozen=True)
class Loudness:
    """What a sound's level is.

    Attributes:
        active: RMS of active speech in dB relative to full scale.
        peak: Of the largest sample, in dB relative to full scale.
    """

    active: float
    peak: float


def loudness(wave: Wave, fs: int) -> Loudness:
    """Measure a sound.

    Args:
        wave: ``(samples,)``, full scale 1.
        fs: Sampling rate in Hz.

    Raises:
        ProbeError: If it is silent, or a sample is not finite.
    """
    if not np.all(np.isfinite(wave)):
        raise ProbeError("a sample is not finite")
    peak = float(np.max(np.abs(wave), initial=0.0))
    if peak < 10 ** (SILENCE_DBFS / 20):
        raise ProbeError("it is silent")
    size, hop = max(1, round(FRAME * fs)), max(1, round(HOP * fs))
    padded = np.pad(wave, (0, max(0, size - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.mean(np.square(frames), axis=1)
    threshold = np.quantile(power, 0.9) * 10 ** (-ACTIVE_DB / 10)
    # A click alone in silence: the quantile is zero then.
    active = float(np.mean(power[power >= max(threshold, np.finfo(float).tiny)]))
    return Loudness(10 * float(np.log10(active)), 20 * float(np.log10(peak)))


def read_sound(path: str) -> Tuple[Wave, int]:
    """Read a sound of one channel.

    Args:
        path: The file.

    Returns:
        ``(samples,)`` and the sampling rate in Hz.

    Raises:
        ProbeError: If it cannot be read, or has several channels.
    """
    try:
        wave, fs = soundfile.read(path, dtype="float64")
    except (OSError, soundfile.SoundFileError) as error:
        raise ProbeError(f"cannot read {path} as audio: {error}") from error
    if wave.ndim != 1:
        raise ProbeError(f"{path} has {wave.shape[1]} channels, expected one")
    return wave, int(fs)


def measure(paths: Sequence[str]) -> Tuple[Dict[str, Loudness], int]:
    """Measure sounds.

    Args:
        paths: Their files.

    Returns:
        Loudness by file, and the sampling rate of all.

    Raises:
        ProbeError: If one cannot be used, or sampling rates differ.
    """
    found: Dict[str, Loudness] = {}
    rates: Dict[int, str] = {}
    for path in sorted(set(paths)):
        wave, fs = read_sound(path)
        rates.setdefault(fs, path)
        try:
            found[path] = loudness(wave, fs)
        except ProbeError as error:
            raise ProbeError(
                f"{path}: {error}; it cannot be part of a listening test: choose "
                "other --layers, or draw other triplets with another --seed"
            ) from error
    if len(rates) != 1:
        said = ", ".join(f"{fs} Hz ({path})" for fs, path in sorted(rates.items()))
        raise ProbeError(f"sounds of different sampling rates: {said}; expected one")
    return found, next(iter(rates))


def common_level(sounds: Sequence[Loudness]) -> float:
    """Return the level that all sounds get, in dB relative to full scale.

    Args:
        sounds: What their levels are.
    """
    crest = max(one.peak - one.active for one in sounds)
    return min(LEVEL_DBFS, -HEADROOM_DB - crest)


def write_sounds(
    folder: Path,
    sources: Dict[str, str],
    levels: Dict[str, Loudness],
    level: float,
    audio_format: str,
) -> int:
    """Write the sounds at one level.

    Args:
        folder: Where to; it is made.
        sources: By new name (without a suffix) the file that the sound is in.
        levels: By file, its loudness.
        level: What their active speech is brought to, in dB relative to full scale.
        audio_format: One of ``FORMATS``.

    Returns:
        How many bytes were written.
    """
    folder.mkdir(parents=True)
    size = 0
    for name, source in sorted(sources.items()):
        wave, fs = read_sound(source)
        gain = 10 ** ((level - levels[source].active) / 20)
        path = folder / f"{name}.{audio_format}"
        soundfile.write(path, wave * gain, fs, subtype="PCM_16")
        os.utime(path, (TIME, TIME))
        size += path.stat().st_size
    return size
