"""Front ends without layers of their own: how long their output is."""

from typing import List, Sequence

import torch
from espnet2.asr.frontend.cnn import CNNFrontend
from espnet2.asr.frontend.default import DefaultFrontend
from espnet2.asr.frontend.windowing import SlidingWindow
from torch.utils.hooks import RemovableHandle

from espnet_probe.features.delta_logmel import DeltaLogMel
from espnet_probe.layers.families.abs_family import AbsFamily, Sink, Tap
from espnet_probe.layers.families.subsampling import convolved, total_stride


class PlainFrontEnd(AbsFamily):
    """A front end whose output is the only thing of it that the model uses."""

    def taps(self) -> List[Tap]:
        """Return no layer."""
        return []

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Refuse: there is no layer to ask for."""
        raise KeyError(name)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put no hook on the module."""
        return []


class DeltaLogMelFrontEnd(PlainFrontEnd):
    """The plugin's own ``delta_logmel``."""

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, DeltaLogMel)

    def output_stride(self) -> int:
        """Return the samples per frame."""
        return int(self.module.config.hop_length)

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the frames of waveforms, 1 + samples // hop.

        Args:
            input_lengths: (batch,), valid samples.
        """
        hop = self.output_stride()
        return 1 + torch.div(input_lengths, hop, rounding_mode="floor")


class DefaultFrontEnd(PlainFrontEnd):
    """ESPnet's ``default``: short-time Fourier transform and log-mel."""

    # It mirrors the waveform at the end of the batch, not at that of each item.
    batch_independent = False

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, DefaultFrontend) and module.stft is not None

    def output_stride(self) -> int:
        """Return the samples per frame."""
        return int(self.module.stft.hop_length)

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the frames of waveforms, as ESPnet's ``Stft`` counts them.

        Args:
            input_lengths: (batch,), valid samples.
        """
        stft = self.module.stft
        if stft.center:
            # torch refuses to mirror a waveform that is shorter than the margin.
            enough = input_lengths > stft.n_fft // 2
            padded = input_lengths + 2 * (stft.n_fft // 2)
        else:
            enough, padded = input_lengths >= stft.n_fft, input_lengths
        frames = torch.div(padded - stft.n_fft, stft.hop_length, rounding_mode="floor")
        return torch.where(enough, frames + 1, 0)


class CNNFrontEnd(PlainFrontEnd):
    """ESPnet's ``cnn``: the convolutions before a self-supervised encoder."""

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, CNNFrontend)

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at a front end; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        self.convolutions = [
            (int(layer.kernel_size), int(layer.stride), 0)
            for layer in self.module.layers
        ]
        # A norm over the whole (padded) time, be it of the waveform or in the first
        # convolution, sees the padding; layer norms look at one frame.
        over_time = any(
            isinstance(layer.layer_norm, torch.nn.GroupNorm)
            for layer in self.module.layers
        )
        self.batch_independent = not (over_time or self.module.normalize_audio)

    def output_stride(self) -> int:
        """Return the samples per frame."""
        return total_stride(self.convolutions)

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the frames of waveforms, as the convolutions leave them.

        Args:
            input_lengths: (batch,), valid samples.
        """
        return convolved(input_lengths, self.convolutions)


class SlidingWindowFrontEnd(PlainFrontEnd):
    """ESPnet's ``sliding_window``: raw windows, for the ``sinc`` pre-encoder."""

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, SlidingWindow)

    def output_stride(self) -> int:
        """Return the samples per window."""
        return int(self.module.hop_length)

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the number of whole windows.

        Args:
            input_lengths: (batch,), valid samples.
        """
        window, hop = int(self.module.win_length), int(self.module.hop_length)
        return convolved(input_lengths, [(window, hop, 0)])


class SameLength(PlainFrontEnd):
    """A pre-encoder of ESPnet: another vector for every frame."""

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say that every pre-encoder of ESPnet keeps the number of frames."""
        return True

    def output_stride(self) -> int:
        """Return 1."""
        return 1

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the lengths as they are.

        Args:
            input_lengths: (batch,), valid frames.
        """
        return input_lengths
