"""ESPnet's ``LinearEncoder``: an input layer and a norm, without blocks."""

from typing import List

import torch

from espnet_probe.layers.families.blocks import BlockFamily
from espnet_probe.layers.families.lazy import is_instance


class LinearFamily(BlockFamily):
    """Layers of ``LinearEncoder``: ``embed`` and ``final``."""

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.linear_encoder", "LinearEncoder"
        )

    def blocks(self) -> List[torch.nn.Module]:
        """Return no blocks."""
        return []

    def has_final(self) -> bool:
        """Say whether there is a norm, or nothing else to tap."""
        return bool(self.module.normalize_before) or self.module.embed is None
