import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.residual_noise import noise_kept


@pytest.fixture
def mels():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(50, 80)).astype(np.float32)
    noise = rng.normal(0.5, 1.0, size=(50, 80)).astype(np.float32)
    return clean, noise


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0, -0.5, 1.5])
def test_a_share_of_the_noise_is_found_under_any_blur(mels, share):
    clean, noise = mels
    # What the probe makes of clean speech may be as far off as it likes.
    blurred = 0.3 * clean - 2.0
    kept = noise_kept(clean, clean + noise, blurred, blurred + share * noise)
    assert kept == pytest.approx(share, abs=1e-5)


def test_change_that_is_not_the_noise_does_not_count(mels):
    clean, noise = mels
    other = np.random.default_rng(1).normal(size=noise.shape).astype(np.float32)
    other -= noise * np.sum(other * noise) / np.sum(noise * noise)
    kept = noise_kept(clean, clean + noise, clean, clean + 0.4 * noise + 3 * other)
    assert kept == pytest.approx(0.4, abs=1e-4)


def test_without_noise_there_is_no_share(mels):
    clean, noise = mels
    assert noise_kept(clean, clean, clean, clean + noise) is None


def test_what_does_not_fit_is_refused(mels):
    clean, noise = mels
    with pytest.raises(ProbeError, match="shapes"):
        noise_kept(clean, clean[:-1], clean, clean)
    broken = clean.copy()
    broken[3, 4] = np.inf
    with pytest.raises(ProbeError, match="finite"):
        noise_kept(clean, noise, broken, clean)
