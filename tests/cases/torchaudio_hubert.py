"""HuBERT as torchaudio builds it, as a recogniser's encoder and in its own task."""

from pathlib import Path
from typing import Any, Callable, Dict

import torch
from family_case import FamilyCase, task_class
from raw_configs import raw_config
from reference_stacks import first, norm_first, norm_last, walk
from tiny_pretrained import CONVOLUTIONS, WIDTH

SIZES = dict(
    extractor_conv_layer_config=CONVOLUTIONS,
    encoder_embed_dim=WIDTH,
    encoder_pos_conv_kernel=4,
    encoder_pos_conv_groups=2,
    encoder_num_layers=2,
    encoder_num_heads=2,
    encoder_ff_interm_features=24,
    final_dim=8,
)

#: 45 samples a count: 45, 90, 315, 3465, 4545; a state per 80, the first at 85.
LENGTHS = [0, 1, 3, 43, 56]

NAMES = ["embed"] + [
    f"block{number}{part}"
    for number in (1, 2)
    for part in ("-attention", "-feedforward", "")
]


def recogniser(**conf: Any) -> Callable[[Path], Dict[str, Any]]:
    return lambda folder: raw_config(
        "torchaudiohubert", finetuning=True, **SIZES, **conf
    )


def pretrained(folder: Path) -> Dict[str, Any]:
    config: Dict[str, Any] = task_class("hubert").get_default_config()
    config.update(
        frontend=None,
        frontend_conf={},
        specaug=None,
        normalize=None,
        input_size=1,
        token_list=["a", "b", "c", "d"],
        num_classes=4,
        encoder="torchaudio_hubert",
        encoder_conf=dict(SIZES, extractor_mode="layer_norm", finetuning=False),
        model="torchaudio",
    )
    return config


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    wav2vec2 = upstream.model.encoder.hubert_pretrain_model.wav2vec2
    transformer = wav2vec2.encoder.transformer
    features, _ = wav2vec2.feature_extractor(waveform, None)
    states = wav2vec2.encoder.feature_projection(features)
    states = states + transformer.pos_conv_embed(states)
    # The flag is of the norm before the blocks, whose own norms then come last.
    at_start = transformer.layer_norm_first
    if at_start:
        states = transformer.layer_norm(states)

    def block(module: Any, inner: torch.Tensor) -> Dict[str, torch.Tensor]:
        return (norm_last if at_start else norm_first)(
            inner,
            lambda x: first(module.attention(x)),
            module.feed_forward,
            module.layer_norm,
            module.final_layer_norm,
        )

    found = walk(states, list(transformer.layers), block)
    every, _ = wav2vec2.extract_features(waveform)
    for number, value in enumerate(every, start=1):
        torch.testing.assert_close(value[0], found[f"block{number}"])
    if not at_start:
        found["final"] = transformer.layer_norm(found["block2"])
    return found


def case(name: str, make: Any, final: bool, **others: Any) -> FamilyCase:
    layers = [*NAMES, "final"] if final else NAMES
    return FamilyCase(
        name=name,
        config=make,
        lengths=dict.fromkeys(layers, LENGTHS),
        reference=reference,
        samples=lambda count: 45 * count,
        layers=layers,
        **others,
    )


CASES = [
    case(
        "torchaudio_hubert_base",
        recogniser(extractor_mode="group_norm"),
        final=False,
        batch_independent=False,
    ),
    case(
        "torchaudio_hubert_large",
        recogniser(extractor_mode="layer_norm", encoder_layer_norm_first=True),
        final=True,
    ),
    case("torchaudio_hubert_task", pretrained, final=False, task="hubert"),
]
