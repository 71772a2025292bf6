"""One file per kind of front end: its length rule, and its layers if it has any."""

from typing import List, Optional, Type

import torch

from espnet_probe.layers.families.abs_family import AbsFamily
from espnet_probe.layers.frontends.espnet_ssl import ESPnetSSLFamily
from espnet_probe.layers.frontends.huggingface import HuggingFaceFamily
from espnet_probe.layers.frontends.plain import (
    CNNFrontEnd,
    DefaultFrontEnd,
    DeltaLogMelFrontEnd,
    SlidingWindowFrontEnd,
)
from espnet_probe.layers.frontends.s3prl import S3prlFamily
from espnet_probe.layers.frontends.whisper import WhisperFrontendFamily

FRONT_ENDS: List[Type[AbsFamily]] = [
    DeltaLogMelFrontEnd,
    DefaultFrontEnd,
    CNNFrontEnd,
    SlidingWindowFrontEnd,
    S3prlFamily,
    HuggingFaceFamily,
    ESPnetSSLFamily,
    WhisperFrontendFamily,
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
