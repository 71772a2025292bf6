"""The encoder of ESPnet's ``asr_transducer`` task, built from a list of blocks.

``embed`` is the output of the input convolutions, without positions, which the
attention adds. Its blocks are Conformer, Branchformer, E-Branchformer and ``conv1d``
blocks in any order; a ``conv1d`` block may lower the frame rate.
"""

from typing import Any, Dict, List

import torch
from espnet2.asr_transducer.encoder.blocks.conv1d import Conv1d
from espnet2.asr_transducer.encoder.encoder import Encoder

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import Tap
from espnet_probe.layers.families.block_layers import block_taps
from espnet_probe.layers.families.blocks import BlockFamily
from espnet_probe.layers.selection import PART


class TransducerFamily(BlockFamily):
    """Layers of ``espnet2.asr_transducer.encoder.encoder.Encoder``."""

    #: Of a Conformer block ...
    PARTS = {
        "feedforward_macaron": "feed_forward_macaron",
        "attention": "self_att",
        "convolution": "conv_mod",
        "feedforward": "feed_forward",
        # ... and the end of a (E-)Branchformer block's second branch.
        "cgmlp": "channel_proj2",
    }

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`.

        Raises:
            ProbeError: If it draws chunks at random, in evaluation too.
        """
        super().__init__(module, input_size)
        # The padded convolutions of the one reach over an utterance's end, the other
        # cuts the positions to the length of the longest item.
        lowered = any(isinstance(block, Conv1d) for block in self.blocks())
        self.batch_independent = not (self.module.embed.vgg_like or lowered)
        if self.module.dynamic_chunk_training:
            raise ProbeError(
                "this transducer encoder has dynamic_chunk_training, with which "
                "ESPnet draws chunks at random in evaluation too, so its hidden "
                "states are random: set 'dynamic_chunk_training: false' under "
                "encoder_conf, main_conf in the model's config.yaml (the weights "
                "stay valid)"
            )

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, Encoder)

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(self.module.encoders.blocks)

    def _parts(self, block: torch.nn.Module) -> Dict[str, str]:
        """Return the parts that a block may have; blocks are of different kinds."""
        parts = dict(self.PARTS)
        # What (E-)Branchformers call conv_mod is a gate inside the second branch.
        if hasattr(block, parts["cgmlp"]):
            del parts["convolution"]
        return parts

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        stride = int(self.module.embed.subsampling_factor)
        width = int(self.module.embed.output_size)
        taps = [Tap("embed", width, stride, "encoder.embed")]
        for number, block in enumerate(self.blocks(), start=1):
            where = f"encoder.encoders.blocks.{number - 1}"
            if isinstance(block, Conv1d):
                width = int(block.output_size)
                stride *= _stride(block)
            taps += block_taps(number, block, self._parts(block), width, stride, where)
        taps.append(Tap("final", width, stride, "encoder output"))
        return taps

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has; see :class:`AbsFamily`."""
        # The input layer's own rule: its poolings round up.
        lengths: torch.Tensor = self.module.embed.get_output_lengths(input_lengths)
        blocks = self.blocks()
        if name != "final":
            number = name.partition(PART)[0].removeprefix("block")
            blocks = [] if name == "embed" else blocks[: int(number)]
        for block in blocks:
            if isinstance(block, Conv1d) and not block.lorder:
                # As its create_new_mask does: trim by the kernel, take every n-th.
                trimmed = lengths - int(block.padding)
                lengths = torch.div(trimmed - 1, _stride(block), rounding_mode="floor")
                lengths = lengths + 1
        return lengths


def _stride(block: Any) -> int:
    stride = block.conv.stride[0]
    return int(stride)
