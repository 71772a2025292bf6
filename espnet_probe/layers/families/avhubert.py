"""AV-HuBERT heard without lips: ESPnet's ``FairseqAVHubertEncoder``.

As part of a recogniser it is given features in which audio and video are already side
by side (``extracted: true``), one every step. Given a dictionary instead, it takes
stacked filter banks, (batch, width, time), under ``audio``.
"""

from typing import List

import torch

from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily


class AVHubertFamily(StackFamily):
    """Layers of ``FairseqAVHubertEncoder``: one state per step of its input."""

    PARTS = {"attention": "self_attn", "feedforward": "fc2"}
    WHERE = "encoder.encoders.encoder.layers"
    time_first = True

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.avhubert_encoder", "FairseqAVHubertEncoder"
        )

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(self.module.encoders.encoder.layers)

    def has_final(self) -> bool:
        """Say whether a norm follows the last block."""
        return bool(self.module.encoders.encoder.layer_norm_first)
