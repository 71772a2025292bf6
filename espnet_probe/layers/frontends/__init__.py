"""One file per kind of front end: its length rule, and its layers if it has any."""

from typing import List, Optional, Type

import torch

from espnet_probe.layers.families.abs_family import AbsFamily
from espnet_probe.layers.frontends.plain import (
    CNNFrontEnd,
    DefaultFrontEnd,
    DeltaLogMelFrontEnd,
    SlidingWindowFrontEnd,
)

FRONT_ENDS: List[Type[AbsFamily]] = [
    DeltaLogMelFrontEnd,
    DefaultFrontEnd,
    CNNFrontEnd,
    SlidingWindowFrontEnd,
]


def find_front_end(frontend: torch.nn.Module) -> Optional[AbsFamily]:
    """Return the family that knows a front end, or None.

    Args:
        frontend: A front end of ESPnet; its input are waveforms.
    """
    for family in FRONT_ENDS:
        if family.matches(frontend):
            return family(frontend, 1)
    return None
