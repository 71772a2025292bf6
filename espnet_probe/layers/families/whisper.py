"""Whisper's audio encoder, as ESPnet's ``OpenAIWhisperEncoder``.

It takes the waveform and makes Whisper's own log-mel of it. Padding is not masked in
its attention, so an utterance beside a longer one is heard with silence behind it.
Whisper knows 30 seconds of positions: longer utterances are refused.
"""

from typing import List

import torch

from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily
from espnet_probe.layers.families.subsampling import convolved, total_stride


class WhisperFamily(StackFamily):
    """Layers of ``OpenAIWhisperEncoder``: ``embed``, the blocks, ``final``."""

    PARTS = {"attention": "attn", "feedforward": "mlp"}
    WHERE = "encoder.encoders.blocks"

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        # No mask in the attention, and the level is that of the whole padded item;
        # where all are brought to 30 seconds, no item is beside a longer one.
        self.batch_independent = self.fills_up()
        positions = getattr(self.network(), "positional_embedding")
        self.longest_input = int(positions.size(0)) * self.stride()

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.whisper_encoder", "OpenAIWhisperEncoder"
        )

    def network(self) -> torch.nn.Module:
        """Return Whisper's own ``AudioEncoder``."""
        return self.module.encoders

    def fills_up(self) -> bool:
        """Say whether the waveform is brought to 30 seconds first."""
        return bool(getattr(self.module, "do_pad_trim", False))

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        blocks: List[torch.nn.Module] = list(getattr(self.network(), "blocks"))
        return blocks

    def stride(self) -> int:
        """Return the samples per state."""
        conv = getattr(self.network(), "conv2")
        return int(self.module.hop_length) * total_stride([(0, conv.stride[0], 0)])

    def block_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the blocks have.

        The wrapper counts ``samples // hop`` spectrogram frames, passes that through
        the second convolution's formula and stops at the last position.

        Args:
            input_lengths: (batch,), valid samples.
        """
        network = self.network()
        conv = getattr(network, "conv2")
        positions = int(getattr(network, "positional_embedding").size(0))
        frames = torch.div(
            input_lengths, int(self.module.hop_length), rounding_mode="floor"
        )
        rule = [(conv.kernel_size[0], conv.stride[0], conv.padding[0])]
        lengths = convolved(frames, rule).clamp(max=positions)
        if self.fills_up():
            return lengths
        # The spectrogram mirrors half a window at both ends, which takes more samples
        # than that.
        enough = input_lengths > int(self.module.n_fft) // 2
        return torch.where(enough, lengths, torch.zeros_like(lengths))
