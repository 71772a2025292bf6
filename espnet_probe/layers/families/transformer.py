"""ESPnet's ``TransformerEncoder``."""

import torch
from espnet2.asr.encoder.transformer_encoder import TransformerEncoder

from espnet_probe.layers.families.blocks import BlockFamily
from espnet_probe.layers.families.padding import sees_padding


class TransformerFamily(BlockFamily):
    """Layers of ``TransformerEncoder``."""

    PARTS = {"attention": "self_attn", "feedforward": "feed_forward"}

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        self.batch_independent = not sees_padding(module)

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, TransformerEncoder)
