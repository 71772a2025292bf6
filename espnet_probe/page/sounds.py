"""Reading the sounds of an experiment, their levels, and what a browser gets to play.

The level is the RMS over active speech: the frames of :data:`FRAME` seconds in which
the clean recording is at most :data:`ACTIVE_DB` below its loudest one. All sounds of
one utterance are as long as its recording, so that one choice of frames serves all of
them; pauses, which reconstructions fill differently, count in none.
"""

import io
import math
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

import numpy as np
import soundfile
from espnet2.fileio.read_text import read_2columns_text
from numpy.typing import NDArray
from scipy.signal import resample_poly

from espnet_probe.errors import ProbeError
from espnet_probe.page.flac import with_seek_table
from espnet_probe.report.files import find_file

Wave = NDArray[np.float32]
Mask = NDArray[np.bool_]

FRAME = 0.02
ACTIVE_DB = 30.0
#: RMS of silence, in dB below full scale: less than one step of 16 bits.
SILENCE_DB = -100.0

#: By ``--audio_format``: suffix, soundfile's format and subtype, sampling rates.
FORMATS: Mapping[str, Tuple[str, str, str, Tuple[int, ...]]] = {
    "flac": (".flac", "FLAC", "PCM_16", ()),
    "opus": (".opus", "OGG", "OPUS", (8000, 12000, 16000, 24000, 48000)),
    "mp3": (
        ".mp3",
        "MP3",
        "MPEG_LAYER_III",
        (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    ),
}


def check_format(name: str) -> None:
    """Refuse an audio format that is not known or that soundfile cannot write here.

    Args:
        name: As given to ``--audio_format``.

    Raises:
        ProbeError: If it is such.
    """
    if name not in FORMATS:
        raise ProbeError(
            f"--audio_format {name}: not known; expected one of {', '.join(FORMATS)}"
        )
    _, container, subtype, _ = FORMATS[name]
    if not soundfile.check_format(container, subtype):
        raise ProbeError(
            f"--audio_format {name}: the libsndfile of this machine cannot write it; "
            "take flac, or install a newer soundfile (pip install -U soundfile)"
        )


def read_list(path: Path) -> Tuple[Dict[str, str], str]:
    """Read a table of utterances, and say what is wrong with it.

    Args:
        path: Lines "utterance value"; the file may be missing.

    Returns:
        Utterance → value, none if it cannot be read; and why, in words.
    """
    if not path.is_file():
        return {}, ""
    try:
        return dict(read_2columns_text(path)), ""
    except (OSError, RuntimeError, UnicodeError) as error:
        # ESPnet's reader raises a RuntimeError on an utterance that is there twice.
        return {}, f"{path} cannot be read: {' '.join(str(error).split())}"


class Scp:
    """The sounds of one ``wav.scp``, found also where its folder has been moved.

    Attributes:
        entries: Utterance → what the list says of its file.
        problem: Why the list cannot be read; empty if it can.
    """

    def __init__(self, path: Path, recipe: Path) -> None:
        """Read the list.

        Args:
            path: ``wav.scp``; it may be missing.
            recipe: The recipe's folder, where relative paths start.
        """
        self.path = path
        self.recipe = recipe
        self.entries, self.problem = read_list(path)

    def find(self, utterance: str) -> Path:
        """Return the file of an utterance.

        Raises:
            FileNotFoundError: If it is not there, with the reason in words.
        """
        if self.problem or not self.path.is_file():
            raise FileNotFoundError(self.problem or "no wav.scp")
        said = self.entries.get(utterance)
        if said is None:
            raise FileNotFoundError("not in wav.scp")
        place = find_file(said, self.path.parent, self.recipe)
        if place is None:
            raise FileNotFoundError(f"no file {Path(said).name}")
        return place


def read_wave(path: Path) -> Tuple[Wave, int]:
    """Read the first channel of a sound.

    Returns:
        ``(samples,)`` in [-1, 1], and the sampling rate in Hz.
    """
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples[:, 0]), int(rate)


def _powers(wave: Wave, rate: int) -> NDArray[np.float64]:
    size = max(1, round(FRAME * rate))
    frames = max(1, len(wave) // size)
    cut = np.zeros(frames * size, dtype=np.float64)
    cut[: min(len(wave), len(cut))] = wave[: len(cut)]
    return np.asarray((cut.reshape(frames, size) ** 2).mean(axis=1))


def active_frames(wave: Wave, rate: int) -> Mask:
    """Return in which frames a recording is speech.

    Args:
        wave: ``(samples,)``, of the clean recording.
        rate: Its sampling rate in Hz.

    Returns:
        ``(frames,)``; all frames of a silent recording.
    """
    powers = _powers(wave, rate)
    return powers >= powers.max() * 10 ** (-ACTIVE_DB / 10)


def level(wave: Wave, rate: int, active: Optional[Mask]) -> Tuple[float, float]:
    """Return how loud a sound is.

    Args:
        wave: ``(samples,)``.
        rate: Its sampling rate in Hz.
        active: The frames that count; None for those of the sound itself. Frames that
            the sound lacks or has in excess, by its rounded length, are left out.

    Returns:
        RMS over these frames and peak, in dB below full scale (dBFS).
    """
    powers = _powers(wave, rate)
    mask = active_frames(wave, rate) if active is None else active
    size = min(len(powers), len(mask))
    chosen = powers[:size][mask[:size]]
    peak = float(np.abs(wave).max()) if len(wave) else 0.0
    power = float(chosen.mean()) if len(chosen) else 0.0
    return _db(math.sqrt(power)), _db(peak)


def _db(amplitude: float) -> float:
    return max(SILENCE_DB, 20 * math.log10(max(amplitude, 1e-10)))


def encode(path: Path, wave: Wave, rate: int, name: str) -> Tuple[bytes, str]:
    """Return a sound as browsers play it.

    Args:
        path: The file that it was read from; a FLAC file is not encoded anew.
        wave: ``(samples,)``.
        rate: Its sampling rate in Hz.
        name: The audio format.

    Returns:
        The content and the suffix of the file.
    """
    suffix, container, subtype, rates = FORMATS[name]
    if name == "flac" and path.suffix.lower() == suffix:
        with soundfile.SoundFile(path) as file:
            plain = file.channels == 1 and file.subtype == subtype
        if plain:
            return with_seek_table(path.read_bytes()), suffix
    if rates and rate not in rates:
        better = min((r for r in rates if r > rate), default=rates[-1])
        divisor = math.gcd(better, rate)
        wave = resample_poly(wave, better // divisor, rate // divisor)
        rate = better
    buffer = io.BytesIO()
    samples = np.clip(wave, -1.0, 1.0)
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    content = buffer.getvalue()
    return (with_seek_table(content) if name == "flac" else content), suffix
