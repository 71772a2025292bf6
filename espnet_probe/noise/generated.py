"""Noise from a formula: for a study where no recorded noise is at hand.

Three kinds, one for each folder of MUSAN (Snyder, Chen, Povey, arXiv:1510.08484). They
share with the recorded kinds what an ASR model's front end sees of them, roughly:

- noise: coloured noise (power falling with frequency to a drawn exponent), whose level
  wanders; in every third file on a mains hum, in every third with knocks;
- music: chords of plucked strings, partials that decay, at a steady beat;
- speech: a voice that babbles. A train of glottal pulses, or breath, through the three
  formants of vowels, in syllables and phrases. There are no words in it.

A result with such noise tells how a method works on synthetic noise; it is no result
on recorded noise.
"""

import hashlib
from typing import Callable, List, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from espnet_probe.errors import ProbeError

Waveform = NDArray[np.float64]

#: Root mean square of every file, 26 dB under full scale. Mixing sets its own level.
LEVEL = 10 ** (-26 / 20)

#: Formants in Hz of the vowels i, e, a, o, u, of men (Peterson and Barney, JASA 1952).
VOWELS = ((270, 2290), (530, 1840), (730, 1090), (570, 840), (300, 870))
THIRD_FORMANT = 2500.0
#: Bandwidths in Hz of the three formants.
BANDWIDTHS = (80.0, 100.0, 140.0)


def generate(kind: str, number: int, seconds: float, fs: int, seed: int) -> Waveform:
    """Make one file of noise.

    Args:
        kind: "noise", "music" or "speech".
        number: Which of the files of this kind.
        seconds: Its length.
        fs: Sampling rate in Hz.
        seed: Another seed gives other files.

    Returns:
        (samples,), with a root mean square of :data:`LEVEL`, within full scale. It
        depends on the arguments alone, not on other files.

    Raises:
        ProbeError: If the kind is unknown, or the length or the rate is of no use.
    """
    if kind not in KINDS:
        raise ProbeError(f"kind of noise '{kind}': expected {', '.join(KINDS)}")
    if seconds < 1 or fs < 8000:
        raise ProbeError(
            f"{seconds} s at {fs} Hz: expected at least 1 s, and at least 8000 Hz"
        )
    text = f"{seed}\0{kind}\0{number}".encode()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest(), "big"))
    sound = KINDS[kind](rng, number, round(seconds * fs), fs)
    sound = sound - sound.mean()
    sound *= LEVEL / np.sqrt(np.mean(sound**2))
    # Knocks and plucks have peaks; they are rounded off, not cut.
    return np.asarray(np.tanh(sound / 0.9) * 0.9, dtype=np.float64)


def _coloured(rng: np.random.Generator, samples: int, exponent: float) -> Waveform:
    """Return noise whose power falls with frequency to the exponent."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    bins = np.arange(1, len(spectrum) + 1)
    shaped = np.fft.irfft(spectrum * bins ** (-exponent / 2), samples)
    return np.asarray(shaped / shaped.std(), dtype=np.float64)


def _slow(
    rng: np.random.Generator, samples: int, fs: int, per_second: float
) -> Waveform:
    """Return a line through normally distributed points, some each second."""
    count = max(2, round(samples / fs * per_second) + 1)
    points = rng.standard_normal(count)
    places = np.linspace(0, count - 1, samples)
    return np.asarray(np.interp(places, np.arange(count), points), dtype=np.float64)


def _noise(rng: np.random.Generator, number: int, samples: int, fs: int) -> Waveform:
    sound = _coloured(rng, samples, float(rng.uniform(0.0, 2.0)))
    sound *= 10 ** (3.0 * _slow(rng, samples, fs, 1.0) / 20)
    times = np.arange(samples) / fs
    if number % 3 == 1:
        mains = float(rng.choice([50.0, 60.0]))
        for harmonic in range(1, 13):
            gain = float(rng.uniform(0.1, 1.0)) / harmonic
            phase = float(rng.uniform(0, 2 * np.pi))
            sound += gain * np.sin(2 * np.pi * mains * harmonic * times + phase)
    elif number % 3 == 2:
        for _ in range(max(1, round(2 * samples / fs))):
            start = int(rng.integers(samples))
            length = min(samples - start, fs // 5)
            decay = np.exp(-np.arange(length) / (fs * float(rng.uniform(0.005, 0.04))))
            sound[start : start + length] += 6 * rng.standard_normal(length) * decay
    return sound


def _music(rng: np.random.Generator, number: int, samples: int, fs: int) -> Waveform:
    sound = np.zeros(samples)
    beat = round(fs * float(rng.uniform(0.25, 0.6)))
    root = int(rng.integers(36, 60))
    # Steps of a major scale above the root of the chord, in semitones.
    chords = [[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16]]
    brightness = float(rng.uniform(0.8, 2.0))
    for index, start in enumerate(range(0, samples, beat)):
        chord = chords[int(rng.integers(len(chords)))]
        notes = list(chord) if index % 4 == 0 else [int(rng.choice(chord)) + 12]
        times = np.arange(min(samples - start, 4 * beat)) / fs
        for note in notes:
            pitch = 440.0 * 2 ** ((root + note - 69) / 12)
            loudness = float(rng.uniform(0.4, 1.0))
            for partial in range(1, 9):
                if partial * pitch < fs / 2:
                    decay = np.exp(-times * (1.5 + 0.8 * partial))
                    tone = np.sin(2 * np.pi * partial * pitch * times)
                    gain = loudness * partial**-brightness
                    sound[start : start + len(times)] += gain * decay * tone
    return sound


def _speech(rng: np.random.Generator, number: int, samples: int, fs: int) -> Waveform:
    base = float(rng.uniform(85.0, 240.0))
    size = float(rng.uniform(0.9, 1.2))  # of the formants: a shorter throat is higher
    pieces: List[Waveform] = []
    made = 0
    while made < samples:
        for _ in range(int(rng.integers(3, 9))):
            length = round(fs * float(rng.uniform(0.1, 0.25)))
            pieces.append(_syllable(rng, length, fs, base, size))
            made += length
        pause = round(fs * float(rng.uniform(0.1, 0.4)))
        pieces.append(1e-3 * rng.standard_normal(pause))
        made += pause
    return np.concatenate(pieces)[:samples]


def _syllable(
    rng: np.random.Generator, length: int, fs: int, base: float, size: float
) -> Waveform:
    """Return a breathy consonant that passes into a vowel."""
    pitch = base * 2 ** (0.15 * _slow(rng, length, fs, 8.0))
    phase = np.cumsum(pitch) / fs
    pulses = np.diff(np.floor(phase), prepend=0.0)
    # A pole near zero frequency gives the glottis its slope of about -12 dB an octave.
    voiced = lfilter([1.0], [1.0, -1.9, 0.9025], pulses)
    voiced = np.diff(voiced, prepend=0.0)
    voiced /= voiced.std() + 1e-9
    turn = np.clip(np.arange(length) / (0.3 * length), 0, 1)
    breath = 0.3 * rng.standard_normal(length)
    source = voiced * turn + breath * (1.05 - turn)
    first, second = VOWELS[int(rng.integers(len(VOWELS)))]
    formants = (first * size, second * size, THIRD_FORMANT * size)
    for formant, width in zip(formants, BANDWIDTHS):
        radius = np.exp(-np.pi * width / fs)
        cosine = np.cos(2 * np.pi * formant / fs)
        source = lfilter([1 - radius], [1, -2 * radius * cosine, radius**2], source)
    source /= source.std() + 1e-9
    return np.asarray(source * np.hanning(length) ** 0.5, dtype=np.float64)


#: How each kind is made, by the name of its folder.
KINDS: Mapping[str, Callable[[np.random.Generator, int, int, int], Waveform]] = {
    "music": _music,
    "noise": _noise,
    "speech": _speech,
}
