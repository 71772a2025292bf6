"""Mel inversion: exact where it can be, non-negative, and never worse by updating."""

import numpy as np
import pytest
import torch

from espnet_probe.features.log_mel import LogMelConfig, mel_filterbank
from espnet_probe.vocoders.mel_inversion import MelInversion

CONFIG = LogMelConfig(n_fft=512, win_length=400, hop_length=160, n_mels=40)


def spectra(frames: int = 30) -> torch.Tensor:
    """Magnitudes as of speech: peaks of very different height, (n_freq, frames)."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(257, frames, generator=generator).mul(2).exp()


def mel_of(magnitude: torch.Tensor) -> torch.Tensor:
    """(n_freq, frames) to (frames, n_mels), without the logarithm."""
    return magnitude.T @ mel_filterbank(CONFIG)


def relative_error(magnitude: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far the mel spectrum of ``magnitude`` is from ``wanted``."""
    difference = mel_of(magnitude) - wanted
    return (difference.norm() / wanted.norm()).item()


def test_a_spectrum_that_the_filters_span_is_found_exactly() -> None:
    # B a with a >= 0 is non-negative and lies where the pseudo-inverse looks.
    weights = torch.rand(40, 12, generator=torch.Generator().manual_seed(1)) + 0.1
    magnitude = mel_filterbank(CONFIG) @ weights
    log_mel = mel_of(magnitude).log()
    for negative in ("clamp", "absolute"):
        found = MelInversion(CONFIG, negative)(log_mel)
        torch.testing.assert_close(found, magnitude, rtol=1e-3, atol=1e-6)


def test_the_pseudo_inverse_is_numpys() -> None:
    mel = mel_of(spectra())
    inverse = np.linalg.pinv(mel_filterbank(CONFIG).numpy().astype(np.float64))
    expected = np.abs(inverse.T @ mel.numpy().T)
    found = MelInversion(CONFIG, "absolute")(mel.log()).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())


@pytest.mark.parametrize("updates", [0, 1, 50])
@pytest.mark.parametrize("negative", ["clamp", "absolute"])
def test_magnitudes_are_not_negative(negative: str, updates: int) -> None:
    log_mel = mel_of(spectra()).log()
    invert = MelInversion(CONFIG, negative, updates)  # type: ignore[arg-type]
    found = invert(log_mel)
    assert found.shape == (257, 30)
    assert torch.isfinite(found).all() and (found >= 0).all()


def test_updates_bring_the_mel_spectrum_back() -> None:
    wanted = mel_of(spectra())
    errors = [
        relative_error(MelInversion(CONFIG, "clamp", updates)(wanted.log()), wanted)
        for updates in (0, 1, 2, 5, 10, 50)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.3 * errors[0]


def test_one_update_is_that_of_lee_and_seung() -> None:
    wanted = mel_of(spectra())
    before = MelInversion(CONFIG, "clamp")(wanted.log()).numpy().astype(np.float64)
    filters = mel_filterbank(CONFIG).numpy().astype(np.float64)
    covered = filters.sum(axis=1) > 0
    ratio = np.zeros_like(before)
    ratio[covered] = (filters @ wanted.numpy().T)[covered]
    ratio[covered] /= (filters @ filters.T @ before)[covered]
    found = MelInversion(CONFIG, "clamp", 1)(wanted.log())
    expected = before * ratio
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-9)
    # 0 Hz and half the sampling rate lie in no filter.
    assert not covered[0] and not covered[-1]
    assert found[0].abs().max() == 0 and found[-1].abs().max() == 0


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="negative='round'"):
        MelInversion(CONFIG, "round")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="updates=-1"):
        MelInversion(CONFIG, "clamp", -1)
