"""Encoders that are an input layer, a stack of equal blocks, and a last norm.

``embed`` is what enters the first block, with its position encoding; ``blockN`` what
leaves the N-th block; ``final`` the encoder's output, after the last norm. Parts of a
block are the outputs of its sub-modules, before dropout and the residual sum.
"""

from typing import Any, Dict, List, Sequence

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import (
    AbsFamily,
    InputLengths,
    Sink,
    Tap,
    first_tensor,
)
from espnet_probe.layers.families.block_layers import block_module, block_taps
from espnet_probe.layers.families.subsampling import (
    convolved,
    time_convolutions,
    total_stride,
)


class BlockFamily(AbsFamily):
    """Layers of an encoder with ``embed``, ``encoders`` and ``after_norm``."""

    #: Name of a part → the attribute of a block that holds it.
    PARTS: Dict[str, str] = {}

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        self.convolutions = time_convolutions(self.embedding())

    def embedding(self) -> torch.nn.Module:
        """Return the input layer; an empty module if there is none."""
        embed = self.module.embed
        return embed if isinstance(embed, torch.nn.Module) else torch.nn.Identity()

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(self.module.encoders)

    def has_final(self) -> bool:
        """Say whether the output differs from the last block's."""
        return bool(self.module.normalize_before)

    def width(self) -> int:
        """Return the values per state, the same for all layers."""
        return int(self.module.output_size())

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        width, stride = self.width(), total_stride(self.convolutions)
        taps = []
        if self.module.embed is not None:
            taps.append(Tap("embed", width, stride, "encoder.embed"))
        for number, block in enumerate(self.blocks(), start=1):
            where = f"encoder.encoders.{number - 1}"
            taps += block_taps(number, block, self.PARTS, width, stride, where)
        if self.has_final():
            taps.append(Tap("final", width, stride, "encoder output"))
        return taps

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has: the convolutions' own rule.

        Args:
            name: A canonical layer name.
            input_lengths: (batch,), valid input frames.
        """
        return convolved(input_lengths, self.convolutions)

    def tapped(self, name: str) -> torch.nn.Module:
        """Return the module whose output a layer is.

        Args:
            name: A canonical layer name.
        """
        if name == "embed":
            return self.embedding()
        if name == "final":
            return self.module
        return block_module(name, self.blocks(), self.PARTS)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder; see :class:`AbsFamily`."""
        inputs = InputLengths(self.module)
        handles = [inputs.handle]
        for name in names:
            hook = self._hook(name, inputs, sink)
            handles.append(self.tapped(name).register_forward_hook(hook))
        return handles

    def _hook(self, name: str, inputs: InputLengths, sink: Sink) -> Any:
        def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
            sink(name, first_tensor(output), self.lengths(name, inputs.value))

        return hook
