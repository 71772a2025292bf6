"""The interface of a probe."""

import hashlib
from abc import ABC, abstractmethod

import torch


class AbsProbe(torch.nn.Module, ABC):
    """A non-contextual model from one hidden state to the mel frames it stands for."""

    def __init__(self, width: int, stride: int, n_mels: int) -> None:
        """Initialise.

        Args:
            width: Number of values in one state.
            stride: Mel frames that one state stands for.
            n_mels: Number of mel bands.
        """
        super().__init__()
        self.width = width
        self.stride = stride
        self.n_mels = n_mels

    @abstractmethod
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Recover mel frames.

        Args:
            states: (batch, time, width).

        Returns:
            (batch, time x stride, n_mels); state t gives the frames from
            t x stride on and depends on no other state.
        """

    def unfold(self, flat: torch.Tensor) -> torch.Tensor:
        """Lay the frames of each state behind one another.

        Args:
            flat: (batch, time, stride x n_mels).

        Returns:
            (batch, time x stride, n_mels).
        """
        return flat.reshape(flat.size(0), -1, self.n_mels)


def layer_seed(seed: int, layer: str) -> int:
    """Return a seed that depends on the layer's name only.

    A probe then starts from the same values whether it is trained alone or
    together with the probes of other layers.

    Args:
        seed: The run's seed.
        layer: Canonical layer name.
    """
    digest = hashlib.sha256(f"{seed} {layer}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
