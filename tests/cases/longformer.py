"""Longformer: a Conformer whose attention sees a window."""

from dataclasses import replace
from typing import Any, Dict

import torch
from cases.blocks import CONFORMER, FEED_FORWARD, case, config, reference
from family_case import FamilyCase


def cut(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Return the states without those that fill the last window up."""
    states = reference(upstream, waveform)
    count = len(states["embed"])
    return {name: value[:count] for name, value in states.items()}


LONGFORMER: FamilyCase = case(
    "longformer",
    config(
        "longformer",
        macaron_style=True,
        cnn_module_kernel=5,
        attention_windows=[4, 4, 4],
        attention_dilation=[1, 1, 1],
        **FEED_FORWARD,
    ),
    CONFORMER,
    needs="longformer",
)
CASES = [replace(LONGFORMER, reference=cut)]
