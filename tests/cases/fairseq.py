"""HuBERT, wav2vec 2.0 and AV-HuBERT as fairseq builds them."""

from pathlib import Path
from typing import Any, Callable, Dict

import torch
from family_case import FamilyCase, encoder_inputs
from raw_configs import raw_config
from tiny_fairseq import hubert_of_espnet, hubert_task_config, wav2vec2_checkpoint
from tiny_models import asr_config
from tiny_pretrained import WIDTH

#: 45 samples a count: 45, 90, 315, 3465, 4545; a state per 80, the first at 85.
LENGTHS = [0, 1, 3, 43, 56]

NAMES = ["embed"] + [
    f"block{number}{part}"
    for number in (1, 2)
    for part in ("-attention", "-feedforward", "")
]


def hubert(output_size: int, **conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        path = hubert_of_espnet(folder, **conf)
        return raw_config(
            "hubert",
            hubert_url="espnet",
            hubert_dir_path=path,
            output_size=output_size,
        )

    return make


def wav2vec2(**conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        url = wav2vec2_checkpoint(folder, **conf)
        return raw_config(
            "wav2vec2",
            w2v_url=url,
            w2v_dir_path=str(folder),
            output_size=WIDTH,
            normalize_before=True,
        )

    return make


def av_hubert(folder: Path) -> Dict[str, Any]:
    # Audio and video side by side: 3 x 32 values for a width of 48.
    config = asr_config("blstm", n_mels=32)
    config.update(
        encoder="avhubert",
        encoder_conf=dict(
            encoder_embed_dim=48,
            encoder_layers=2,
            encoder_ffn_embed_dim=24,
            encoder_attention_heads=2,
            extracted=True,
            pretrain=False,
            audio_only=True,
        ),
    )
    return config


def embedded(encoder: Any, features: torch.Tensor) -> torch.Tensor:
    """Return what enters the first block of one of fairseq's encoders."""
    states = features + encoder.pos_conv(features.transpose(1, 2)).transpose(1, 2)
    return states if encoder.layer_norm_first else encoder.layer_norm(states)


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    whole = upstream.model.encoder
    model = whole.encoder if hasattr(whole, "encoder") else whole.encoders
    features = model.layer_norm(model.feature_extractor(waveform).transpose(1, 2))
    if model.post_extract_proj is not None:
        features = model.post_extract_proj(features)
    states = embedded(model.encoder, features)
    found = {"embed": states[0]}
    for number, layer in enumerate(model.encoder.layers, start=1):
        states = layer(states.transpose(0, 1))[0].transpose(0, 1)
        found[f"block{number}"] = states[0]
    # fairseq's own count of layers, where it has one.
    padding = torch.zeros(waveform.shape, dtype=torch.bool)
    if hasattr(model, "forward_padding_mask"):
        own, _ = model.extract_features(waveform, padding, output_layer=1)
    else:
        own = model.extract_features(waveform, None, layer=0)["x"]
    torch.testing.assert_close(own[0], found["block1"])
    final = states
    if model.encoder.layer_norm_first:
        final = model.encoder.layer_norm(final)
    if getattr(whole, "output_layer", None) is not None:
        final = whole.output_layer(final)
    if hasattr(whole, "after_norm"):
        final = whole.after_norm(final)
    return {**found, "final": final[0]}


@torch.no_grad()
def av_reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    model = upstream.model.encoder.encoders
    inputs = encoder_inputs(upstream, waveform).clone()
    # ESPnet clears the first half for audio_only.
    inputs[:, :, : inputs.size(2) // 2] = 0
    features = model.post_extract_proj(model.layer_norm(inputs))
    found = {"embed": embedded(model.encoder, features)[0]}
    for number in (1, 2):
        states, _ = model.forward_transformer(inputs, output_layer=number)
        found[f"block{number}"] = states[0]
    states, _ = model.forward_transformer(inputs)
    return {**found, "final": states[0]}


def case(name: str, make: Any, final: bool = True, **others: Any) -> FamilyCase:
    layers = [*NAMES, "final"] if final else NAMES
    given: Dict[str, Any] = dict(
        lengths=dict.fromkeys(layers, LENGTHS),
        reference=reference,
        samples=lambda count: 45 * count,
    )
    return FamilyCase(
        name=name, config=make, needs="fairseq", layers=layers, **{**given, **others}
    )


#: Given utterances one at a time, they do not depend on the batch after all.
ALONE: Dict[str, Any] = dict(batch_independent=False, cautious=True)
CASES = [
    case("fairseq_hubert", hubert(WIDTH), final=False, **ALONE),
    case(
        "fairseq_hubert_projected",
        hubert(8, layer_norm_first=True, extractor_mode="layer_norm"),
        **ALONE,
    ),
    case(
        "fairseq_hubert_task",
        lambda folder: hubert_task_config(layer_norm_first=True),
        task="hubert",
        **ALONE,
    ),
    case("fairseq_wav2vec2", wav2vec2(), batch_independent=False),
    case(
        "fairseq_wav2vec2_large",
        wav2vec2(extractor_mode="layer_norm", layer_norm_first=True),
    ),
    case(
        "av_hubert",
        av_hubert,
        lengths=dict.fromkeys([*NAMES, "final"], [1, 2, 7, 77, 101]),
        reference=av_reference,
        samples=lambda count: max(1, (count - 1) * 200 + 50),
    ),
]
