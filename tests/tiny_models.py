"""Tiny ASR models with random weights, as ESPnet's training would leave them."""

import argparse
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
import yaml

TOKENS = ["<blank>", "<unk>", "a", "b", "c", "<sos/eos>"]

#: ESPnet's names and settings of the encoders, small enough for a test.
ENCODERS: Dict[str, Dict[str, Any]] = {
    "blstm": {
        "encoder": "rnn",
        "encoder_conf": {
            "use_projection": True,
            "num_layers": 5,
            "hidden_size": 12,
            "output_size": 16,
            "subsample": [1, 2, 2, 2, 1],
        },
    },
    "blstm_plain": {
        "encoder": "rnn",
        "encoder_conf": {
            "use_projection": False,
            "num_layers": 3,
            "hidden_size": 12,
            "output_size": 16,
        },
    },
    "vgg_blstm": {
        "encoder": "vgg_rnn",
        "encoder_conf": {
            "use_projection": True,
            "num_layers": 5,
            "hidden_size": 12,
            "output_size": 16,
            "in_channel": 3,
        },
    },
    "vgg_gru_plain": {
        "encoder": "vgg_rnn",
        "encoder_conf": {
            "use_projection": False,
            "rnn_type": "gru",
            "bidirectional": False,
            "num_layers": 2,
            "hidden_size": 12,
            "output_size": 16,
            "in_channel": 3,
        },
    },
}


def asr_config(
    encoder: str, encoder_conf: Optional[Dict[str, Any]] = None, n_mels: int = 80
) -> Dict[str, Any]:
    """Return the whole configuration of a CTC model.

    Args:
        encoder: A key of ENCODERS.
        encoder_conf: Overrides its settings.
        n_mels: Bands of the delta front end; fewer make it quicker.
    """
    from espnet2.tasks.asr import ASRTask

    from espnet_probe.registration import register

    register()
    config: Dict[str, Any] = ASRTask.get_default_config()
    config.update(
        token_list=list(TOKENS),
        frontend="delta_logmel",
        frontend_conf={"fs": "16k", "n_mels": n_mels},
        normalize="utterance_mvn",
        normalize_conf={},
        specaug=None,
        decoder=None,
        model_conf={"ctc_weight": 1.0},
        encoder=ENCODERS[encoder]["encoder"],
        encoder_conf={**ENCODERS[encoder]["encoder_conf"], **(encoder_conf or {})},
    )
    return config


def conformer_config(n_mels: int = 20) -> Dict[str, Any]:
    """Return the whole configuration of a CTC model with two Conformer blocks.

    Args:
        n_mels: Bands of the delta front end.
    """
    config = asr_config("blstm_plain", n_mels=n_mels)
    config.update(
        encoder="conformer",
        encoder_conf={
            "output_size": 16,
            "attention_heads": 2,
            "linear_units": 24,
            "num_blocks": 2,
            "cnn_module_kernel": 7,
            "rel_pos_type": "latest",
        },
    )
    return config


def build(config: Dict[str, Any], seed: int = 0) -> torch.nn.Module:
    """Return the model of a configuration with random weights.

    Args:
        config: As from :func:`asr_config`.
        seed: Decides the weights.
    """
    from espnet2.tasks.asr import ASRTask

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = ASRTask.build_model(argparse.Namespace(**config))
    return model.eval()


def write_exp(folder: Path, config: Dict[str, Any], seed: int = 0) -> Path:
    """Write an exp folder with config.yaml and valid.loss.ave.pth; return it.

    Args:
        folder: Made if it is not there.
        config: As from :func:`asr_config`.
        seed: Decides the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = build(config, seed)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.save(model.state_dict(), folder / "valid.loss.ave.pth")
    return folder


def noise_batch(lengths: List[int], seed: int = 1) -> torch.Tensor:
    """Return padded white noise, (batch, samples), zero behind each end.

    Args:
        lengths: Samples of each item.
        seed: Decides the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator)
    for row, length in zip(batch, lengths):
        row[length:] = 0
    return batch
