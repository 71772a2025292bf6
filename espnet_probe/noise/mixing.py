"""Mix speech and noise at an exact signal-to-noise ratio.

Conventions
-----------
- A waveform is a float array (samples,), full scale is [-1, 1], one channel.
- The power of a waveform is its mean square about its mean, over its whole length,
  pauses included. A constant offset (DC) cannot be heard and does not count.
- The signal-to-noise ratio (SNR) of a mixture is that of its two parts, 10 log10 of
  speech power over noise power, in dB.
- The speech keeps its offset; that of the noise is taken off.
- What is quieter than -80 dBFS counts as silence. Speech that is silent gets no noise,
  since no gain would give a ratio; noise that is silent is an error.
- A mixture that would clip in 16 bits is scaled down, both parts by one factor, so
  that the ratio stays. Nothing is ever scaled up.
"""

import math
from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from espnet_probe.errors import ProbeError

Waveform = NDArray[np.float64]

#: Power below which a waveform counts as silent: -80 dBFS, about three steps of a
#: 16-bit file. What lies below is rounding noise, and would be amplified as such.
SILENCE = 1e-8

#: Largest sample of a mixture: the largest that 16 bits hold.
LIMIT = 32767 / 32768


class SilentNoiseError(ProbeError):
    """The noise has no energy, so that no gain gives the wanted ratio."""


@dataclass(frozen=True)
class Mixture:
    """A mixture and its parts; ``waveform`` is ``speech + noise``.

    Attributes:
        waveform: (samples,), within ±:data:`LIMIT`.
        speech: (samples,), the speech as it is in the mixture: times ``scale``.
        noise: (samples,), the noise as it is in the mixture.
        snr: The ratio of the parts in dB; None if the speech is silent, and there is
            no noise in the mixture.
        gain: What the noise, without its offset, was multiplied by; ``scale``
            included.
        scale: What the speech was multiplied by: 1, or less if it would have clipped.
    """

    waveform: Waveform
    speech: Waveform
    noise: Waveform
    snr: Optional[float]
    gain: float
    scale: float


def power(waveform: ArrayLike) -> float:
    """Return the mean square about the mean of (samples,), relative to full scale."""
    return float(np.var(np.asarray(waveform, dtype=np.float64)))


def is_silent(waveform: ArrayLike) -> bool:
    """Say whether (samples,) is quieter than :data:`SILENCE`."""
    return power(waveform) < SILENCE


def snr_of(speech: ArrayLike, noise: ArrayLike) -> float:
    """Return the ratio of two parts in dB.

    Args:
        speech: (samples,).
        noise: (samples,).

    Raises:
        ProbeError: If one of them has no energy at all.
    """
    above, below = power(speech), power(noise)
    if above == 0 or below == 0:
        raise ProbeError("a part has no energy: the signal-to-noise ratio is undefined")
    return 10 * math.log10(above / below)


def offset(available: int, needed: int, place: float) -> int:
    """Return where a cut of a noise begins.

    Args:
        available: Samples that the noise has.
        needed: Samples that are wanted.
        place: Where, from 0 for the earliest cut to (not including) 1 for the latest.

    Returns:
        First sample of the cut; 0 if the noise is not longer than what is needed.
    """
    return int(place * (max(available - needed, 0) + 1))


def fit(noise: ArrayLike, num_samples: int) -> Waveform:
    """Bring a noise to a length: a longer one is cut, a shorter one repeated.

    Args:
        noise: (any number of samples, at least 1).
        num_samples: The wanted length.

    Returns:
        (num_samples,).

    Raises:
        ProbeError: If the noise is empty or not of one dimension.
    """
    return np.resize(_checked(noise, "noise"), num_samples)


def babble(voices: Sequence[ArrayLike]) -> Waveform:
    """Add voices, each brought to the same power.

    Args:
        voices: At least one, each (samples,).

    Returns:
        (samples,), of no particular level.

    Raises:
        SilentNoiseError: If a voice is silent.
        ProbeError: If there is none, or lengths differ.
    """
    if not voices:
        raise ProbeError("no voice to make babble of: expected at least one")
    arrays = [_checked(voice, "voice") for voice in voices]
    if len({len(array) for array in arrays}) > 1:
        raise ProbeError("voices differ in length: bring them to one length first")
    total = np.zeros_like(arrays[0])
    for array in arrays:
        if is_silent(array):
            raise SilentNoiseError("a voice of the babble is silent")
        total += (array - array.mean()) / math.sqrt(power(array))
    return total


def mix(speech: ArrayLike, noise: ArrayLike, snr: float) -> Mixture:
    """Mix at an exact ratio; see the head of this file for what is exact.

    Args:
        speech: (samples,).
        noise: (samples,), as long as the speech.
        snr: The ratio in dB.

    Raises:
        SilentNoiseError: If the noise is silent, and the speech is not.
        ProbeError: If an input is empty, not of one dimension or not finite, or if
            lengths differ.
    """
    signal, disturbance = _checked(speech, "speech"), _checked(noise, "noise")
    if not math.isfinite(snr):
        raise ProbeError(f"got an SNR of {snr} dB: expected a finite number")
    if len(signal) != len(disturbance):
        raise ProbeError(
            f"speech has {len(signal)} samples, noise {len(disturbance)}: expected one "
            "length"
        )
    if is_silent(signal):
        gain, reached = 0.0, None
    elif is_silent(disturbance):
        raise SilentNoiseError("the noise is silent: choose another file or place")
    else:
        ratio = power(signal) / power(disturbance)
        gain, reached = math.sqrt(ratio) * 10 ** (-snr / 20), snr
    added = gain * (disturbance - disturbance.mean())
    peak = float(np.max(np.abs(signal + added)))
    scale = min(1.0, LIMIT / peak) if peak > 0 else 1.0
    signal, added = scale * signal, scale * added
    total = np.clip(signal + added, -LIMIT, LIMIT)  # the last digit of the scaling
    return Mixture(total, signal, added, reached, scale * gain, scale)


def _checked(waveform: ArrayLike, what: str) -> Waveform:
    array = np.asarray(waveform, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ProbeError(f"{what} has shape {array.shape}: expected (samples,)")
    if not np.isfinite(array).all():
        raise ProbeError(f"{what} has samples that are not finite numbers")
    return array
