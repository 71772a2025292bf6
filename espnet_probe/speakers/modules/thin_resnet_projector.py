"""The last layer of the thin ResNet, and of the GE2E network: Linear and ReLU.

Sources: W. Xie et al., "Utterance-level aggregation for speaker recognition in the
wild", ICASSP 2019 (4096 to 512 values). The published GE2E network that this package
embeds with ends the same way (256 to 256).
"""

import torch
from espnet2.spk.projector.abs_projector import AbsProjector

from espnet_probe.errors import ProbeError


class ThinResNetProjector(AbsProjector):
    """ESPnet speaker projector ``thin_resnet``: Linear and ReLU.

    The embedding is not negative, and not normalised: ESPnet's losses and trial scores
    do that themselves.
    """

    def __init__(
        self, input_size: int, output_size: int = 512, relu: bool = True
    ) -> None:
        """Build the projector, with orthogonal weights.

        Args:
            input_size: Width of the pooled vector.
            output_size: Width of the embedding.
            relu: Without, the embedding is what the Linear gives, of any sign.

        Raises:
            ProbeError: If the embedding has no width.
        """
        super().__init__()
        if output_size < 1:
            raise ProbeError(
                f"thin_resnet projector: output_size is {output_size}, expected >= 1"
            )
        self._output_size = output_size
        self.relu = relu
        self.linear = torch.nn.Linear(input_size, output_size)
        torch.nn.init.orthogonal_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def output_size(self) -> int:
        """Return the width of the embedding."""
        return self._output_size

    def forward(self, utt_embd: torch.Tensor) -> torch.Tensor:
        """Project pooled vectors, (batch, input_size) to (batch, output_size)."""
        embedding: torch.Tensor = self.linear(utt_embd)
        return torch.relu(embedding) if self.relu else embedding
