"""Pre-emphasis undone, and peaks that 16 bits hold."""

import numpy as np
import pytest
from scipy.signal import lfilter

from espnet_probe.vocoders.waveform import LARGEST, limit_peak, undo_pre_emphasis


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.97])
@pytest.mark.parametrize("samples", [1, 2, 1000])
def test_pre_emphasis_is_undone_exactly(coefficient: float, samples: int) -> None:
    original = np.random.default_rng(5).uniform(-1, 1, samples)
    # By hand, and by the filter that the inverse is named after.
    emphasised = original.copy()
    emphasised[1:] -= coefficient * original[:-1]
    np.testing.assert_allclose(
        emphasised, lfilter([1.0, -coefficient], [1.0], original), atol=1e-15
    )
    restored = undo_pre_emphasis(emphasised, coefficient)
    np.testing.assert_allclose(restored, original, rtol=0, atol=1e-13)


def test_single_precision_input_is_not_summed_in_single_precision() -> None:
    ones = np.ones(100_000, dtype=np.float32)
    restored = undo_pre_emphasis(ones, 0.97)
    assert restored.dtype == np.float64
    assert restored[-1] == pytest.approx(1 / (1 - 0.97), rel=1e-9)


def test_what_fits_is_left_alone() -> None:
    waveform = np.array([0.5, -LARGEST, LARGEST])
    limited, gain = limit_peak(waveform)
    assert gain == 1.0
    assert np.array_equal(limited, waveform)


@pytest.mark.parametrize("peak", [1.0, -1.7, 300.0])
def test_what_does_not_fit_is_scaled_as_a_whole(peak: float) -> None:
    waveform = np.array([0.25, peak, 0.0])
    limited, gain = limit_peak(waveform)
    assert gain == pytest.approx(LARGEST / abs(peak))
    assert np.max(np.abs(limited)) <= LARGEST * (1 + 1e-12)
    np.testing.assert_allclose(limited, waveform * gain)


def test_no_samples() -> None:
    limited, gain = limit_peak(np.zeros(0))
    assert limited.size == 0 and gain == 1.0
