"""Tiny random models of other libraries, on disk where ESPnet looks for them."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict

import torch

#: Channels, kernel and stride of the convolutions of most of them: 80 samples a state,
#: the first at 10 + 3 x 5 + 3 x 20 = 85 samples.
CONVOLUTIONS = [[16, 10, 5], [16, 4, 4], [16, 4, 4]]

WIDTH = 16

#: States after which Whisper's positions are used up.
WHISPER_POSITIONS = 140


def whisper_checkpoint(folder: Path, positions: int = WHISPER_POSITIONS) -> str:
    """Make a Whisper that ESPnet loads by name from its download folder.

    The name is put into whisper's table of known models, with an address that ends, as
    whisper's do, with the file's SHA-256 and name; nothing is fetched from there.

    Args:
        folder: What ESPnet is told as ``download_dir``.
        positions: The longest it can hear, in states of 320 samples.

    Returns:
        The model's name.
    """
    import whisper

    dims = whisper.model.ModelDimensions(
        n_mels=80,
        n_audio_ctx=positions,
        n_audio_state=WIDTH,
        n_audio_head=2,
        n_audio_layer=2,
        n_vocab=20,
        n_text_ctx=8,
        n_text_state=WIDTH,
        n_text_head=2,
        n_text_layer=1,
    )
    model = whisper.model.Whisper(dims)
    name = "tiny-probe"
    path = folder / f"{name}.pt"
    torch.save({"dims": asdict(dims), "model_state_dict": model.state_dict()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    whisper._MODELS[name] = f"https://models.invalid/{digest}/{path.name}"
    # No alignment heads are needed to encode.
    whisper._ALIGNMENT_HEADS[name] = None
    return name


def hugging_face_folder(folder: Path, kind: str, **settings: Any) -> str:
    """Make a speech model with its feature extractor, as ``from_pretrained`` reads it.

    Args:
        folder: Where to.
        kind: Its ``model_type``, such as "hubert".
        settings: More entries of its configuration.

    Returns:
        The folder.
    """
    from transformers import (
        AutoConfig,
        AutoModel,
        SeamlessM4TFeatureExtractor,
        Wav2Vec2FeatureExtractor,
    )

    sizes: Dict[str, Any] = dict(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    if kind == "wav2vec2-bert":
        sizes.update(feature_projection_input_dim=160)
    else:
        sizes.update(
            conv_dim=[channels for channels, _, _ in CONVOLUTIONS],
            conv_kernel=[kernel for _, kernel, _ in CONVOLUTIONS],
            conv_stride=[stride for _, _, stride in CONVOLUTIONS],
            num_feat_extract_layers=len(CONVOLUTIONS),
        )
    config = AutoConfig.for_model(kind, **{**sizes, **settings})
    AutoModel.from_config(config).save_pretrained(folder)
    if kind == "wav2vec2-bert":
        SeamlessM4TFeatureExtractor().save_pretrained(folder)
    else:
        masked = settings.get("feat_extract_norm") == "layer"
        Wav2Vec2FeatureExtractor(
            do_normalize=True, return_attention_mask=masked
        ).save_pretrained(folder)
    return str(folder)


def s3prl_hubert(path: Path, **settings: Any) -> str:
    """Make a HuBERT in the form that s3prl keeps: without fairseq.

    Its convolutions are HuBERT's own, 320 samples a state, as s3prl takes for granted.

    Args:
        path: The file.
        settings: More entries of its configuration.

    Returns:
        The file.
    """
    from s3prl.upstream.hubert.hubert_model import (
        HubertConfig,
        HubertModel,
        HubertPretrainingConfig,
    )

    config = HubertConfig(
        label_rate=50,
        encoder_layers=2,
        encoder_embed_dim=WIDTH,
        encoder_ffn_embed_dim=24,
        encoder_attention_heads=2,
        conv_feature_layers="[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2",
        conv_pos=4,
        conv_pos_groups=2,
        final_dim=8,
        **settings,
    )
    task = HubertPretrainingConfig(label_rate=50, sample_rate=16000)
    symbols = [["a", "b"]]
    model = HubertModel(config, task, symbols)
    torch.save(
        {
            "task_cfg": asdict(task),
            "model_cfg": asdict(config),
            "model_weight": model.state_dict(),
            "dictionaries_symbols": symbols,
        },
        path,
    )
    return str(path)


def text_model(folder: Path, kind: str) -> str:
    """Make a language model, as ``from_pretrained`` reads it.

    Args:
        folder: Where to.
        kind: "t5", "gpt2" or "bert".

    Returns:
        The folder.
    """
    from transformers import AutoConfig, AutoModel

    sizes: Dict[str, Dict[str, Any]] = {
        "t5": dict(d_model=WIDTH, d_kv=8, d_ff=24, num_layers=2, num_heads=2),
        "gpt2": dict(n_embd=WIDTH, n_layer=2, n_head=2, n_positions=512),
        "bert": dict(
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=24,
        ),
    }
    config = AutoConfig.for_model(kind, vocab_size=30, **sizes[kind])
    AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)
