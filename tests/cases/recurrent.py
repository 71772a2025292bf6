"""RNN and VGG-RNN encoders; expected states from hand-written forward passes."""

from typing import Any, Dict

import torch
from family_case import FamilyCase, encoder_inputs
from reference_encoders import encoder_states
from tiny_models import asr_config


def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    return encoder_states(upstream.model.encoder, encoder_inputs(upstream, waveform)[0])


# ESPnet's pooled lengths, written out by hand: ceil(ceil(T / 2) / 2) for the VGG,
# (T + 1) // 2 for each down-sampling of RNNP.
CASES = [
    FamilyCase(
        name="blstm",
        config=lambda folder: asr_config("blstm", n_mels=20),
        lengths={
            "blstm1": [1, 2, 7, 77, 101],
            "blstm2": [1, 1, 4, 39, 51],
            "blstm3": [1, 1, 2, 20, 26],
            "blstm4": [1, 1, 1, 10, 13],
            "blstm5": [1, 1, 1, 10, 13],
        },
        reference=reference,
        layers=[f"blstm{k}" for k in range(1, 6)],
    ),
    FamilyCase(
        name="blstm_plain",
        config=lambda folder: asr_config("blstm_plain", n_mels=20),
        lengths={f"blstm{k}": [1, 2, 7, 77, 101] for k in (1, 2, 3)},
        reference=reference,
    ),
    FamilyCase(
        name="vgg_blstm",
        config=lambda folder: asr_config("vgg_blstm", n_mels=20),
        lengths={
            "cnn1": [1, 2, 7, 77, 101],
            "cnn2": [1, 1, 4, 39, 51],
            "cnn3": [1, 1, 4, 39, 51],
            "cnn4": [1, 1, 2, 20, 26],
            "blstm1": [1, 1, 2, 20, 26],
            "blstm5": [1, 1, 2, 20, 26],
        },
        reference=reference,
        layers=[f"cnn{k}" for k in range(1, 5)] + [f"blstm{k}" for k in range(1, 6)],
        batch_independent=False,
    ),
    FamilyCase(
        name="vgg_gru_plain",
        config=lambda folder: asr_config("vgg_gru_plain", n_mels=20),
        lengths={"cnn4": [1, 1, 2, 20, 26], "gru2": [1, 1, 2, 20, 26]},
        reference=reference,
        batch_independent=False,
    ),
]
