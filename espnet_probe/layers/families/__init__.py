"""One file per encoder family: the names of its layers and where each is tapped."""

from typing import List, Type

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import AbsFamily
from espnet_probe.layers.families.rnn import RNNFamily
from espnet_probe.layers.families.vgg_rnn import VGGRNNFamily

FAMILIES: List[Type[AbsFamily]] = [RNNFamily, VGGRNNFamily]


def find_family(encoder: torch.nn.Module, input_size: int) -> AbsFamily:
    """Return the family that knows an encoder's layers.

    Args:
        encoder: An ESPnet encoder.
        input_size: Width of its input features.

    Raises:
        ProbeError: If no family knows this class of encoder, or if the family
            refuses this encoder because its states would not be reproducible.
    """
    for family in FAMILIES:
        if family.matches(encoder):
            return family(encoder, input_size)
    known = ", ".join(family.__name__.removesuffix("Family") for family in FAMILIES)
    raise ProbeError(
        f"no layer names are known for the encoder {type(encoder).__name__}: "
        f"supported are {known}"
    )
