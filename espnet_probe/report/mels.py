"""Mel-spectrograms of sounds, and the scale that those of one utterance share."""

import math
from typing import Iterable, Tuple

import numpy as np
import torch
from numpy.typing import NDArray

from espnet_probe.features.log_mel import LogMel, LogMelConfig

Mel = NDArray[np.float32]

#: What is shown below the loudest band, in dB: below it recordings are noise.
RANGE_DB = 70.0


def sound_mel(wave: NDArray[np.floating], config: LogMelConfig) -> Mel:
    """Return the natural-log mel spectrogram of a sound, (frames, n_mels).

    Args:
        wave: (samples,), in [-1, 1].
        config: The spectrogram's settings.
    """
    samples = torch.from_numpy(np.asarray(wave, dtype=np.float32)).unsqueeze(0)
    with torch.no_grad():
        log_mel, _ = LogMel(config)(samples, torch.tensor([samples.size(1)]))
    return np.asarray(log_mel[0].numpy(), dtype=np.float32)


def colour_limits(mels: Iterable[Mel]) -> Tuple[float, float]:
    """Return the lowest and highest log magnitude to show for one utterance.

    Args:
        mels: Of the recordings, or of what the probes aimed at. A probe's own may have
            single values far above all speech, next to which that would look silent.
    """
    high = max(float(mel.max()) for mel in mels)
    return high - RANGE_DB * math.log(10) / 20, high
