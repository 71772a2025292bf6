"""From log-mel spectrograms back to linear magnitude spectra.

A mel spectrum is B^T s: the filterbank B (n_freq, n_mels) sums a magnitude spectrum s
over bands. With fewer bands than bins s is not determined, so it is estimated.

Pseudo-inverse
    s = B (B^T B)^-1 m, the least-squares solution of smallest norm, as in the paper.
    It has negative values, which no magnitude has: they are set to zero ("clamp"), or
    their sign is dropped ("absolute", the paper's code).
Multiplicative updates
    After the sign is mended, B^T s is no longer m. The updates of non-negative matrix
    factorisation for the Euclidean distance (Lee and Seung, "Algorithms for
    non-negative matrix factorization", NIPS 2000, theorem 1), with B held fixed,

        s <- s * (B m) / (B B^T s),

    keep s >= 0 and never increase |B^T s - m|. They are cheap beside Griffin-Lim:
    50 of them take about a tenth of its 60 iterations' time.
"""

from typing import Literal, Union

import torch

from espnet_probe.features.log_mel import LogMelConfig, mel_filterbank

#: Smallest magnitude after the clamp: a zero could not be changed by the
#: multiplicative updates. The mel floor is 1e-5, so this is inaudible.
SMALLEST = 1e-8


class MelInversion:
    """Estimates magnitude spectra from log-mel spectra.

    Args:
        config: Settings of the log-mel spectrogram.
        negative: What becomes of the pseudo-inverse's negative values: "clamp" or
            "absolute".
        updates: Number of multiplicative updates.
        device: Where to compute.
    """

    def __init__(
        self,
        config: LogMelConfig,
        negative: Literal["clamp", "absolute"] = "clamp",
        updates: int = 0,
        device: Union[str, torch.device] = "cpu",
    ) -> None:
        if negative not in ("clamp", "absolute"):
            raise ValueError(f"negative={negative!r}: expected 'clamp' or 'absolute'")
        if updates < 0:
            raise ValueError(f"updates={updates}: expected at least 0")
        self.negative = negative
        self.updates = updates
        filters = mel_filterbank(config)
        # In double precision: neighbouring filters overlap by half, and B^T B is
        # inverted.
        inverse = torch.linalg.pinv(filters.double()).to(filters.dtype)
        self._filters = filters.to(device)
        self._inverse = inverse.T.contiguous().to(device)

    def __call__(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Return the magnitude spectra, (n_freq, frames), never negative.

        Args:
            log_mel: (frames, n_mels), natural logarithm of mel magnitudes.
        """
        # One column a frame from here on: the layout that the STFT works in.
        mel = log_mel.T.exp()
        magnitude = self._inverse @ mel
        if self.negative == "absolute":
            magnitude = magnitude.abs()
        else:
            magnitude = magnitude.clamp(min=SMALLEST)
        if self.updates:
            wanted = self._filters @ mel
            tiny = torch.finfo(mel.dtype).tiny
            for _ in range(self.updates):
                found = self._filters @ (self._filters.T @ magnitude)
                # Bins that no filter covers (0 Hz, fs / 2) have 0 / 0 here: they
                # become 0, as in the pseudo-inverse.
                magnitude = magnitude * (wanted / found.clamp(min=tiny))
        return magnitude
