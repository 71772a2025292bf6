"""How much of the noise in the input is still in a reconstruction.

Four log-mel spectrograms of one utterance are compared: of the clean and of the noisy
recording (``x``, ``x'``) and what a probe makes of a layer's states of each (``y``,
``y'``). The noise changed the input by ``x' - x`` and the reconstruction by ``y' - y``.
The answer is the regression of the second on the first,

    kept = <y' - y, x' - x> / <x' - x, x' - x>

over all frames and bands: 1 if the reconstruction shows the noise as the input does, 0
if it does not answer to the noise. What the probe blurs in clean and noisy speech alike
cancels in ``y' - y``, which an L1 distance to either target would count as noise.
"""

from typing import Optional

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError

Mel = NDArray[np.float32]


def noise_kept(
    clean_input: Mel, noisy_input: Mel, from_clean: Mel, from_noisy: Mel
) -> Optional[float]:
    """Return the share of the noise that a reconstruction still shows.

    Args:
        clean_input: ``(frames, bands)``, natural-log mel of the clean recording.
        noisy_input: Of the same recording with noise.
        from_clean: The reconstruction from the states of the clean recording.
        from_noisy: The reconstruction from those of the noisy one.

    Returns:
        The share, 0 for none and 1 for all; below 0 or above 1 where the
        reconstruction moves the other way, or further. None if there is no noise.

    Raises:
        ProbeError: If the spectrograms differ in shape, or are not finite.
    """
    mels = [clean_input, noisy_input, from_clean, from_noisy]
    if len({mel.shape for mel in mels}) > 1 or clean_input.ndim != 2:
        shapes = ", ".join(str(mel.shape) for mel in mels)
        raise ProbeError(f"got mels of shapes {shapes}: expected one (frames, bands)")
    x, noisy_x, y, noisy_y = (np.asarray(mel, dtype=np.float64) for mel in mels)
    if not all(np.all(np.isfinite(mel)) for mel in (x, noisy_x, y, noisy_y)):
        raise ProbeError("a log-mel spectrogram is not finite")
    noise = noisy_x - x
    power = float(np.sum(noise * noise))
    if power == 0.0:
        return None
    return float(np.sum((noisy_y - y) * noise)) / power
