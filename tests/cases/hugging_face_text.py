"""Language models of Hugging Face over the states of a speech encoder."""

import copy
from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
from family_case import FamilyCase, encoder_inputs
from raw_configs import BLOCKS
from reference_stacks import first
from tiny_models import asr_config
from tiny_pretrained import text_model

IDENTITY = torch.nn.Identity()
STATES = ["postencoder_embed", "postencoder_block1", "postencoder_block2"]


def config(kind: str, **conf: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        whole = asr_config("blstm", n_mels=20)
        whole.update(
            encoder="transformer",
            encoder_conf={
                "output_size": 8,
                "attention_heads": 2,
                "linear_units": 12,
                "num_blocks": 1,
                "input_layer": "linear",
            },
            postencoder="hugging_face_transformers",
            postencoder_conf={
                "model_name_or_path": text_model(folder / kind, kind),
                **conf,
            },
        )
        return whole

    return make


@torch.no_grad()
def reference(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    frames = encoder_inputs(upstream, waveform)[0]
    found = BLOCKS.reference(upstream, frames)
    after = upstream.model.postencoder
    inputs = after.length_adaptor(found["final"].T[None]).transpose(1, 2)
    states = after.linear_in(inputs)
    if hasattr(after.transformer, "layer"):
        # A BertEncoder on its own does not return its hidden states.
        every = [states]
        for layer in after.transformer.layer:
            every.append(first(layer(every[-1])))
        return {**found, **dict(zip(STATES, (value[0] for value in every)))}
    # ESPnet gives GPT-2 a mask of zeros, with which it looks ahead, too.
    mask = torch.zeros(1, 1, 1, states.size(1))
    if not after.extend_attention_mask:
        mask = torch.ones(1, states.size(1))
    inputs = {"inputs_embeds": states, "attention_mask": mask}
    output = after.transformer(**inputs, output_hidden_states=True)
    *every, final = output.hidden_states
    found["postencoder_final"] = final[0]
    # Without the last norm the last block's own.
    bare = copy.deepcopy(after.transformer)
    setattr(bare, "ln_f" if hasattr(bare, "ln_f") else "final_layer_norm", IDENTITY)
    every.append(bare(**inputs).last_hidden_state)
    return {**found, **dict(zip(STATES, (value[0] for value in every)))}


def case(
    name: str, make: Any, final: bool, lengths: Any, batch_independent: bool = True
) -> FamilyCase:
    after: List[str] = [*STATES, "postencoder_final"] if final else STATES
    return FamilyCase(
        name=name,
        config=make,
        lengths=dict.fromkeys(after, lengths),
        reference=reference,
        needs="transformers",
        layers=BLOCKS.names + after,
        batch_independent=batch_independent,
    )


CASES = [
    case(
        "post_t5",
        config("t5", length_adaptor_n_layers=1),
        final=True,
        # Pairs of the encoder's states.
        lengths=[0, 1, 3, 38, 50],
    ),
    case("post_gpt2", config("gpt2"), final=True, lengths=[1, 2, 7, 77, 101]),
    case("post_bert", config("bert"), final=False, lengths=[1, 2, 7, 77, 101]),
]
