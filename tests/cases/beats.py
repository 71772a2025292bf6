"""BEATs: a state is the eight frequency patches of one piece of time."""

from pathlib import Path
from typing import Any, Callable, Dict

import torch
from family_case import FamilyCase
from raw_configs import raw_config

SIZES = dict(
    encoder_layers=2,
    encoder_embed_dim=16,
    encoder_ffn_embed_dim=24,
    encoder_attention_heads=2,
    embed_dim=8,
    conv_pos=4,
    conv_pos_groups=2,
)

#: 1300 samples a count: 1300, 2600, 9100, 100100, 131300. (samples - 400) // 160 + 1
#: frames, of which 16 make a state: none, none, 55, 624, 819 frames.
LENGTHS = [0, 0, 3, 39, 51]

NAMES = ["embed"] + [
    f"block{number}{part}"
    for number in (1, 2)
    for part in ("-attention", "-feedforward", "")
]


def config(**conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        inner = {**SIZES, **conf.get("beats_config", {})}
        return raw_config("beats", **{**conf, "beats_config": inner})

    return make


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    encoder = upstream.model.encoder
    # Patches by unfolding instead of by convolution.
    spectrum = encoder.preprocess(waveform)[0]
    time = spectrum.size(0) // 16
    tiles = spectrum[: 16 * time].reshape(time, 16, 8, 16).permute(0, 2, 1, 3)
    patches = tiles.reshape(1, 8 * time, 256) @ encoder.patch_embedding.weight.reshape(
        -1, 256
    ).transpose(0, 1)
    inputs = encoder.post_extract_proj(encoder.layer_norm(patches))
    stack = encoder.encoder
    states = inputs + stack.pos_conv(inputs.transpose(1, 2)).transpose(1, 2)
    if not stack.layer_norm_first:
        states = stack.layer_norm(states)
    found = {"embed": states}
    for number in (1, 2):
        found[f"block{number}"], _ = stack.extract_features(
            inputs.clone(), None, number - 1
        )
    if stack.layer_norm_first:
        found["final"] = stack.layer_norm(found["block2"])
    if encoder.max_layer is not None:
        weights = torch.softmax(encoder.layer_weights, dim=0)
        # ESPnet weights what enters the first block, too.
        found["final"] = weights[0] * found["embed"] + weights[1] * found["block1"]
    if encoder.downsample_conv is not None:
        whole = found["block2"].transpose(1, 2)
        found["final"] = encoder.downsample_conv(whole).transpose(1, 2)
        sequence = found.pop("final")[0]
        return {**grouped(found), "final": sequence}
    return grouped(found)


def grouped(states: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    return {
        name: torch.cat([value[0, band::8] for band in range(8)], dim=1)
        for name, value in states.items()
    }


def case(name: str, make: Any, final: bool = True, **others: Any) -> FamilyCase:
    layers = [*NAMES, "final"] if final else NAMES
    lengths = {**dict.fromkeys(layers, LENGTHS), **others.pop("lengths", {})}
    return FamilyCase(
        name=name,
        config=make,
        lengths=lengths,
        reference=reference,
        samples=lambda count: 1300 * count,
        layers=layers,
        **{"pieces": 8, **others},
    )


CASES = [
    case("beats", config(), final=False),
    case(
        "beats_norm_first",
        config(
            beats_config=dict(
                layer_norm_first=True,
                relative_position_embedding=True,
                gru_rel_pos=True,
            )
        ),
    ),
    case("beats_weighted", config(max_layer=1, use_weighted_representation=True)),
    case(
        "beats_downsampled",
        config(downsampling_rate=2),
        # Kernel 3 and stride 2 over 24, 312 and 408 patches.
        lengths={"final": [0, 0, 11, 155, 203]},
        pieces=1,
        batch_independent=False,
        cautious=True,
    ),
]
