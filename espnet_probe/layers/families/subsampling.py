"""The length rule of the convolutions before a stack of blocks."""

from typing import Any, List, Tuple

import torch


def time_convolutions(module: torch.nn.Module) -> List[Tuple[int, int, int]]:
    """Return kernel, stride and padding along time of each convolution.

    Read from the convolutions themselves, in the order in which they are applied.
    ESPnet's subsampling modules hold them in ``conv``; other input layers have none.

    Args:
        module: An encoder's input layer, such as ``Conv2dSubsampling``.
    """
    rules = []
    convolutions = getattr(module, "conv", None)
    for layer in convolutions.modules() if convolutions is not None else []:
        if isinstance(layer, (torch.nn.Conv1d, torch.nn.Conv2d)):
            # Any: torch declares the padding as a number or a word.
            conv: Any = layer
            rules.append((conv.kernel_size[0], conv.stride[0], conv.padding[0]))
    return rules


def convolved(
    lengths: torch.Tensor, convolutions: List[Tuple[int, int, int]]
) -> torch.Tensor:
    """Return the lengths after convolutions, by the formula of ``torch.nn.Conv1d``.

    Args:
        lengths: (batch,).
        convolutions: Kernel, stride and padding of each.

    Returns:
        (batch,); below 1 if an input is too short.
    """
    for kernel, stride, padding in convolutions:
        shorter = lengths + 2 * padding - kernel
        lengths = torch.div(shorter, stride, rounding_mode="floor") + 1
    return lengths


def total_stride(convolutions: List[Tuple[int, int, int]]) -> int:
    """Return the input steps per output step of convolutions.

    Args:
        convolutions: Kernel, stride and padding of each.
    """
    total = 1
    for _, stride, _ in convolutions:
        total *= stride
    return total
