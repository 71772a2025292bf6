"""Speaker models, whose encoders no family knows: layers by module path."""

from pathlib import Path
from typing import Any, Dict

import torch
from family_case import FamilyCase, task_class


def config(folder: Path) -> Dict[str, Any]:
    whole: Dict[str, Any] = task_class("spk").get_default_config()
    whole.update(
        frontend="melspec_torch",
        frontend_conf={"n_mels": 20},
        specaug=None,
        normalize=None,
        encoder="ecapa_tdnn",
        encoder_conf={"ndim": 16, "output_size": 24, "model_scale": 4},
        projector_conf={"output_size": 8},
        loss="aamsoftmax",
        loss_conf={},
        spk_num=3,
    )
    return whole


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Add up the blocks by hand."""
    model = upstream.model
    encoder = model.encoder
    features, _ = model.extract_feats(waveform, torch.tensor([waveform.size(1)]))
    states = {"conv": encoder.conv(features.transpose(1, 2))}
    states["bn"] = total = encoder.bn(torch.relu(states["conv"]))
    for number in (1, 2, 3):
        states[f"layer{number}"] = getattr(encoder, f"layer{number}")(total)
        total = total + states[f"layer{number}"]
    every = torch.cat([states[f"layer{number}"] for number in (1, 2, 3)], dim=1)
    states["layer4"] = encoder.layer4(every)
    states["final"] = torch.relu(states["layer4"])
    return {name: value[0].T for name, value in states.items()}


def samples(count: int) -> int:
    """Return samples for ``count`` frames of a centred STFT with hop 160."""
    return 160 * (count - 1) + 400


CASES = [
    FamilyCase(
        name="ecapa_tdnn",
        task="spk",
        config=config,
        # torchaudio's STFT is centred: 1 + samples // 160 frames, two more than
        # the window of 400 samples leaves without.
        lengths={name: [3, 4, 9, 79, 103] for name in ("conv", "layer2", "final")},
        samples=samples,
        reference=reference,
        batch_independent=False,
        cautious=True,
    ),
]
