"""BEATs, an audio transformer over patches of a spectrogram: ESPnet's ``BeatsEncoder``.

It takes the waveform, makes 128 mel bins of it every 10 ms, and cuts them into patches
of 16 frames by 16 bins. Its sequence runs over the eight patches of 160 ms, low to high
frequency, then over those of the next 160 ms. A state here is all that it knows of one
piece of time: the eight patches side by side, in that order.
"""

from typing import List

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import Tap
from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily
from espnet_probe.layers.families.subsampling import convolved

#: Mel bins of its spectrogram; the encoder has the number in its code.
MEL_BINS = 128


class BeatsFamily(StackFamily):
    """Layers of ``BeatsEncoder``."""

    PARTS = {"attention": "self_attn", "feedforward": "fc2"}
    WHERE = "encoder.encoder.layers"
    time_first = True

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`.

        Raises:
            ProbeError: If it was built for its own pre-training.
        """
        super().__init__(module, input_size)
        if self.module.is_pretraining:
            raise ProbeError(
                "this BEATs encoder has is_pretraining: it drops patches at random, so "
                "that its states stand for no fixed time: set is_pretraining to false "
                "in the encoder_conf of its config.yaml"
            )
        # The lengths of a down-sampled sequence depend on the longest item.
        self.one_at_a_time = self.module.downsample_conv is not None
        self.batch_independent = not self.one_at_a_time
        self.patch = int(self.module.input_patch_size)
        self.bands = MEL_BINS // self.patch

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(module, "espnet2.beats.encoder", "BeatsEncoder")

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks that are run; ``max_layer`` leaves the others out."""
        layers = list(self.module.encoder.layers)
        last = self.module.max_layer
        return layers if last is None else layers[: last + 1]

    def has_final(self) -> bool:
        """Say whether the output differs from the last block's."""
        return (
            bool(self.module.encoder.layer_norm_first)
            or self.module.max_layer is not None
            or self._reworked()
        )

    def _reworked(self) -> bool:
        parts = ("downsample_conv", "conformer_adapter", "cross_embed_positions")
        return any(getattr(self.module, part) is not None for part in parts)

    def width(self) -> int:
        """Return the values per state: those of all bands."""
        return self.bands * int(self.module.output_size())

    def stride(self) -> int:
        """Return the samples per state."""
        return self.patch * int(self.module.raw2fbank_pad.stride[0])

    def block_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the blocks have: whole windows, then whole patches.

        Args:
            input_lengths: (batch,), valid samples.
        """
        window = self.module.raw2fbank_pad
        rules = [
            (window.kernel_size[0], window.stride[0], 0),
            (self.patch, self.patch, 0),
        ]
        return convolved(input_lengths, rules)

    def final_tap(self) -> Tap:
        """Return the tap of the encoder's output.

        Down-sampled, the sequence is no longer in groups of one time: its states are
        taken as they are.
        """
        width = int(self.module.output_size())
        if self.module.conformer_adapter is not None:
            width = int(self.module.conformer_adapter.config.hidden_size)
        if self.module.downsample_conv is None:
            return Tap("final", self.bands * width, self.stride(), "encoder output")
        rate = int(self.module.downsample_conv.stride[0])
        stride = self.stride() * rate // self.bands
        return Tap("final", width, stride, "encoder output, by sequence position")

    def final_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the encoder's output has.

        Args:
            input_lengths: (batch,), valid samples.
        """
        lengths = self.block_lengths(input_lengths)
        conv = self.module.downsample_conv
        if conv is None:
            return lengths
        rule = [(conv.kernel_size[0], conv.stride[0], 0)]
        return convolved(lengths * self.bands, rule)

    def arranged(self, states: torch.Tensor) -> torch.Tensor:
        """Return a block's output as (batch, time, bands x width).

        Args:
            states: (time x bands, batch, width).
        """
        return self._side_by_side(super().arranged(states))

    def arranged_output(self, states: torch.Tensor) -> torch.Tensor:
        """Return the encoder's output as states; see :meth:`final_tap`.

        Args:
            states: (batch, sequence, width).
        """
        if self.module.downsample_conv is not None:
            return states
        return self._side_by_side(states)

    def _side_by_side(self, states: torch.Tensor) -> torch.Tensor:
        batch, _, width = states.shape
        return states.reshape(batch, -1, self.bands * width)
