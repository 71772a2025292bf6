"""What fairseq's wav2vec 2.0 and HuBERT have in common as ESPnet's encoders."""

from typing import List

import torch

from espnet_probe.layers.families.stack import StackFamily


class FairseqFamily(StackFamily):
    """Layers of an encoder around fairseq's model: convolutions, then blocks."""

    PARTS = {"attention": "self_attn", "feedforward": "fc2"}
    WHERE = "encoder.encoders.encoder.layers"
    time_first = True

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        extractor = getattr(self.network(), "feature_extractor")
        self.convolutions = [
            (layer.kernel_size[0], layer.stride[0], int(layer.padding[0]))
            for layer in extractor.modules()
            if isinstance(layer, torch.nn.Conv1d)
        ]
        self.group_norm = any(
            isinstance(layer, torch.nn.GroupNorm) for layer in extractor.modules()
        )

    def network(self) -> torch.nn.Module:
        """Return fairseq's own model."""
        network: torch.nn.Module = self.module.encoders
        return network

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(getattr(self.network(), "encoder").layers)

    def has_final(self) -> bool:
        """Say whether a norm or a projection follows the last block."""
        return (
            bool(getattr(self.network(), "encoder").layer_norm_first)
            or getattr(self.module, "output_layer", None) is not None
            or hasattr(self.module, "after_norm")
        )

    def width(self) -> int:
        """Return the values per state of the blocks."""
        return int(getattr(self.network(), "encoder").embedding_dim)
