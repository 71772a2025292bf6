"""Parts of block encoders that see beyond the end of an utterance."""

import torch
from espnet2.legacy.nets.pytorch_backend.transformer.attention import (
    LegacyRelPositionMultiHeadedAttention,
)
from espnet2.legacy.nets.pytorch_backend.transformer.embedding import (
    ConvolutionalPositionalEmbedding,
)
from espnet2.legacy.nets.pytorch_backend.transformer.multi_layer_conv import (
    Conv1dLinear,
    MultiLayeredConv1d,
)

#: The legacy relative shift depends on the longest item of the batch; the convolutions
#: of the others run over an utterance's end into the padding.
DEPENDENT = (
    LegacyRelPositionMultiHeadedAttention,
    ConvolutionalPositionalEmbedding,
    MultiLayeredConv1d,
    Conv1dLinear,
)


def sees_padding(encoder: torch.nn.Module) -> bool:
    """Say whether a state beside a longer utterance differs from the one alone.

    Args:
        encoder: An ESPnet encoder, for example with ``rel_pos_type: legacy``.
    """
    return any(isinstance(module, DEPENDENT) for module in encoder.modules())
