"""The front end against librosa and numpy, alone and in a padded batch."""

import librosa
import numpy as np
import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.modules.spectrogram import Spectrogram, mirrored, standardise


def noise(samples: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.normal(size=samples)).astype(np.float32)


def compute(frontend: Spectrogram, *waveforms: np.ndarray) -> tuple:
    lengths = [waveform.size for waveform in waveforms]
    # What is behind an end must not matter.
    batch = np.full((len(lengths), max(lengths)), 9.0, dtype=np.float32)
    for row, waveform in zip(batch, waveforms):
        row[: waveform.size] = waveform
    values, frames = frontend(torch.from_numpy(batch), torch.tensor(lengths))
    return values.numpy(), frames.tolist()


def reference(waveform: np.ndarray) -> np.ndarray:
    """What the network's authors compute, by librosa."""
    spectrum = np.abs(
        librosa.stft(
            waveform, n_fft=512, hop_length=160, win_length=400, pad_mode="reflect"
        )
    )
    mean = spectrum.mean(axis=0, keepdims=True)
    return ((spectrum - mean) / (spectrum.std(axis=0, keepdims=True) + 1e-5)).T


@pytest.mark.parametrize("samples", [300, 1600, 16001, 40000])
def test_it_equals_librosa(samples: int) -> None:
    waveform = noise(samples)
    values, frames = compute(Spectrogram(), waveform)
    assert values.shape == (1, 1 + samples // 160, 257) and frames == [values.shape[1]]
    np.testing.assert_allclose(values[0], reference(waveform), atol=2e-4)


def test_every_frame_has_mean_0_and_deviation_1() -> None:
    values, _ = compute(Spectrogram(), noise(8000))
    np.testing.assert_allclose(values.mean(axis=2), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=2), 1, atol=1e-3)


def test_level_does_not_matter_and_silence_is_zero() -> None:
    frontend = Spectrogram()
    waveform = noise(8000)
    loud, _ = compute(frontend, waveform)
    quiet, _ = compute(frontend, 0.1 * waveform)
    np.testing.assert_allclose(loud, quiet, atol=2e-3)
    silent, _ = compute(frontend, 0 * waveform)
    assert np.array_equal(silent, np.zeros_like(silent))


@pytest.mark.parametrize(
    "options", [{}, {"n_mels": 40, "pre_emphasis": 0.97}, {"append_reversed": True}]
)
def test_a_padded_batch_equals_each_alone(options: dict) -> None:
    frontend = Spectrogram(**options).eval()
    waveforms = [noise(n, seed=n) for n in (5000, 1601, 800, 1)]
    together, frames = compute(frontend, *waveforms)
    for row, count, waveform in zip(together, frames, waveforms):
        alone, own = compute(frontend, waveform)
        assert own == [count]
        np.testing.assert_allclose(row[:count], alone[0], atol=1e-3)
        assert np.array_equal(row[count:], np.zeros_like(row[count:]))


def test_the_mirror_is_numpy_s() -> None:
    waveforms = [noise(10), noise(4, seed=1), noise(1, seed=2)]
    batch = torch.zeros(3, 10)
    for row, waveform in zip(batch, waveforms):
        row[: waveform.size] = torch.from_numpy(waveform)
    extended = mirrored(batch, torch.tensor([10, 4, 1]), 7, 9).numpy()
    for row, waveform in zip(extended, waveforms):
        expected = np.pad(waveform, (7, 9), mode="reflect")
        assert np.array_equal(row[: expected.size], expected)
        assert not row[expected.size :].any()


def test_the_reversed_utterance_is_appended_in_eval_mode_only() -> None:
    frontend = Spectrogram(append_reversed=True)
    waveform = noise(4000)
    trained, frames = compute(frontend.train(), waveform)
    assert frames == [26]
    np.testing.assert_allclose(trained[0], reference(waveform), atol=2e-4)
    values, frames = compute(frontend.eval(), waveform)
    twice = np.append(waveform, waveform[::-1])
    assert frames == [51]
    np.testing.assert_allclose(values[0], reference(twice), atol=2e-4)


def test_log_mels_are_librosa_s() -> None:
    """The other variant: 80 bands, 50 ms, 12.5 ms, pre-emphasis, not standardised."""
    frontend = Spectrogram(
        n_fft=2048,
        win_length=800,
        hop_length=200,
        n_mels=80,
        pre_emphasis=0.97,
        standardised=False,
    )
    assert frontend.output_size() == 80
    waveform = noise(9000)
    values, frames = compute(frontend, waveform)
    emphasised = np.append(waveform[:1], waveform[1:] - 0.97 * waveform[:-1])
    mel = librosa.feature.melspectrogram(
        y=emphasised,
        sr=16000,
        n_fft=2048,
        hop_length=200,
        win_length=800,
        n_mels=80,
        power=1.0,
        pad_mode="reflect",
    )
    assert frames == [46]
    np.testing.assert_allclose(values[0], np.log(np.maximum(mel, 1e-5)).T, atol=1e-3)


def test_standardised_mels() -> None:
    plain, _ = compute(Spectrogram(n_mels=40, standardised=False), noise(4000))
    values, _ = compute(Spectrogram(n_mels=40), noise(4000))
    expected = (plain - plain.mean(axis=2, keepdims=True)) / (
        plain.std(axis=2, keepdims=True) + 1e-5
    )
    np.testing.assert_allclose(values, expected, atol=1e-4)
    assert Spectrogram(n_mels=40).output_size() == 40


def test_half_precision_is_not_used() -> None:
    waveform = noise(4000)
    for frontend in (Spectrogram(), Spectrogram(n_mels=40)):
        expected, _ = compute(frontend, waveform)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            values, _ = compute(frontend, waveform)
        assert np.array_equal(values, expected)


def test_equal_values_become_zero() -> None:
    assert not standardise(torch.full((2, 3, 5), 4.0)).any()


def test_settings_follow_the_rate_and_nothing_is_stored() -> None:
    frontend = Spectrogram(fs="16k", n_fft=256, win_length=256, hop_length=128)
    assert frontend.output_size() == 129
    assert compute(frontend, noise(1280))[0].shape == (1, 11, 129)
    assert dict(frontend.state_dict()) == {}


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ProbeError, match="0 < hop_length <= win_length <= n_fft"):
        Spectrogram(n_fft=256)
    with pytest.raises(ProbeError, match="give one channel"):
        Spectrogram()(torch.zeros(1, 900, 2), torch.tensor([900]))
    with pytest.raises(ProbeError, match="without samples"):
        Spectrogram()(torch.zeros(2, 900), torch.tensor([900, 0]))
