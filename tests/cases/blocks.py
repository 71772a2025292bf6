"""Encoders of ESPnet with blocks: what their states are, from their own forward passes.

A block's states are the output of the same encoder with the blocks above it and the
last norm taken away; where ESPnet has ``return_all_hs`` both are compared.
"""

import copy
import inspect
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import torch
from espnet2.legacy.nets.pytorch_backend.transformer.repeat import MultiSequential
from family_case import FamilyCase, encoder_inputs
from tiny_models import asr_config

#: Kernel 3 and stride 2, twice: ((T - 3) // 2 + 1 - 3) // 2 + 1, at least one state
#: from 7 frames on.
CONV2D = [0, 0, 1, 18, 24]

SIZES = {"output_size": 16, "attention_heads": 2, "num_blocks": 3}
FEED_FORWARD = {"linear_units": 24}
CGMLP = {"cgmlp_linear_units": 24, "cgmlp_conv_kernel": 5}


def config(encoder: str, **conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        whole = asr_config("blstm", n_mels=20)
        whole.update(encoder=encoder, encoder_conf={**SIZES, **conf})
        return whole

    return make


def names(parts: Sequence[str], final: bool = True, blocks: int = 3) -> List[str]:
    listed = ["embed"]
    for number in range(1, blocks + 1):
        listed += [f"block{number}-{part}" for part in parts] + [f"block{number}"]
    return listed + ["final"] * final


def truncated(encoder: torch.nn.Module, blocks: int) -> torch.nn.Module:
    """Return an encoder with its first blocks only and without the last norm."""
    shorter = copy.deepcopy(encoder)
    shorter.encoders = MultiSequential(*list(shorter.encoders)[:blocks])
    shorter.after_norm = torch.nn.Identity()
    return shorter


def nested(output: Any) -> torch.Tensor:
    while isinstance(output, tuple):
        output = output[0]
    return output


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    encoder = upstream.model.encoder
    inputs = encoder_inputs(upstream, waveform)
    lengths = torch.tensor([inputs.size(1)])
    states = {}
    mask = torch.ones(1, 1, inputs.size(1), dtype=torch.bool)
    arguments = (inputs, mask) if hasattr(encoder.embed, "conv") else (inputs,)
    states["embed"] = nested(encoder.embed(*arguments))[0]
    for number in range(1, len(encoder.encoders) + 1):
        output = truncated(encoder, number)(inputs, lengths)
        states[f"block{number}"] = nested(output)[0]
    takes = inspect.signature(encoder.forward).parameters
    if "return_all_hs" in takes and not encoder.interctc_layer_idx:
        (_, every), _, _ = encoder(inputs, lengths, return_all_hs=True)
        for number, value in enumerate(every, start=1):
            assert torch.equal(value[0], states[f"block{number}"])
    states["final"] = nested(encoder(inputs, lengths))[0]
    return states


def case(
    name: str,
    make: Callable[[Path], Dict[str, Any]],
    parts: Sequence[str],
    lengths: Sequence[int] = CONV2D,
    final: bool = True,
    **others: Any,
) -> FamilyCase:
    listed = names(parts, final)
    return FamilyCase(
        name=name,
        config=make,
        lengths={layer: lengths for layer in listed},
        reference=reference,
        layers=listed,
        **others,
    )


TRANSFORMER = ["attention", "feedforward"]
CONFORMER = ["feedforward_macaron", "attention", "convolution", "feedforward"]
CASES = [
    case("transformer", config("transformer", **FEED_FORWARD), TRANSFORMER),
    case(
        "transformer_post_norm_linear",
        config(
            "transformer", input_layer="linear", normalize_before=False, **FEED_FORWARD
        ),
        TRANSFORMER,
        lengths=[1, 2, 7, 77, 101],
        final=False,
    ),
    case(
        "transformer_conv2d6",
        config("transformer", input_layer="conv2d6", **FEED_FORWARD),
        TRANSFORMER,
        # Kernel 3, stride 2, then kernel 5, stride 3.
        lengths=[0, 0, 0, 12, 16],
    ),
    case(
        "transformer_convolutions_for_feed_forward",
        config(
            "transformer",
            positionwise_layer_type="conv1d",
            positionwise_conv_kernel_size=3,
            **FEED_FORWARD,
        ),
        TRANSFORMER,
        batch_independent=False,
    ),
    case(
        "conformer",
        config(
            "conformer",
            rel_pos_type="latest",
            macaron_style=True,
            cnn_module_kernel=5,
            **FEED_FORWARD,
        ),
        CONFORMER,
    ),
    case(
        "conformer_conv2d8_interctc",
        config(
            "conformer",
            rel_pos_type="latest",
            input_layer="conv2d8",
            interctc_layer_idx=[2],
            cnn_module_kernel=5,
            **FEED_FORWARD,
        ),
        ["attention", "convolution", "feedforward"],
        # Kernel 3, stride 2, three times.
        lengths=[0, 0, 0, 8, 11],
    ),
    case(
        "conformer_legacy_positions",
        config(
            "conformer", rel_pos_type="legacy", use_cnn_module=False, **FEED_FORWARD
        ),
        ["attention", "feedforward"],
        batch_independent=False,
    ),
    case(
        "multiconv_conformer",
        config(
            "multiconv_conformer",
            macaron_style=True,
            rel_pos_type="latest",
            cgmlp_linear_units=24,
            multicgmlp_kernel_sizes="3,5",
            multicgmlp_merge_conv_kernel=5,
            **FEED_FORWARD,
        ),
        CONFORMER,
    ),
    case("branchformer", config("branchformer", **CGMLP), ["attention", "cgmlp"]),
    case(
        "e_branchformer",
        config(
            "e_branchformer", use_ffn=True, macaron_ffn=True, **FEED_FORWARD, **CGMLP
        ),
        ["feedforward_macaron", "attention", "cgmlp", "feedforward"],
    ),
]


def contextual(
    name: str, encoder: str, parts: Sequence[str], **conf: Any
) -> FamilyCase:
    """A streaming encoder with time blocks of 8 frames, 4 of them new, 2 ahead."""
    return case(
        name,
        config(encoder, block_size=8, hop_size=4, look_ahead=2, **FEED_FORWARD, **conf),
        parts,
        # From 3 x 3 convolutions of stride 2; torch itself needs 7 frames.
        batch_independent=False,
    )


CASES += [
    contextual(
        "contextual_block_transformer", "contextual_block_transformer", TRANSFORMER
    ),
    contextual(
        "contextual_block_conformer",
        "contextual_block_conformer",
        CONFORMER,
        macaron_style=True,
        cnn_module_kernel=5,
    ),
]
