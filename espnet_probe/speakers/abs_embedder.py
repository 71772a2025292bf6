"""The interface of all speaker embedders, and the level they all hear.

Embedders of linear spectra depend on level: for GE2E the cosine between the
embeddings of x and 3 x is 0.89. A reconstruction from a deep layer is several dB
quieter than its original, which would be mistaken for another voice. So every
waveform is brought to one level first, louder or quieter.
"""

from abc import ABC, abstractmethod
from typing import Any, Dict, Optional

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError

# RMS level of every waveform before it is embedded, relative to a full-scale square
# wave (RMS 1). The GE2E weights were trained at this level.
LEVEL_DBFS = -30.0
# Below half a step of 16-bit audio there is nothing to bring to a level.
SILENCE_DBFS = -96.0
# What ``describe`` says of what nobody has written down.
UNKNOWN = "unknown"


def bring_to_level(
    waveform: NDArray[Any], level_dbfs: float = LEVEL_DBFS
) -> Optional[NDArray[np.float32]]:
    """Scale a waveform to an RMS level, in either direction.

    Args:
        waveform: ``(samples,)``, floats with full scale 1.
        level_dbfs: RMS level to reach, in dB relative to RMS 1.

    Returns:
        ``(samples,)``, or None if the waveform is empty or silent.
    """
    if waveform.size == 0:
        return None
    rms = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    if rms < 10 ** (SILENCE_DBFS / 20):
        return None
    scaled = waveform * (10 ** (level_dbfs / 20) / rms)
    return scaled.astype(np.float32)


class AbsEmbedder(ABC):
    """One vector per utterance that tells voices apart by the cosine.

    Attributes:
        name: What the kind of embedder is called on command lines.
        label: What this one is called in the names of files and in tables: the name,
            and what its model is called.
        sampling_rate: The only sampling rate it takes, in Hz.
        min_samples: Shorter waveforms have no embedding.
        level_dbfs: RMS level that every waveform is brought to, in dB relative to 1.
        origin: Where its weights come from.
        weights_hash: SHA-256 that tells its weights from others, in hexadecimal.
        trained_on: Which speech the weights were trained on, as far as is known.
    """

    name: str
    label: str
    sampling_rate: int
    min_samples: int
    level_dbfs: float = LEVEL_DBFS
    origin: str = UNKNOWN
    weights_hash: str = UNKNOWN
    trained_on: str = UNKNOWN

    def describe(self) -> Dict[str, str]:
        """Say what this embedder is, for the record and for every table.

        Returns:
            ``embedder`` (the label), ``origin``, ``weights_sha256``, ``trained_on``,
            ``sampling_rate``, ``level`` and ``min_samples``: texts with their units.
        """
        milliseconds = 1000 * self.min_samples / self.sampling_rate
        return {
            "embedder": self.label,
            "origin": self.origin,
            "weights_sha256": self.weights_hash,
            "trained_on": self.trained_on,
            "sampling_rate": f"{self.sampling_rate} Hz",
            "level": f"{self.level_dbfs:g} dBFS RMS",
            "min_samples": f"{self.min_samples} ({milliseconds:.0f} ms)",
        }

    def embed(self, waveform: NDArray[Any], fs: int) -> Optional[NDArray[np.float32]]:
        """Embed one utterance, at the common level.

        Args:
            waveform: ``(samples,)``, floats with full scale 1.
            fs: Its sampling rate in Hz.

        Returns:
            ``(dim,)``, finite and not zero; None where the utterance has no
            embedding: shorter than ``min_samples``, silent, or nothing but zeros
            after the network.

        Raises:
            ProbeError: If the sampling rate is another one, the waveform is not
                one channel of floats, or a sample is not finite.
        """
        if fs != self.sampling_rate:
            raise ProbeError(
                f"got audio of {fs} Hz: {self.name} expects {self.sampling_rate} Hz; "
                "resample the set first"
            )
        if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
            raise ProbeError(
                f"got {waveform.dtype} of shape {waveform.shape}: {self.name} expects "
                "one channel of floats"
            )
        if not np.all(np.isfinite(waveform)):
            raise ProbeError(
                "a sample is not finite: expected a waveform without NaN or inf"
            )
        if waveform.size < self.min_samples:
            return None
        levelled = bring_to_level(waveform, self.level_dbfs)
        if levelled is None:
            return None
        embedding = self.embed_levelled(levelled)
        if not np.all(np.isfinite(embedding)) or not np.any(embedding):
            return None
        return embedding

    @abstractmethod
    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed a waveform that has the right rate, length and level.

        Args:
            waveform: ``(samples,)`` at ``sampling_rate``, at ``level_dbfs``.

        Returns:
            ``(dim,)``; zeros or NaN mean that there is no embedding.
        """
