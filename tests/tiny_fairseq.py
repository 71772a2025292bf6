"""Tiny random models of fairseq, on disk where ESPnet looks for them."""

import argparse
from pathlib import Path
from typing import Any, Dict

import torch
import yaml
from tiny_pretrained import WIDTH

#: fairseq's way to write the convolutions of tiny_pretrained.
CONVOLUTIONS = "[(16, 10, 5), (16, 4, 4), (16, 4, 4)]"

#: Sizes that wav2vec 2.0 and HuBERT share.
SIZES: Dict[str, Any] = dict(
    conv_feature_layers=CONVOLUTIONS,
    encoder_layers=2,
    encoder_embed_dim=WIDTH,
    encoder_ffn_embed_dim=24,
    encoder_attention_heads=2,
    conv_pos=4,
    conv_pos_groups=2,
    final_dim=8,
)


def hubert_task_config(**conf: Any) -> Dict[str, Any]:
    """Return the configuration of a HuBERT of ESPnet's ``hubert`` task.

    Args:
        conf: Settings of the encoder.
    """
    from family_case import task_class

    config: Dict[str, Any] = task_class("hubert").get_default_config()
    config.update(
        frontend=None,
        frontend_conf={},
        specaug=None,
        normalize=None,
        input_size=1,
        token_list=["a", "b", "c", "d"],
        num_classes=4,
        encoder="hubert_pretrain",
        encoder_conf=dict(
            output_size=WIDTH,
            linear_units=24,
            attention_heads=2,
            num_blocks=2,
            label_rate=50,
            conv_feature_layers=CONVOLUTIONS,
            conv_pos=4,
            conv_pos_groups=2,
            **conf,
        ),
        model="fairseq",
    )
    return config


def hubert_of_espnet(folder: Path, **conf: Any) -> str:
    """Make a HuBERT that ESPnet's ``hubert`` task could have left.

    Args:
        folder: Its exp folder; ``config.yaml`` is written there.
        conf: Settings of the encoder.

    Returns:
        The file with its weights.
    """
    from family_case import task_class

    config = hubert_task_config(**conf)
    model = task_class("hubert").build_model(argparse.Namespace(**config))
    config["hubert_dict"] = "dict.txt"
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.save(model.state_dict(), folder / "model.pth")
    return str(folder / "model.pth")


def wav2vec2_checkpoint(folder: Path, **conf: Any) -> str:
    """Make a checkpoint of wav2vec 2.0 as fairseq saves it.

    Args:
        folder: Where ESPnet looks for downloaded models.
        conf: Settings of the model.

    Returns:
        An address with the file's name; the file is there already.
    """
    from fairseq.dataclass.configs import FairseqConfig
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
    from fairseq.tasks.audio_pretraining import AudioPretrainingConfig
    from omegaconf import OmegaConf

    settings = OmegaConf.structured(Wav2Vec2Config)
    for key, value in {**SIZES, **conf}.items():
        settings[key] = value
    model = Wav2Vec2Model(settings)
    settings["_name"] = "wav2vec2"
    task = OmegaConf.structured(AudioPretrainingConfig)
    task["_name"] = "audio_pretraining"
    task["data"] = str(folder)
    whole = OmegaConf.create(
        {
            **OmegaConf.to_container(OmegaConf.structured(FairseqConfig)),
            "model": settings,
            "task": task,
            "criterion": {"_name": "wav2vec"},
        }
    )
    torch.save(
        {
            "cfg": OmegaConf.to_container(whole, enum_to_str=True),
            "args": None,
            "model": model.state_dict(),
            "extra_state": {"epoch": 1, "batch_offset": 0, "val_loss": None},
            "optimizer_history": [{"num_updates": 0, "lr_scheduler_state": {}}],
            "task_state": {},
            "last_optimizer_state": {},
        },
        folder / "tiny_wav2vec2.pt",
    )
    return "https://models.invalid/tiny_wav2vec2.pt"
