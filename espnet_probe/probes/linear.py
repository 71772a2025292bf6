"""The smallest probe: one linear map."""

import torch

from espnet_probe.probes.abs_probe import AbsProbe


class LinearProbe(AbsProbe):
    """One linear map from a state to its mel frames."""

    def __init__(self, width: int, stride: int, n_mels: int) -> None:
        """Initialise; see :class:`AbsProbe`."""
        super().__init__(width, stride, n_mels)
        self.linear = torch.nn.Linear(width, stride * n_mels)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Recover mel frames; see :class:`AbsProbe`."""
        return self.unfold(self.linear(states))
