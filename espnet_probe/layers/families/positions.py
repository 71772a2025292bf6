"""Position encodings that look at the padded length of a batch."""

import torch
from espnet2.legacy.nets.pytorch_backend.transformer.attention import (
    LegacyRelPositionMultiHeadedAttention,
)
from espnet2.legacy.nets.pytorch_backend.transformer.embedding import (
    ConvolutionalPositionalEmbedding,
)

#: The legacy relative shift depends on the longest item of the batch; the
#: convolution of the other runs over an utterance's end into the padding.
DEPENDENT = (LegacyRelPositionMultiHeadedAttention, ConvolutionalPositionalEmbedding)


def padding_shifts_positions(encoder: torch.nn.Module) -> bool:
    """Say whether a state beside a longer utterance differs from the one alone.

    Args:
        encoder: An ESPnet encoder, for example with ``rel_pos_type: legacy``.
    """
    return any(isinstance(module, DEPENDENT) for module in encoder.modules())
