"""Models that ESPnet's ssl task trained as front ends."""

import argparse
from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
import yaml
from family_case import FamilyCase, task_class
from raw_configs import BLOCKS, front_end_config
from tiny_pretrained import CONVOLUTIONS

#: 45 samples a count: 45, 90, 315, 3465, 4545; a state per 80, the first at 85.
LENGTHS = [0, 1, 3, 43, 56]

NAMES = ["embed"] + [
    f"block{number}{part}"
    for number in (1, 2)
    for part in ("-attention", "-feedforward", "")
]


def ssl_config(norm: str) -> Dict[str, Any]:
    config: Dict[str, Any] = task_class("ssl").get_default_config()
    config.update(
        token_list=["a", "b", "c", "d"],
        frontend="wav2vec_cnn",
        frontend_conf={
            "norm_mode": norm,
            "conv_mode": "standard",
            "bias": True,
            "shapes": CONVOLUTIONS,
        },
        specaug=None,
        normalize=None,
        preencoder="linear",
        preencoder_conf={"output_size": 12},
        encoder="transformer",
        encoder_conf={
            "output_size": 12,
            "attention_heads": 2,
            "linear_units": 16,
            "num_blocks": 2,
            "input_layer": "linear",
        },
        loss=[{"name": "hubert", "conf": {"num_classes": 4, "final_dim": 8}}],
        util=[{"name": "mask", "conf": {}}],
    )
    return config


def trained(norm: str = "layer_norm", **conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        config = ssl_config(norm)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            model = task_class("ssl").build_model(argparse.Namespace(**config))
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        torch.save(model.state_dict(), folder / "model.pth")
        path = str(folder / "model.pth")
        return front_end_config(
            "espnet_ssl", frontend_conf={"path_or_url": path}, **conf
        )

    return make


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    frontend = upstream.model.frontend
    model = frontend.upstream
    lengths = torch.tensor([waveform.size(1)])
    features, counts = model.frontend(waveform, lengths)
    features, counts = model.preencoder(features, counts)
    found = {"frontend_embed": model.encoder.embed(features)[0]}
    _, blocks, _ = model.inference_encode(waveform, lengths)
    for number, states in enumerate(blocks, start=1):
        found[f"frontend_block{number}"] = states[0]
    output = blocks[frontend.layer][0]
    if frontend.multilayer_feature:
        weights = torch.softmax(frontend.featurizer.weights, dim=0)
        output = weights[0] * blocks[0][0] + weights[1] * blocks[1][0]
    found["frontend_final"] = output
    return {**found, **BLOCKS.reference(upstream, output)}


def case(name: str, make: Any, final: bool, **others: Any) -> FamilyCase:
    front: List[str] = [*NAMES, "final"] if final else NAMES
    listed = [f"frontend_{layer}" for layer in front] + BLOCKS.names
    return FamilyCase(
        name=name,
        config=make,
        lengths=dict.fromkeys(listed, LENGTHS),
        reference=reference,
        samples=lambda count: 45 * count,
        layers=listed,
        **others,
    )


CASES = [
    case("espnet_ssl_last", trained(), final=False),
    case("espnet_ssl_sum", trained(multilayer_feature=True), final=True),
    case(
        "espnet_ssl_first",
        trained("group_norm", layer=0),
        final=True,
        batch_independent=False,
    ),
]
