"""Self-supervised models of Hugging Face as front ends."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
from family_case import FamilyCase
from raw_configs import BLOCKS, front_end_config
from tiny_pretrained import hugging_face_folder

TRANSFORMER = ["-attention", "-feedforward"]
CONFORMER = ["-feedforward_macaron", "-attention", "-convolution", "-feedforward"]

#: 45 samples a count: 45, 90, 315, 3465, 4545; a state per 80, the first at 85.
LENGTHS = [0, 1, 3, 43, 56]


def layers(parts: List[str], final: bool) -> List[str]:
    names = ["embed"]
    for number in (1, 2):
        names += [f"block{number}{part}" for part in [*parts, ""]]
    return [f"frontend_{name}" for name in names + ["final"] * final]


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    frontend = upstream.model.frontend
    inputs = frontend.processor(
        [waveform[0].numpy()], return_tensors="pt", sampling_rate=16000, padding=True
    )
    output = frontend.encoder(**inputs, output_hidden_states=True)
    _, lengths = frontend(waveform, torch.tensor([waveform.size(1)]))
    # A w2v-BERT also has a state for a frame that fills the last pair up.
    count = int(lengths[0])
    embed, *blocks = [states[0] for states in output.hidden_states]
    found = {"frontend_embed": embed}
    found.update({f"frontend_block{n}": s for n, s in enumerate(blocks, start=1)})
    found["frontend_final"] = output.last_hidden_state[0]
    if not frontend.waveform_input:
        found = {name: states[:count] for name, states in found.items()}
    frames = output.last_hidden_state[0, :count]
    return {**found, **BLOCKS.reference(upstream, frames)}


def case(
    name: str,
    kind: str,
    parts: List[str],
    final: bool,
    batch_independent: bool = True,
    lengths: Any = None,
    samples: Callable[[int], int] = lambda count: 45 * count,
    **settings: Any,
) -> FamilyCase:
    def make(folder: Path) -> Dict[str, Any]:
        model = hugging_face_folder(folder / kind, kind, **settings)
        return front_end_config("huggingface", model=model)

    listed = layers(parts, final)
    counts = dict.fromkeys(listed + BLOCKS.names, LENGTHS)
    return FamilyCase(
        name=name,
        config=make,
        lengths={**counts, **(lengths or {})},
        reference=reference,
        needs="transformers",
        samples=samples,
        layers=listed + BLOCKS.names,
        batch_independent=batch_independent,
    )


W2V_BERT = layers(CONFORMER, final=False)
ADAPTED = [0, 1, 2, 22, 28]
CASES = [
    case("wav2vec2_base", "wav2vec2", TRANSFORMER, False, batch_independent=False),
    case(
        "hubert_large",
        "hubert",
        TRANSFORMER,
        True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    ),
    case(
        "wavlm_large",
        "wavlm",
        TRANSFORMER,
        True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    ),
    case(
        "w2v_bert",
        "wav2vec2-bert",
        CONFORMER,
        False,
        # 400 samples a count: 400, 800, 2800, 30800, 40400. (samples - 400) // 160 + 1
        # frames: 1, 3, 16, 191, 251; a state per pair.
        samples=lambda count: 400 * count,
        lengths=dict.fromkeys(W2V_BERT + BLOCKS.names, [0, 1, 8, 95, 125]),
    ),
    case(
        "wav2vec2_conformer",
        "wav2vec2-conformer",
        CONFORMER,
        True,
        batch_independent=False,
        feat_extract_norm="layer",
    ),
    case(
        "wav2vec2_adapter",
        "wav2vec2",
        TRANSFORMER,
        True,
        batch_independent=False,
        feat_extract_norm="layer",
        add_adapter=True,
        num_adapter_layers=1,
        # A convolution of stride 2 over the states.
        lengths=dict.fromkeys(["frontend_final", *BLOCKS.names], ADAPTED),
    ),
]
