"""Self-supervised models of s3prl as front ends."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
from family_case import FamilyCase
from raw_configs import BLOCKS, front_end_config
from tiny_pretrained import hugging_face_folder, s3prl_hubert

#: 400 samples a count: 400, 800, 2800, 30800, 40400. One state per begun 320 samples;
#: the first two are below 1600 samples, with which s3prl may fail.
LENGTHS = [0, 0, 9, 97, 127]


def hubert(**conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        path = s3prl_hubert(
            folder / "hubert.pt", layer_norm_first=True, extractor_mode="layer_norm"
        )
        return front_end_config(
            "s3prl",
            frontend_conf={"upstream": "hubert_local", "path_or_url": path},
            download_dir=str(folder),
            **conf,
        )

    return make


def hugging_face(folder: Path) -> Dict[str, Any]:
    path = hugging_face_folder(
        folder / "hf",
        "hubert",
        conv_dim=[16] * 7,
        conv_kernel=[10, 3, 3, 3, 3, 2, 2],
        conv_stride=[5, 2, 2, 2, 2, 2, 2],
        num_feat_extract_layers=7,
    )
    return front_end_config(
        "s3prl",
        frontend_conf={"upstream": "hf_hubert_custom", "path_or_url": path},
        download_dir=str(folder),
        multilayer_feature=True,
    )


def fbank(folder: Path) -> Dict[str, Any]:
    return front_end_config(
        "s3prl", frontend_conf={"upstream": "fbank"}, download_dir=str(folder)
    )


def matched(states: torch.Tensor, samples: int, rate: int = 320) -> torch.Tensor:
    """Fill states, (time, width), up with the last one: one per begun stride."""
    count = -(-samples // rate)
    rows = torch.arange(count).clamp(max=len(states) - 1)
    return states[rows]


@torch.no_grad()
def every_state(frontend: Any, waveform: torch.Tensor) -> List[torch.Tensor]:
    """Return the states from the models inside, by their own means."""
    expert = frontend.upstream.upstream
    if not hasattr(expert, "model"):
        return [expert([waveform[0]])["hidden_states"][0][0]]
    if hasattr(expert, "extracter"):
        inputs = expert.extracter(
            [waveform[0].numpy()], return_tensors="pt", sampling_rate=16000
        )
        output = expert.model(inputs["input_values"], output_hidden_states=True)
        return [states[0] for states in output.hidden_states]
    model = expert.model
    features = model.layer_norm(model.feature_extractor(waveform).transpose(1, 2))
    if model.post_extract_proj is not None:
        features = model.post_extract_proj(features)
    encoder = model.encoder
    states = [features + encoder.pos_conv(features.transpose(1, 2)).transpose(1, 2)]
    for number in range(1, len(encoder.layers) + 1):
        padding = torch.zeros(waveform.shape, dtype=torch.bool)
        states.append(
            model.extract_features(waveform, padding, mask=False, output_layer=number)[
                0
            ]
        )
    # s3prl takes the last one after the norm.
    states[-1] = encoder.layer_norm(states[-1])
    return [entry[0] for entry in states]


def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    frontend = upstream.model.frontend
    samples, rate = waveform.size(1), frontend.hop_length
    states = [
        matched(entry, samples, rate) for entry in every_state(frontend, waveform)
    ]
    names = ["embed"] + [f"block{number}" for number in range(1, len(states))]
    found = {f"frontend_{name}": value for name, value in zip(names, states)}
    final = states[frontend.layer]
    if frontend.multilayer_feature:
        weights = torch.softmax(frontend.featurizer.weights, dim=0)
        final = sum(weight * entry for weight, entry in zip(weights, states))
    found["frontend_final"] = final
    return {**found, **BLOCKS.reference(upstream, final)}


def case(name: str, make: Any, front: List[str], lengths: Any = LENGTHS) -> FamilyCase:
    listed = [f"frontend_{layer}" for layer in front] + BLOCKS.names
    return FamilyCase(
        name=name,
        config=make,
        lengths=dict.fromkeys(listed, lengths),
        reference=reference,
        needs="s3prl",
        samples=lambda count: 400 * count,
        layers=listed,
        batch_independent=False,
    )


STATES = ["embed", "block1", "block2"]
CASES = [
    case("s3prl_last", hubert(), STATES),
    case("s3prl_one", hubert(layer=1), [*STATES, "final"]),
    case("s3prl_sum", hugging_face, [*STATES, "final"]),
    # Frames of 10 ms.
    case("s3prl_fbank", fbank, ["final"], lengths=[0, 0, 18, 193, 253]),
]
