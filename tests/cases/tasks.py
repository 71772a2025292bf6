"""Models of the tasks beside asr: the same encoders, run in the task's own way."""

from pathlib import Path
from typing import Any, Callable, Dict

import torch
from cases.blocks import CGMLP, CONV2D, FEED_FORWARD, SIZES, reference, truncated
from family_case import FamilyCase, task_class
from tiny_models import TOKENS

#: The special tokens that OWSM models have.
OWSM_TOKENS = ["<blank>", "<unk>", "<na>", "<nolang>", "<asr>", "<sop>", "a", "b"]
OWSM_TOKENS += ["<sos>", "<eos>", "<sos/eos>"]

FRONT_END = {
    "frontend": "delta_logmel",
    "frontend_conf": {"fs": "16k", "n_mels": 20},
    "normalize": "utterance_mvn",
    "normalize_conf": {},
    "specaug": None,
}
DECODER = {"attention_heads": 2, "linear_units": 16, "num_blocks": 1}
E_BRANCHFORMER = {
    **SIZES,
    **CGMLP,
    **FEED_FORWARD,
    "use_ffn": True,
    "macaron_ffn": True,
}


def config(task: str, **settings: Any) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        whole: Dict[str, Any] = task_class(task).get_default_config()
        whole.update({"token_list": list(TOKENS), **FRONT_END, **settings})
        return whole

    return make


@torch.no_grad()
def owsm_ctc(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Run the model's own ``encode`` with the prompt and fewer and fewer blocks."""
    model = upstream.model
    whole = model.encoder
    states = {}
    try:
        for number in (1, 2, 3, "final"):
            if number != "final":
                model.encoder = truncated(whole, number)
            else:
                model.encoder = whole
            prefix = torch.tensor(
                [[OWSM_TOKENS.index(t) for t in ("<nolang>", "<asr>")]]
            )
            encoded, _ = model.encode(
                waveform,
                torch.tensor([waveform.size(1)]),
                torch.tensor([[OWSM_TOKENS.index("<na>")]]),
                torch.tensor([1]),
                prefix,
                torch.tensor([2]),
            )
            name = number if number == "final" else f"block{number}"
            states[name] = model.frames(encoded, prefix)[0]
        features, lengths = model._extract_feats(
            waveform, torch.tensor([waveform.size(1)])
        )
        features, _ = model.normalize(features, lengths)
        mask = torch.ones(1, 1, features.size(1), dtype=torch.bool)
        embeddings = model.embed_proj(model.embed(prefix))
        (hidden, _), _ = whole.embed(features, mask, embeddings)
        states["embed"] = hidden[0, 2:]
    finally:
        model.encoder = whole
    return states


Reference = Callable[[Any, torch.Tensor], Dict[str, torch.Tensor]]


def filled(whole: Reference) -> Reference:
    """Put zeros behind the waveform; the states of the silence are left out."""

    def states(upstream: Any, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
        missing = 4 * 16000 - waveform.size(1)
        found = whole(upstream, torch.nn.functional.pad(waveform, (0, missing)))
        frames = 1 + waveform.size(1) // 200
        count = ((frames - 3) // 2 + 1 - 3) // 2 + 1
        return {name: value[:count] for name, value in found.items()}

    return states


def blocks(count: int) -> Dict[str, Any]:
    listed = ["embed", *(f"block{k}" for k in range(1, count + 1)), "final"]
    return {name: CONV2D for name in listed}


OWSM_CTC = {
    "token_list": OWSM_TOKENS,
    "encoder": "e_branchformer_ctc",
    "encoder_conf": {
        **E_BRANCHFORMER,
        "input_layer": "conv2d",
        "use_cross_attention": [True, False, True],
    },
    "promptencoder": "transformer",
    "promptencoder_conf": {**SIZES, **FEED_FORWARD, "output_size": 8},
    "model_conf": {"sym_sop": "<sop>", "sym_na": "<na>"},
}

#: Kernel and stride of wav2vec 2.0's convolutions, with fewer channels.
CNN = [[8, 10, 5], [8, 3, 2], [8, 3, 2], [8, 3, 2], [8, 3, 2], [8, 2, 2], [8, 2, 2]]


def waveform_samples(count: int) -> int:
    """Return samples for ``count`` frames of wav2vec 2.0's convolutions."""
    return 400 + 320 * (count - 1) + 7


CASES = [
    FamilyCase(
        name="s2t",
        task="s2t",
        config=config(
            "s2t",
            token_list=OWSM_TOKENS,
            encoder="transformer",
            encoder_conf={**SIZES, **FEED_FORWARD},
            decoder="transformer",
            decoder_conf=DECODER,
            model_conf={"sym_sop": "<sop>", "sym_na": "<na>"},
            preprocessor_conf={},
        ),
        lengths=blocks(3),
        reference=reference,
    ),
    FamilyCase(
        name="s2t_filled_to_four_seconds",
        task="s2t",
        config=config(
            "s2t",
            token_list=OWSM_TOKENS,
            # Alone it depends on the batch; among equally long items it cannot.
            frontend="default",
            frontend_conf={"fs": "16k", "hop_length": 200, "n_mels": 20},
            encoder="transformer",
            encoder_conf={**SIZES, **FEED_FORWARD},
            decoder="transformer",
            decoder_conf=DECODER,
            model_conf={"sym_sop": "<sop>", "sym_na": "<na>"},
            preprocessor_conf={"fs": 16000, "speech_length": 4},
        ),
        lengths=blocks(3),
        reference=filled(reference),
    ),
    FamilyCase(
        name="s2t_ctc",
        task="s2t_ctc",
        config=config("s2t_ctc", **OWSM_CTC, preprocessor_conf={}),
        lengths=blocks(3),
        reference=owsm_ctc,
    ),
    FamilyCase(
        name="s2t_ctc_filled_to_four_seconds",
        task="s2t_ctc",
        config=config("s2t_ctc", **OWSM_CTC, preprocessor_conf={"speech_length": 4}),
        lengths=blocks(3),
        reference=filled(owsm_ctc),
    ),
    FamilyCase(
        name="st",
        task="st",
        config=config(
            "st",
            src_token_list=list(TOKENS),
            encoder="conformer",
            encoder_conf={**SIZES, **FEED_FORWARD, "rel_pos_type": "latest"},
            decoder="transformer",
            decoder_conf=DECODER,
            extra_asr_decoder="transformer",
            extra_asr_decoder_conf=DECODER,
            extra_mt_decoder="transformer",
            extra_mt_decoder_conf=DECODER,
        ),
        lengths=blocks(3),
        reference=reference,
    ),
    FamilyCase(
        name="slu",
        task="slu",
        config=config(
            "slu",
            encoder="branchformer",
            encoder_conf={**SIZES, **CGMLP},
            decoder="transformer",
            decoder_conf=DECODER,
        ),
        lengths=blocks(3),
        reference=reference,
    ),
    FamilyCase(
        name="ssl",
        task="ssl",
        config=config(
            "ssl",
            frontend="wav2vec_cnn",
            frontend_conf={
                "norm_mode": "layer_norm",
                "conv_mode": "standard",
                "bias": True,
                "shapes": CNN,
            },
            preencoder="linear",
            preencoder_conf={"output_size": 16},
            encoder="e_branchformer",
            encoder_conf={**E_BRANCHFORMER, "input_layer": None},
            loss=[{"name": "hubert", "conf": {"num_classes": 5, "final_dim": 8}}],
        ),
        lengths={
            name: [1, 2, 7, 77, 101] for name in ("embed", "block1", "block3", "final")
        },
        samples=waveform_samples,
        reference=reference,
    ),
]
