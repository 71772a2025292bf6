"""The encoder of the asr_transducer task."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
from cases.blocks import nested
from family_case import FamilyCase, encoder_inputs, task_class
from tiny_models import TOKENS

SIZES = {"hidden_size": 16, "linear_size": 24}
CONFORMER = {"block_type": "conformer", "conv_mod_kernel_size": 3, **SIZES}
CONV1D = {"block_type": "conv1d", "output_size": 16, "kernel_size": 3, "stride": 2}
BRANCHFORMER = {"block_type": "branchformer", "conv_mod_kernel_size": 3, **SIZES}
E_BRANCHFORMER = {
    "block_type": "ebranchformer",
    "conv_mod_kernel_size": 3,
    "depthwise_conv_kernel_size": 3,
    **SIZES,
}


def config(
    body: List[Dict[str, Any]], **input_conf: Any
) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        task = task_class("asr_transducer")
        whole: Dict[str, Any] = task.get_default_config()
        whole.update(
            token_list=list(TOKENS),
            frontend="delta_logmel",
            frontend_conf={"fs": "16k", "n_mels": 20},
            normalize="utterance_mvn",
            normalize_conf={},
            specaug=None,
            encoder_conf={
                "body_conf": body,
                "input_conf": {"conv_size": 8, **input_conf},
            },
            decoder="rnn",
            decoder_conf={"hidden_size": 8, "embed_size": 8},
            joint_network_conf={"joint_space_size": 8},
        )
        return whole

    return make


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Call the encoder's parts one after the other, without padding or masks."""
    encoder = upstream.model.encoder
    inputs = encoder_inputs(upstream, waveform)
    hidden, _ = encoder.embed(inputs)
    states = {"embed": hidden[0]}
    positions = encoder.pos_enc(hidden)
    mask = torch.zeros(1, hidden.size(1), dtype=torch.bool)
    for number, block in enumerate(encoder.encoders.blocks, start=1):
        hidden, mask, positions = block(hidden, positions, mask)
        states[f"block{number}"] = nested(hidden)[0]
    states["final"] = encoder.encoders.norm_blocks(hidden)[0]
    return states


CASES = [
    FamilyCase(
        name="transducer",
        task="asr_transducer",
        config=config([CONFORMER, BRANCHFORMER, E_BRANCHFORMER], vgg_like=False),
        # Kernel 3 and stride 2, twice.
        lengths={name: [0, 0, 1, 18, 24] for name in ("embed", "block3", "final")},
        reference=reference,
    ),
    FamilyCase(
        name="transducer_conv1d",
        task="asr_transducer",
        config=config([CONFORMER, CONV1D, CONFORMER], vgg_like=False),
        lengths={"block1": [0, 0, 1, 18, 24], "final": [0, 0, 0, 8, 11]},
        reference=reference,
        batch_independent=False,
        # Only where the numbers of states are odd and even in one batch.
        cautious=True,
    ),
    FamilyCase(
        name="transducer_vgg_conv1d",
        task="asr_transducer",
        config=config(
            [CONFORMER, CONV1D, CONFORMER],
            vgg_like=True,
            conv_size=[8, 8],
        ),
        # Two trimmed by a convolution, a pooling by 2 that rounds up, twice; then
        # kernel 3 and stride 2.
        lengths={
            "embed": [0, 0, 1, 18, 24],
            "block1": [0, 0, 1, 18, 24],
            "block2": [0, 0, 0, 8, 11],
            "final": [0, 0, 0, 8, 11],
        },
        reference=reference,
        batch_independent=False,
    ),
]
