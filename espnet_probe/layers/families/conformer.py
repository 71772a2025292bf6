"""ESPnet's ``ConformerEncoder`` and ``MultiConvConformerEncoder``."""

import torch
from espnet2.asr.encoder.conformer_encoder import ConformerEncoder
from espnet2.asr.encoder.multiconvformer_encoder import MultiConvConformerEncoder

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.blocks import BlockFamily
from espnet_probe.layers.families.padding import sees_padding


class ConformerFamily(BlockFamily):
    """Layers of ``ConformerEncoder`` and ``MultiConvConformerEncoder``."""

    PARTS = {
        "feedforward_macaron": "feed_forward_macaron",
        "attention": "self_attn",
        "convolution": "conv_module",
        "feedforward": "feed_forward",
    }

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`.

        Raises:
            ProbeError: If it drops frames on the way (``ctc_trim``).
        """
        super().__init__(module, input_size)
        if getattr(self.module, "ctc_trim", False):
            raise ProbeError(
                "this Conformer has ctc_trim, which drops frames between its blocks: "
                "their states stand for no fixed time and cannot be probed"
            )
        self.batch_independent = not sees_padding(module)

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, (ConformerEncoder, MultiConvConformerEncoder))
