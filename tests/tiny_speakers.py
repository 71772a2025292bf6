"""Tiny speaker models with random weights, as ESPnet's training would leave them."""

import argparse
from pathlib import Path
from typing import Any, Dict

import torch
import yaml

#: A thin ResNet small enough for a test: 16 values an embedding.
THIN_RESNET: Dict[str, Any] = {
    "frontend": "spectrogram",
    "frontend_conf": {},
    "encoder": "thin_resnet34",
    "encoder_conf": {
        "channels": [4, 6, 8, 12, 16],
        "bottlenecks": [3, 4, 6, 8],
        "blocks": [1, 1, 1, 2],
    },
    "pooling": "ghostvlad",
    "pooling_conf": {"clusters": 3, "ghosts": 1, "embedding_size": 8},
    "projector": "thin_resnet",
    "projector_conf": {"output_size": 16},
    "loss": "amsoftmax",
    "loss_conf": {},
}

#: The GE2E network in its own size.
GE2E: Dict[str, Any] = {
    "frontend": "linear_mel",
    "frontend_conf": {},
    "encoder": "ge2e_lstm",
    "encoder_conf": {},
    "pooling": "last_state",
    "pooling_conf": {},
    "projector": "thin_resnet",
    "projector_conf": {"output_size": 256},
    "loss": "ge2e",
    "loss_conf": {},
}


def speaker_config(**parts: Any) -> Dict[str, Any]:
    """Return the whole configuration of a speaker model of 5 training speakers.

    Args:
        parts: Options of SpeakerTask that replace those of the tiny thin ResNet.
    """
    from espnet2.tasks.spk import SpeakerTask

    from espnet_probe.registration import register_lazily

    register_lazily()
    config: Dict[str, Any] = SpeakerTask.get_default_config()
    config.update(
        **THIN_RESNET,
        spk_num=5,
        sample_rate=16000,
        specaug=None,
        normalize=None,
        preprocessor="spk",
        preprocessor_conf={
            "target_duration": 0.6,
            "sample_rate": 16000,
            "num_eval": 2,
            "rir_apply_prob": 0.0,
            "noise_apply_prob": 0.0,
        },
    )
    config.update(parts)
    return config


def build_speaker(config: Dict[str, Any], seed: int = 0) -> torch.nn.Module:
    """Return the model of a configuration with random weights, in eval mode.

    Args:
        config: As from :func:`speaker_config`.
        seed: Decides the weights.
    """
    from espnet2.tasks.spk import SpeakerTask

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = SpeakerTask.build_model(argparse.Namespace(**config))
    return model.eval()


def write_speaker_exp(folder: Path, seed: int = 0, **parts: Any) -> Path:
    """Write an exp folder with config.yaml and valid.eer.best.pth; return it.

    Args:
        folder: Made if it is not there.
        seed: Decides the weights.
        parts: As for :func:`speaker_config`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = speaker_config(**parts)
    model = build_speaker(config, seed)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.save(model.state_dict(), folder / "valid.eer.best.pth")
    return folder
