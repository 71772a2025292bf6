"""Transformer blocks of other libraries, written by hand on their sub-modules."""

from typing import Any, Callable, Dict, List

import torch

States = Dict[str, torch.Tensor]


def first(output: Any) -> torch.Tensor:
    """Return the first tensor of a sub-module's output."""
    while isinstance(output, (tuple, list)):
        output = output[0]
    return output


def walk(
    states: torch.Tensor,
    blocks: List[torch.nn.Module],
    block: Callable[[torch.nn.Module, torch.Tensor], States],
) -> States:
    """Pass states through blocks and note what each gives.

    Args:
        states: (1, time, width), what enters the first block.
        blocks: The blocks.
        block: Returns ``""``, the block's output, and its parts by name.

    Returns:
        Layer to (time, width).
    """
    found = {"embed": states[0]}
    for number, module in enumerate(blocks, start=1):
        outputs = block(module, states)
        states = outputs.pop("")
        found[f"block{number}"] = states[0]
        for part, value in outputs.items():
            found[f"block{number}-{part}"] = value[0]
    return found


def norm_first(
    states: torch.Tensor,
    attend: Callable[[torch.Tensor], torch.Tensor],
    feed: Callable[[torch.Tensor], torch.Tensor],
    before_attention: torch.nn.Module,
    before_feeding: torch.nn.Module,
) -> States:
    """Return a block with its norms before attention and feed-forward."""
    attention = attend(before_attention(states))
    states = states + attention
    fed = feed(before_feeding(states))
    return {"attention": attention, "feedforward": fed, "": states + fed}


def norm_last(
    states: torch.Tensor,
    attend: Callable[[torch.Tensor], torch.Tensor],
    feed: Callable[[torch.Tensor], torch.Tensor],
    after_attention: torch.nn.Module,
    after_feeding: torch.nn.Module,
) -> States:
    """Return a block with its norms after attention and feed-forward."""
    attention = attend(states)
    states = after_attention(states + attention)
    fed = feed(states)
    return {"attention": attention, "feedforward": fed, "": after_feeding(states + fed)}
