"""ESPnet's streaming encoders: contextual-block Transformer and Conformer.

Outside streaming inference they cut a long utterance into overlapping blocks of time,
run all of them as a batch, and join the middles. The states of a layer are joined in
the same way, so that state t is the one that belongs to frame t of the output.
``embed`` is the output of the input convolutions, before the position encoding.
"""

from typing import Any, List, Sequence

import torch
from espnet2.asr.encoder.contextual_block_conformer_encoder import (
    ContextualBlockConformerEncoder,
)
from espnet2.asr.encoder.contextual_block_transformer_encoder import (
    ContextualBlockTransformerEncoder,
)
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import InputLengths, Sink, first_tensor
from espnet_probe.layers.families.blocks import BlockFamily


class ContextualBlockFamily(BlockFamily):
    """Layers of the contextual-block encoders."""

    # The number of blocks, and what the last one holds, follow the longest item.
    batch_independent = False

    PARTS = {
        "feedforward_macaron": "feed_forward_macaron",
        "attention": "self_attn",
        "convolution": "conv_module",
        "feedforward": "feed_forward",
    }

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(
            module,
            (ContextualBlockConformerEncoder, ContextualBlockTransformerEncoder),
        )

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder; see :class:`AbsFamily`."""
        inputs = InputLengths(self.module)
        # (batch, frames) of the utterances under way, as the input layer leaves them.
        shape = [0, 0]

        def note(module: torch.nn.Module, args: Any, output: Any) -> None:
            shape[:] = first_tensor(output).shape[:2]

        def hook(name: str) -> Any:
            def joined(module: torch.nn.Module, args: Any, output: Any) -> None:
                features = first_tensor(output)
                if name not in ("embed", "final"):
                    features = self.join(features, shape[0], shape[1])
                sink(name, features, self.lengths(name, inputs.value))

            return joined

        handles = [inputs.handle, self.embedding().register_forward_hook(note)]
        for name in names:
            handles.append(self.tapped(name).register_forward_hook(hook(name)))
        return handles

    def join(self, chunks: torch.Tensor, batch: int, frames: int) -> torch.Tensor:
        """Return the states of time blocks in the order of the utterance.

        A time block has a context vector before and after its frames. Of the
        first one all frames up to the look-ahead count, of the following the hop
        before the look-ahead, of the last one all that are left.

        Args:
            chunks: (batch, blocks, block size + 2, width), or the same with the
                first two dimensions as one; (batch, frames, width) of an
                utterance that fits into one block.
            batch: Number of utterances.
            frames: Frames of the longest one.

        Returns:
            (batch, frames, width).
        """
        size, hop = int(self.module.block_size), int(self.module.hop_size)
        if size == 0 or frames <= size:
            return chunks
        chunks = chunks.reshape(batch, -1, *chunks.shape[-2:])
        ahead = int(self.module.look_ahead)
        pieces = [chunks[:, 0, 1 : size - ahead + 1]]
        start = size - ahead - hop + 1
        left, block = hop, 1
        while left + size < frames and block < chunks.size(1):
            pieces.append(chunks[:, block, start : start + hop])
            left, block = left + hop, block + 1
        pieces.append(chunks[:, block, start : frames - left + 1])
        return torch.cat(pieces, dim=1)
