"""Mixing: the SNR is exact, and what has no SNR is treated as said."""

from pathlib import Path
from typing import Callable, Dict

import numpy as np
import pytest
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.noise import mixing

FS = 16000


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def speech_like(num_samples: int = FS) -> NDArray[np.float64]:
    """A tone in bursts, with pauses."""
    time = np.arange(num_samples) / FS
    return 0.2 * np.sin(2 * np.pi * 220 * time) * (np.sin(2 * np.pi * 3 * time) > 0)


SPEECH: Dict[str, Callable[[], NDArray[np.float64]]] = {
    "bursts": speech_like,
    "with DC": lambda: speech_like() + 0.3,
    "mostly silent": lambda: np.concatenate([np.zeros(10 * FS), speech_like()]),
    "quiet": lambda: 0.002 * speech_like(),
    "full scale": lambda: 5 * speech_like(),
    "a few samples": lambda: np.array([0.1, -0.2, 0.05]),
}
NOISE: Dict[str, Callable[[], NDArray[np.float64]]] = {
    "white": lambda: 0.1 * rng().standard_normal(2 * FS),
    "with DC": lambda: 0.01 * rng().standard_normal(2 * FS) + 0.8,
    "two samples": lambda: np.array([0.5, -0.4]),
    "a click": lambda: np.concatenate([[0.9], np.zeros(300)]),
    "quiet": lambda: 5e-4 * rng().standard_normal(2 * FS),
}


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 13.7, 20.0])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("speech", SPEECH)
def test_snr_is_exact(speech: str, noise: str, snr: float) -> None:
    clean = SPEECH[speech]()
    mixture = mixing.mix(clean, mixing.fit(NOISE[noise](), len(clean)), snr)
    # By a formula of its own: powers about the mean.
    parts = [np.mean((x - x.mean()) ** 2) for x in (mixture.speech, mixture.noise)]
    assert abs(10 * np.log10(parts[0] / parts[1]) - snr) < 1e-6
    assert mixing.snr_of(mixture.speech, mixture.noise) == pytest.approx(snr, abs=1e-6)
    assert mixture.snr == snr
    np.testing.assert_allclose(
        mixture.waveform, mixture.speech + mixture.noise, atol=1e-12
    )
    np.testing.assert_allclose(mixture.speech, mixture.scale * clean, atol=1e-12)
    assert abs(mixture.noise.mean()) < 1e-12
    assert np.max(np.abs(mixture.waveform)) <= 32767 / 32768


def test_snr_is_exact_on_recordings(shared_data: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    speech_files = sorted((shared_data / "LibriSpeech").rglob("*.flac"))[::60]
    noise_files = sorted((shared_data / "musan").rglob("*.wav"))[::30]
    assert speech_files and noise_files
    for index, speech_file in enumerate(speech_files):
        speech, fs = soundfile.read(speech_file)
        noise, noise_fs = soundfile.read(noise_files[index % len(noise_files)])
        assert fs == noise_fs
        for snr in (0.0, 10.0, 20.0):
            mixture = mixing.mix(speech, mixing.fit(noise, len(speech)), snr)
            reached = mixing.snr_of(mixture.speech, mixture.noise)
            assert abs(reached - snr) < 0.01


def test_what_would_clip_is_scaled_with_its_parts() -> None:
    clean = 3 * speech_like()
    noise = mixing.fit(NOISE["white"](), len(clean))
    mixture = mixing.mix(clean, noise, 0.0)
    assert mixture.scale < 1
    assert np.max(np.abs(mixture.waveform)) == pytest.approx(32767 / 32768)
    np.testing.assert_allclose(mixture.speech, mixture.scale * clean)
    np.testing.assert_allclose(mixture.noise, mixture.gain * (noise - noise.mean()))


def test_what_fits_is_not_scaled() -> None:
    clean = 0.1 * speech_like()
    mixture = mixing.mix(clean, mixing.fit(NOISE["white"](), len(clean)), 10.0)
    assert mixture.scale == 1
    np.testing.assert_array_equal(mixture.speech, clean)


@pytest.mark.parametrize("level", [0.0, 0.25, 1e-5])
def test_silent_speech_gets_no_noise(level: float) -> None:
    # Zeros, an offset alone, and less than a step of 16 bits.
    clean = np.full(FS, level)
    clean[::2] += 1e-6
    mixture = mixing.mix(clean, mixing.fit(NOISE["white"](), FS), 10.0)
    assert mixture.snr is None and mixture.gain == 0
    np.testing.assert_array_equal(mixture.waveform, clean)
    assert not mixture.noise.any()


def test_silent_speech_may_meet_silent_noise() -> None:
    assert mixing.mix(np.zeros(9), np.zeros(9), 10.0).snr is None


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silent_noise_is_refused(level: float) -> None:
    with pytest.raises(mixing.SilentNoiseError, match="silent"):
        mixing.mix(speech_like(), np.full(FS, level), 10.0)
    # One sample, repeated, is an offset and nothing else.
    with pytest.raises(mixing.SilentNoiseError):
        mixing.mix(speech_like(), mixing.fit([0.7], FS), 10.0)


def test_short_noise_is_repeated_and_long_noise_cut() -> None:
    np.testing.assert_array_equal(mixing.fit([1, 2, 3], 7), [1, 2, 3, 1, 2, 3, 1])
    np.testing.assert_array_equal(mixing.fit([1, 2, 3], 2), [1, 2])
    np.testing.assert_array_equal(mixing.fit([1, 2, 3], 3), [1, 2, 3])


def test_cuts_begin_anywhere_and_end_inside() -> None:
    places = rng().random(2000)
    starts = {mixing.offset(100, 90, place) for place in places}
    assert starts == set(range(11))
    assert mixing.offset(100, 90, np.nextafter(1, 0)) == 10
    assert mixing.offset(90, 100, 0.99) == 0
    assert mixing.offset(100, 100, 0.99) == 0


def test_babble_has_voices_of_the_same_power() -> None:
    loud = 0.5 * rng().standard_normal(FS)
    quiet = 0.001 * np.sin(np.arange(FS))
    total = mixing.babble([loud, quiet + 0.2])
    for voice in (loud, quiet):
        # Of two voices that have nothing to do with each other, each is half.
        assert np.corrcoef(total, voice)[0, 1] == pytest.approx(0.5**0.5, abs=0.02)
    np.testing.assert_allclose(total, mixing.babble([quiet, loud]), atol=1e-9)


def test_babble_refuses_what_is_none() -> None:
    with pytest.raises(mixing.SilentNoiseError):
        mixing.babble([speech_like(), np.zeros(FS)])
    with pytest.raises(ProbeError, match="at least one"):
        mixing.babble([])
    with pytest.raises(ProbeError, match="length"):
        mixing.babble([speech_like(), speech_like(FS // 2)])


@pytest.mark.parametrize(
    "speech, noise, snr, message",
    [
        (np.ones((2, 9)), np.ones(9), 0.0, "speech has shape"),
        (np.arange(9.0), np.empty(0), 0.0, "noise has shape"),
        (np.arange(9.0), np.arange(8.0), 0.0, "expected one length"),
        (np.array([0.1, np.nan]), np.arange(2.0), 0.0, "not finite"),
        (np.arange(9.0), np.arange(9.0), np.inf, "finite number"),
    ],
)
def test_mistakes(
    speech: NDArray[np.float64], noise: NDArray[np.float64], snr: float, message: str
) -> None:
    with pytest.raises(ProbeError, match=message):
        mixing.mix(speech, noise, snr)


def test_snr_of_nothing_is_undefined() -> None:
    with pytest.raises(ProbeError, match="undefined"):
        mixing.snr_of(speech_like(), np.zeros(FS))
