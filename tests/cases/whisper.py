"""Whisper as an encoder and as a front end."""

from pathlib import Path
from typing import Any, Dict

import torch
from family_case import FamilyCase
from raw_configs import BLOCKS, front_end_config, raw_config
from reference_stacks import first, norm_first, walk
from tiny_pretrained import WHISPER_POSITIONS, whisper_checkpoint

from espnet_probe.upstream.whisper_mels import provide_mel_bins

GELU = torch.nn.functional.gelu
NAMES = ["embed"] + [
    name
    for number in (1, 2)
    for name in (
        f"block{number}-attention",
        f"block{number}-feedforward",
        f"block{number}",
    )
]

#: 45 samples a count: 45, 90, 315, 3465, 4545. Below 201 the spectrogram cannot mirror
#: its ends; otherwise (samples // 160 - 1) // 2 + 1 states.
LENGTHS = [0, 0, 1, 11, 14]


def encoder_config(**conf: Any) -> Any:
    def make(folder: Path) -> Dict[str, Any]:
        provide_mel_bins()
        name = whisper_checkpoint(folder)
        return raw_config(
            "whisper", whisper_model=name, download_dir=str(folder), **conf
        )

    return make


def front_config(folder: Path) -> Dict[str, Any]:
    name = whisper_checkpoint(folder)
    return front_end_config("whisper", whisper_model=name, download_dir=str(folder))


def block(module: Any, states: torch.Tensor) -> Dict[str, torch.Tensor]:
    return norm_first(
        states,
        lambda x: first(module.attn(x)),
        module.mlp,
        module.attn_ln,
        module.mlp_ln,
    )


@torch.no_grad()
def by_hand(network: Any, mel: torch.Tensor) -> Dict[str, torch.Tensor]:
    states = GELU(network.conv2(GELU(network.conv1(mel)))).transpose(1, 2)
    states = states[:, :WHISPER_POSITIONS]
    states = states + network.positional_embedding[: states.size(1)]
    found = walk(states, network.blocks, block)
    found["final"] = network.ln_post(found["block2"])
    return found


def encoder_reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    encoder = upstream.model.encoder
    samples = waveform.size(1)
    if encoder.do_pad_trim:
        waveform = torch.nn.functional.pad(waveform, (0, 480000 - samples))
    mel, _ = encoder.log_mel_spectrogram(waveform)
    count = (samples // 160 - 1) // 2 + 1
    states = by_hand(encoder.encoders, mel)
    return {name: value[:count] for name, value in states.items()}


def front_reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    frontend = upstream.model.frontend
    mel, _ = frontend.log_mel_spectrogram(waveform)
    states = by_hand(frontend.whisper.encoder, mel)
    found = {f"frontend_{name}": value for name, value in states.items()}
    return {**found, **BLOCKS.reference(upstream, found["frontend_final"])}


CASES = [
    FamilyCase(
        name="whisper",
        config=encoder_config(),
        lengths=dict.fromkeys([*NAMES, "final"], LENGTHS),
        reference=encoder_reference,
        needs="whisper",
        samples=lambda count: 45 * count,
        layers=[*NAMES, "final"],
        batch_independent=False,
    ),
    FamilyCase(
        name="whisper_filled_up",
        config=encoder_config(do_pad_trim=True),
        lengths=dict.fromkeys([*NAMES, "final"], LENGTHS),
        reference=encoder_reference,
        needs="whisper",
        samples=lambda count: 45 * count,
        layers=[*NAMES, "final"],
    ),
    FamilyCase(
        name="whisper_front_end",
        config=front_config,
        lengths=dict.fromkeys(["frontend_embed", "frontend_final", "block1"], LENGTHS),
        reference=front_reference,
        needs="whisper",
        samples=lambda count: 45 * count,
        layers=[f"frontend_{name}" for name in [*NAMES, "final"]] + BLOCKS.names,
        batch_independent=False,
    ),
]
