"""Highway probes: the paper's, and the variant in its authors' code.

Highway layer: Srivastava, Greff, Schmidhuber, "Highway networks", 2015.
Probes: Li, Yuan, Lee, "What does a network layer hear?", ICASSP 2020, section 2.
"""

import torch

from espnet_probe.probes.abs_probe import AbsProbe

#: Initial bias of the transform gate: most of the input is carried at first, as
#: Srivastava et al. advise (section 2.2: a negative bias).
GATE_BIAS = -1.0


class HighwayLayer(torch.nn.Module):
    """y = t * relu(W x + b) + (1 - t) * x with the gate t = sigmoid(U x + c)."""

    def __init__(self, size: int) -> None:
        """Initialise.

        Args:
            size: Width of input and output.
        """
        super().__init__()
        self.transform = torch.nn.Linear(size, size)
        self.gate = torch.nn.Linear(size, size)
        torch.nn.init.constant_(self.gate.bias, GATE_BIAS)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the layer.

        Args:
            inputs: (..., size).
        """
        gate = torch.sigmoid(self.gate(inputs))
        return inputs + gate * (torch.relu(self.transform(inputs)) - inputs)


class HighwayProbe(AbsProbe):
    """The paper's probe: linear up-sampling, then highway layers on each frame."""

    def __init__(
        self, width: int, stride: int, n_mels: int, num_layers: int = 4
    ) -> None:
        """Initialise.

        Args:
            width: Number of values in one state.
            stride: Mel frames that one state stands for.
            n_mels: Number of mel bands.
            num_layers: Number of highway layers.
        """
        super().__init__(width, stride, n_mels)
        self.upsample = torch.nn.Linear(width, stride * n_mels)
        self.highway = torch.nn.Sequential(
            *[HighwayLayer(n_mels) for _ in range(num_layers)]
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Recover mel frames; see :class:`AbsProbe`."""
        frames: torch.Tensor = self.highway(self.unfold(self.upsample(states)))
        return frames


class SharedHighwayProbe(AbsProbe):
    """The authors' code: one highway layer applied several times, then linear."""

    def __init__(self, width: int, stride: int, n_mels: int, repeats: int = 3) -> None:
        """Initialise.

        Args:
            width: Number of values in one state.
            stride: Mel frames that one state stands for.
            n_mels: Number of mel bands.
            repeats: How often the one highway layer is applied.
        """
        super().__init__(width, stride, n_mels)
        size = stride * n_mels
        self.repeats = repeats
        self.upsample = torch.nn.Linear(width, size)
        self.highway = HighwayLayer(size)
        self.output = torch.nn.Linear(size, size)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Recover mel frames; see :class:`AbsProbe`."""
        hidden = self.upsample(states)
        for _ in range(self.repeats):
            hidden = self.highway(hidden)
        return self.unfold(self.output(hidden))
