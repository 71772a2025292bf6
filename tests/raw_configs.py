"""Configurations of models without a mel: waveform encoders, other front ends."""

from typing import Any, Dict, List

import torch
from tiny_models import asr_config


def raw_config(encoder: str, **conf: Any) -> Dict[str, Any]:
    """Return the configuration of a recogniser whose encoder takes the waveform.

    Args:
        encoder: ESPnet's name of it.
        conf: Its settings.
    """
    config = asr_config("blstm")
    config.update(
        frontend=None,
        frontend_conf={},
        normalize=None,
        input_size=1,
        encoder=encoder,
        encoder_conf=conf,
    )
    return config


def front_end_config(frontend: str, **conf: Any) -> Dict[str, Any]:
    """Return the configuration of a recogniser behind a front end.

    Its encoder is :data:`BLOCKS`.

    Args:
        frontend: ESPnet's name of it.
        conf: Its settings.
    """
    config = asr_config("blstm")
    config.update(
        frontend=frontend,
        frontend_conf=conf,
        normalize=None,
        encoder="transformer",
        encoder_conf={
            "output_size": 8,
            "attention_heads": 2,
            "linear_units": 12,
            "num_blocks": 1,
            "input_layer": "linear",
        },
    )
    return config


class Blocks:
    """The small Transformer behind the front ends, one state per frame."""

    names: List[str] = [
        "embed",
        "block1-attention",
        "block1-feedforward",
        "block1",
        "final",
    ]

    @torch.no_grad()
    def reference(self, upstream: Any, frames: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Return its states for what a front end gives.

        Args:
            upstream: The model.
            frames: (time, width).
        """
        encoder = upstream.model.encoder
        lengths = torch.tensor([len(frames)])
        final, _, _ = encoder(frames[None], lengths)
        (_, blocks), _, _ = encoder(frames[None], lengths, return_all_hs=True)
        return {
            "embed": encoder.embed(frames[None])[0],
            "block1": blocks[0][0],
            "final": final[0],
        }


BLOCKS = Blocks()
