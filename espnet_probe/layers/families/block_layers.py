"""What all stacks of blocks have in common: the layers of one block, by name."""

from typing import Dict, List, Sequence

import torch

from espnet_probe.layers.families.abs_family import Tap
from espnet_probe.layers.selection import PART


def block_taps(
    number: int,
    block: torch.nn.Module,
    parts: Dict[str, str],
    width: int,
    stride: int,
    where: str,
) -> List[Tap]:
    """Return the layers of one block: its parts, then the block.

    Args:
        number: Its place in the stack, from 1 on.
        block: The block.
        parts: Name of a part → the attribute of the block that may hold it.
        width: Values per state.
        stride: Input steps of the encoder per state.
        where: The block's path, for people.
    """
    name = f"block{number}"
    taps = [
        Tap(f"{name}{PART}{part}", width, stride, f"{where}.{attribute}")
        for part, attribute in parts.items()
        if getattr(block, attribute, None) is not None
    ]
    return [*taps, Tap(name, width, stride, where)]


def block_module(
    name: str, blocks: Sequence[torch.nn.Module], parts: Dict[str, str]
) -> torch.nn.Module:
    """Return the block, or the part of one, that a layer is the output of.

    Args:
        name: Such as ``block3`` or ``block3-attention``.
        blocks: The stack.
        parts: As in :func:`block_taps`.
    """
    block, _, part = name.partition(PART)
    module = blocks[int(block.removeprefix("block")) - 1]
    found: torch.nn.Module = getattr(module, parts[part]) if part else module
    return found
