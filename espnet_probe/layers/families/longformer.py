"""ESPnet's ``LongformerEncoder``."""

import torch
from espnet2.asr.encoder.longformer_encoder import LongformerEncoder

from espnet_probe.layers.families.conformer import ConformerFamily


class LongformerFamily(ConformerFamily):
    """Layers of ``LongformerEncoder``: Conformer blocks with windowed attention.

    The encoder pads time to a multiple of its window; the states are cut back.
    """

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, LongformerEncoder)
