"""How each ESPnet task runs its front end and encoder, in evaluation."""

from typing import Any, Callable, Dict, Optional, Tuple

import torch

from espnet_probe.errors import ProbeError

#: (batch, time, width) and (batch,), or None where the task does not tell.
Encoded = Tuple[torch.Tensor, Optional[torch.Tensor]]

#: What OWSM-CTC is told of a recording of which nothing is known: ESPnet's own
#: inference uses the same (``espnet2.bin.s2t_inference_ctc``).
PREFIX = ("<nolang>", "<asr>")


def encode_with(encode: Callable[..., Any], *inputs: torch.Tensor) -> Any:
    """Call a model's ``encode`` and drop the outputs of intermediate CTC layers.

    Args:
        encode: The method.
        inputs: Its arguments.
    """
    encoded, lengths = encode(*inputs)
    return encoded[0] if isinstance(encoded, tuple) else encoded, lengths


def encode_asr(model: Any, speech: torch.Tensor, lengths: torch.Tensor) -> Encoded:
    """Run a model whose ``encode`` takes speech alone: asr, s2t, st, slu, ...

    Args:
        model: The ESPnet model.
        speech: (batch, samples).
        lengths: (batch,), valid samples.
    """
    encoded: Encoded = encode_with(model.encode, speech, lengths)
    return encoded


def prompt_settings(model: Any, task: str) -> Dict[str, Any]:
    """Return the tokens that a model is prompted with, for its hash.

    Args:
        model: The ESPnet model.
        task: Name of its task; only OWSM-CTC's has a prompt.
    """
    if task != "s2t_ctc":
        return {}
    tokens = [token for token in PREFIX if token in model.token_list]
    return {"prompt": [model.token_list.index(token) for token in tokens]}


def encode_s2t_ctc(model: Any, speech: torch.Tensor, lengths: torch.Tensor) -> Encoded:
    """Run OWSM-CTC without language and without a preceding text.

    The prefix tokens stand for no time and are cut off.

    Args:
        model: An ``ESPnetS2TCTCModel``.
        speech: (batch, samples).
        lengths: (batch,), valid samples.

    Raises:
        ProbeError: If the model does not know the tokens.
    """
    missing = [token for token in PREFIX if token not in model.token_list]
    if missing:
        raise ProbeError(
            f"this OWSM-CTC model has no token {' '.join(missing)}, which stands for "
            "speech of unknown language: it cannot be run without a prompt"
        )
    batch = speech.size(0)
    prefix = torch.tensor([[model.token_list.index(token) for token in PREFIX]])
    prefix = prefix.repeat(batch, 1).to(speech.device)
    previous = torch.full((batch, 1), model.na, device=speech.device)
    ones = torch.ones(batch, dtype=torch.long, device=speech.device)
    encoded, encoded_lengths = encode_with(
        model.encode, speech, lengths, previous, ones, prefix, ones * len(PREFIX)
    )
    return encoded[:, len(PREFIX) :], encoded_lengths - len(PREFIX)


def encode_ssl(model: Any, speech: torch.Tensor, lengths: torch.Tensor) -> Encoded:
    """Run a self-supervised model without masking.

    Args:
        model: An ``ESPnetSSLModel``.
        speech: (batch, samples).
        lengths: (batch,), valid samples.
    """
    encoded, _, encoded_lengths = model.inference_encode(speech, lengths)
    return encoded, encoded_lengths


def encode_hubert(model: Any, speech: torch.Tensor, lengths: torch.Tensor) -> Encoded:
    """Run a HuBERT of ESPnet's ``hubert`` task without masking or targets.

    Its own ``encode`` computes the pre-training loss; the encoder underneath, of
    torchaudio or fairseq, is called as for feature extraction.

    Args:
        model: The model of the ``hubert`` task.
        speech: (batch, samples).
        lengths: (batch,), valid samples.
    """
    features, lengths = model._extract_feats(speech, lengths)
    if model.normalize is not None:
        features, lengths = model.normalize(features, lengths)
    if model.preencoder is not None:
        features, lengths = model.preencoder(features, lengths)
    torchaudios = getattr(model.encoder, "hubert_pretrain_model", None)
    if torchaudios is not None:
        encoded, encoded_lengths = torchaudios.wav2vec2(features, lengths)
        return encoded, encoded_lengths
    # Not ESPnet's make_pad_mask: its memory grows with the square of the samples.
    samples = torch.arange(features.size(1), device=features.device)
    mask = samples >= lengths.to(features.device)[:, None]
    output = model.encoder.encoder(
        features, padding_mask=mask, mask=False, features_only=True
    )
    return output["x"], (~output["padding_mask"]).sum(1)


def encode_spk(model: Any, speech: torch.Tensor, lengths: torch.Tensor) -> Encoded:
    """Run a speaker model up to its frame-level features.

    Args:
        model: An ``ESPnetSpeakerModel``; it knows no lengths behind its front end.
        speech: (batch, samples).
        lengths: (batch,), valid samples.
    """
    features, _ = model.extract_feats(speech, lengths)
    # The poolings of ESPnet's speaker models take (batch, width, time).
    return model.encode_frame(features).transpose(1, 2), None


#: Task → how its models are run.
ENCODE: Dict[str, Callable[[Any, torch.Tensor, torch.Tensor], Encoded]] = {
    "asr": encode_asr,
    "s2t": encode_asr,
    "s2t_ctc": encode_s2t_ctc,
    "ssl": encode_ssl,
    "hubert": encode_hubert,
    "st": encode_asr,
    "slu": encode_asr,
    "asr_transducer": encode_asr,
    "spk": encode_spk,
}
