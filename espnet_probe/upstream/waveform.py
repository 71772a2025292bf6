"""Waveforms as people have them, made into the batch that a model takes."""

import logging
import os
from typing import List, Sequence, Tuple, Union

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import parse_sampling_rate

#: One utterance, as an array or a tensor.
Single = Union[NDArray[np.floating], torch.Tensor]

#: One utterance, or several of any lengths.
Waveform = Union[Single, Sequence[Single]]


#: Sound files have fewer channels, utterances more samples.
MOST_CHANNELS = 32


def as_batch(
    waveform: Waveform, sampling_rate: Union[int, str], wanted: int
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return waveforms as a padded batch at a model's rate.

    Args:
        waveform: (samples,), (batch, samples), or a sequence of (samples,).
        sampling_rate: Their rate in Hz, or as ESPnet writes it: "16k".
        wanted: The model's rate in Hz.

    Returns:
        (batch, samples) in float32, and (batch,), valid samples.

    Raises:
        ProbeError: If an utterance is not one-dimensional, or the rate is no number
            of samples a second.
    """
    sampling_rate = parse_sampling_rate(sampling_rate)
    if isinstance(waveform, (str, bytes, os.PathLike)):
        raise ProbeError(
            f"got the name {waveform!r}: expected samples, as soundfile.read gives them"
        )
    if isinstance(waveform, (np.ndarray, torch.Tensor)) and waveform.ndim == 2:
        rows, columns = waveform.shape
        if columns <= MOST_CHANNELS < rows:
            raise ProbeError(
                f"a waveform of shape {(rows, columns)} looks like (samples, "
                "channels): choose or mix the channels first"
            )
    single = isinstance(waveform, (np.ndarray, torch.Tensor)) and waveform.ndim == 1
    utterances: List[torch.Tensor] = [
        torch.as_tensor(item) for item in ([waveform] if single else waveform)
    ]
    for item in utterances:
        if item.ndim != 1 or not item.is_floating_point():
            raise ProbeError(
                f"a waveform of shape {tuple(item.shape)} and type {item.dtype}: "
                "expected (samples,) in floating point, one channel"
            )
        if not torch.isfinite(item).all():
            raise ProbeError("a waveform holds values that are no finite numbers")
    if not utterances:
        raise ProbeError("no waveform was given")
    if sampling_rate != wanted:
        logging.info("resampling from %d to %d Hz", sampling_rate, wanted)
        utterances = [
            (
                torchaudio.functional.resample(item.float(), sampling_rate, wanted)
                # It cannot resample nothing; that is refused with its length later.
                if item.numel()
                else item.float()
            )
            for item in utterances
        ]
    lengths = torch.tensor([item.numel() for item in utterances])
    rows = [item.float() for item in utterances]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths
