"""One file per encoder family: the names of its layers and where each is tapped."""

from typing import List, Optional, Type

import torch

from espnet_probe.layers.families.abs_family import AbsFamily
from espnet_probe.layers.families.avhubert import AVHubertFamily
from espnet_probe.layers.families.beats import BeatsFamily
from espnet_probe.layers.families.branchformer import BranchformerFamily
from espnet_probe.layers.families.conformer import ConformerFamily
from espnet_probe.layers.families.contextual_block import ContextualBlockFamily
from espnet_probe.layers.families.e_branchformer_ctc import EBranchformerCTCFamily
from espnet_probe.layers.families.fairseq_hubert import (
    FairseqHubertFamily,
    FairseqHubertPretrainFamily,
)
from espnet_probe.layers.families.fairseq_wav2vec2 import FairseqWav2Vec2Family
from espnet_probe.layers.families.hugging_face import (
    HuggingFaceEncoderFamily,
    HuggingFacePostEncoderFamily,
)
from espnet_probe.layers.families.linear import LinearFamily
from espnet_probe.layers.families.longformer import LongformerFamily
from espnet_probe.layers.families.rnn import RNNFamily
from espnet_probe.layers.families.torchaudio_hubert import TorchAudioHuBERTFamily
from espnet_probe.layers.families.transducer import TransducerFamily
from espnet_probe.layers.families.transformer import TransformerFamily
from espnet_probe.layers.families.vgg_rnn import VGGRNNFamily
from espnet_probe.layers.families.whisper import WhisperFamily

FAMILIES: List[Type[AbsFamily]] = [
    RNNFamily,
    VGGRNNFamily,
    TransformerFamily,
    # Before the Conformer, whose subclass ESPnet's Longformer is.
    LongformerFamily,
    ConformerFamily,
    BranchformerFamily,
    EBranchformerCTCFamily,
    ContextualBlockFamily,
    TransducerFamily,
    LinearFamily,
    WhisperFamily,
    TorchAudioHuBERTFamily,
    FairseqHubertFamily,
    FairseqHubertPretrainFamily,
    FairseqWav2Vec2Family,
    AVHubertFamily,
    BeatsFamily,
    HuggingFaceEncoderFamily,
    HuggingFacePostEncoderFamily,
]


def find_family(encoder: torch.nn.Module, input_size: int) -> Optional[AbsFamily]:
    """Return the family that knows an encoder's layers, or None.

    Args:
        encoder: An encoder of ESPnet.
        input_size: Width of its input features.

    Raises:
        ProbeError: If the family refuses this encoder because its states would not
            be reproducible.
    """
    for family in FAMILIES:
        if family.matches(encoder):
            return family(encoder, input_size)
    return None
