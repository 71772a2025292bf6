"""Encoders of other libraries: a stack of blocks somewhere inside ESPnet's wrapper.

``embed`` is what enters the first block, ``blockN`` what leaves the N-th, ``final``
the wrapper's output where that is not the last block's. Parts of a block are the
outputs of its sub-modules, before dropout and the residual sum.
"""

from abc import abstractmethod
from typing import Any, Dict, List, Sequence, Tuple

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
from espnet_probe.layers.families.subsampling import convolved, total_stride


class StackFamily(AbsFamily):
    """Layers of a wrapper around a stack of blocks."""

    #: Name of a part → the attribute of a block that holds it.
    PARTS: Dict[str, str] = {}

    #: Where the blocks are, for people.
    WHERE: str = "encoder"

    #: Whether the blocks pass (time, batch, width) on, as fairseq's do.
    time_first: bool = False

    #: Kernel, stride and padding of each convolution before the blocks; without any
    #: there is a state for every input step.
    convolutions: List[Tuple[int, int, int]] = []

    @abstractmethod
    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""

    def stride(self) -> int:
        """Return the input steps per state."""
        return total_stride(self.convolutions)

    def block_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the blocks have: the convolutions' own rule.

        Args:
            input_lengths: (batch,), valid input steps.

        Returns:
            (batch,); below 1 if the input is too short for a state.
        """
        return convolved(input_lengths, self.convolutions)

    def has_final(self) -> bool:
        """Say whether the wrapper's output differs from the last block's."""
        return True

    def width(self) -> int:
        """Return the values per state of the blocks."""
        return int(self.module.output_size())

    def final_tap(self) -> Tap:
        """Return the tap of the wrapper's output."""
        return Tap("final", int(self.module.output_size()), self.stride(), "output")

    def final_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many steps the wrapper's output has.

        Args:
            input_lengths: (batch,), valid input steps.
        """
        return self.block_lengths(input_lengths)

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        blocks, width, stride = self.blocks(), self.width(), self.stride()
        taps = []
        if blocks:
            taps.append(Tap("embed", width, stride, f"input of {self.WHERE}.0"))
        for number, block in enumerate(blocks, start=1):
            where = f"{self.WHERE}.{number - 1}"
            taps += block_taps(number, block, self.PARTS, width, stride, where)
        if self.has_final() or not blocks:
            taps.append(self.final_tap())
        return taps

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has; see :class:`AbsFamily`."""
        if name == "final":
            return self.final_lengths(input_lengths)
        return self.block_lengths(input_lengths)

    def arranged(self, states: torch.Tensor) -> torch.Tensor:
        """Return what a block passes on as (batch, time, width).

        Args:
            states: What a hook on a block or part was given.
        """
        return states.transpose(0, 1) if self.time_first else states

    def arranged_output(self, states: torch.Tensor) -> torch.Tensor:
        """Return the wrapper's output as (batch, time, width).

        Args:
            states: What a hook on the wrapper was given.
        """
        return states

    def watch_lengths(self) -> InputLengths:
        """Return the lengths of the input, as they come."""
        return InputLengths(self.module)

    def output_module(self) -> torch.nn.Module:
        """Return the module whose output is ``final``."""
        return self.module

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the module; see :class:`AbsFamily`."""
        inputs = self.watch_lengths()
        handles = [inputs.handle]

        def before(module: torch.nn.Module, args: Any, kwargs: Dict[str, Any]) -> None:
            states = args[0] if args else kwargs["hidden_states"]
            lengths = self.lengths("embed", inputs.value)
            sink("embed", self.arranged(states), lengths)

        def after(name: str) -> Any:
            def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
                states = first_tensor(output)
                final = name == "final"
                states = (self.arranged_output if final else self.arranged)(states)
                sink(name, states, self.lengths(name, inputs.value))

            return hook

        for name in names:
            if name == "embed":
                first = self.blocks()[0]
                handle = first.register_forward_pre_hook(before, with_kwargs=True)
            else:
                handle = self.tapped(name).register_forward_hook(after(name))
            handles.append(handle)
        return handles

    def tapped(self, name: str) -> torch.nn.Module:
        """Return the module whose output a layer is.

        Args:
            name: A canonical layer name, but not ``embed``.
        """
        if name == "final":
            return self.output_module()
        return block_module(name, self.blocks(), self.PARTS)
