"""ESPnet's ``BranchformerEncoder`` and ``EBranchformerEncoder``."""

import torch
from espnet2.asr.encoder.branchformer_encoder import BranchformerEncoder
from espnet2.asr.encoder.e_branchformer_encoder import EBranchformerEncoder

from espnet_probe.layers.families.blocks import BlockFamily
from espnet_probe.layers.families.padding import sees_padding


class BranchformerFamily(BlockFamily):
    """Layers of ``BranchformerEncoder`` and ``EBranchformerEncoder``."""

    PARTS = {
        "feedforward_macaron": "feed_forward_macaron",
        "attention": "attn",
        "cgmlp": "cgmlp",
        "feedforward": "feed_forward",
    }

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        self.batch_independent = not sees_padding(module)

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, (BranchformerEncoder, EBranchformerEncoder))

    def has_final(self) -> bool:
        """Say whether the output differs from the last block's: it is normalised."""
        return True
