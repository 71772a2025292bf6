"""The last steps to a waveform: pre-emphasis undone, and a peak that 16 bits hold."""

from typing import Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

#: The largest value that a 16-bit file can hold, where 1 is full scale.
LARGEST = 32767 / 32768


def undo_pre_emphasis(
    waveform: NDArray[np.floating], coefficient: float
) -> NDArray[np.float64]:
    """Invert y[t] = x[t] - a x[t-1], where x[-1] = 0.

    The inverse is the recursive filter 1 / (1 - a z^-1), exact for 0 <= a < 1.

    Args:
        waveform: y, (samples,).
        coefficient: a; 0 changes nothing.

    Returns:
        x, (samples,), in double precision, because the recursion adds up.
    """
    samples = np.asarray(waveform, dtype=np.float64)
    restored: NDArray[np.float64] = lfilter([1.0], [1.0, -coefficient], samples)
    return restored


def limit_peak(
    waveform: NDArray[np.float64],
) -> Tuple[NDArray[np.float64], float]:
    """Scale a waveform down so that writing it with 16 bits clips nothing.

    Scaled and not clipped, because clipping distorts: a score would see it, while
    STOI, PESQ and embedders that level their input see no gain.

    Args:
        waveform: (samples,), where full scale is 1.

    Returns:
        The waveform, and the gain that was applied: 1 if it fitted.
    """
    peak = float(np.max(np.abs(waveform), initial=0.0))
    if peak <= LARGEST:
        return waveform, 1.0
    gain = LARGEST / peak
    return waveform * gain, gain
