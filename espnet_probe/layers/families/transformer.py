"""ESPnet's ``TransformerEncoder``."""

import torch
from espnet2.asr.encoder.transformer_encoder import TransformerEncoder

from espnet_probe.layers.families.blocks import BlockFamily


class TransformerFamily(BlockFamily):
    """Layers of ``TransformerEncoder``."""

    PARTS = {"attention": "self_attn", "feedforward": "feed_forward"}

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, TransformerEncoder)
