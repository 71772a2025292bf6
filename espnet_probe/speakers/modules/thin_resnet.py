"""The thin ResNet-34 of Xie et al. as an ESPnet encoder.

A residual network over the picture that a spectrogram is: frequency is its height,
time its width. It is thin: a third of the parameters of a ResNet-34 with the usual
number of channels.

Source: W. Xie, A. Nagrani, J. S. Chung, A. Zisserman, "Utterance-level aggregation for
speaker recognition in the wild", ICASSP 2019. Kernel sizes, strides and paddings are
those of the network that the authors trained and published:

==========  ==============================================  ======  =============
name        layers                                          width   height x time
==========  ==============================================  ======  =============
(input)     standardised magnitude spectrum                 1       257 x T
conv1       7 x 7, normalisation, ReLU, 2 x 2 max-pooling   64      128 x T/2
conv2       2 bottlenecks of 48                             96      128 x T/2
conv3       3 bottlenecks of 96, the first with stride 2    128     64 x T/4
conv4       3 bottlenecks of 128, the first with stride 2   256     32 x T/8
conv5       3 bottlenecks of 256, the first with stride 2   512     16 x T/16
(pooling)   maximum over 3 rows, stride 2 in height         512     7 x T/16
==========  ==============================================  ======  =============

The last row is where the paper's table and the network that belongs to its numbers
differ: the table ends at T/32, the last pooling of the network has no stride in time.
``last_time_stride: 2`` gives the table's. No weight depends on it.
"""

from collections import OrderedDict
from typing import Any, Optional, Sequence

import torch
from espnet2.asr.encoder.abs_encoder import AbsEncoder

from espnet_probe.errors import ProbeError

#: As the network was trained; torch's own value is 0.1.
NORM_MOMENTUM = 0.01

#: Rows that the last max-pooling looks at, and its stride.
LAST_POOL_HEIGHT = 3
LAST_POOL_STRIDE = 2


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1
) -> torch.nn.Conv2d:
    """Return a convolution without bias, of orthogonal weights.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Height and width of the kernel, odd; the border is filled with zeros
            so that stride 1 keeps the size.
        stride: Stride in both directions.
    """
    layer = torch.nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, bias=False
    )
    torch.nn.init.orthogonal_(layer.weight)
    return layer


def _normalisation(channels: int, eps: float) -> torch.nn.BatchNorm2d:
    return torch.nn.BatchNorm2d(channels, eps=eps, momentum=NORM_MOMENTUM)


class Bottleneck(torch.nn.Module):
    """A residual block: 1 x 1 to few channels, 3 x 3, 1 x 1 to many.

    With ``project``, the way round goes through a 1 x 1 convolution and a normalisation
    of its own.
    """

    def __init__(
        self,
        inputs: int,
        inner: int,
        outputs: int,
        stride: int = 1,
        project: bool = False,
        late_stride: bool = False,
        norm_eps: float = 1e-3,
    ) -> None:
        """Build the block.

        Args:
            inputs: Channels of the input.
            inner: Channels of the 3 x 3 convolution.
            outputs: Channels of the output.
            stride: Stride in both directions; other than 1 only with ``project``.
            project: Whether the way round has a convolution.
            late_stride: Whether the stride is that of the 3 x 3 convolution, not of the
                first one.
            norm_eps: Added to the variances.
        """
        super().__init__()
        early, late = (1, stride) if late_stride else (stride, 1)
        self.reduce = convolution(inputs, inner, 1, early)
        self.reduce_norm = _normalisation(inner, norm_eps)
        self.conv = convolution(inner, inner, 3, late)
        self.conv_norm = _normalisation(inner, norm_eps)
        self.increase = convolution(inner, outputs, 1)
        self.increase_norm = _normalisation(outputs, norm_eps)
        self.project: Optional[torch.nn.Module] = None
        self.project_norm: Optional[torch.nn.Module] = None
        if project:
            self.project = convolution(inputs, outputs, 1, stride)
            self.project_norm = _normalisation(outputs, norm_eps)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Compute the block.

        Args:
            picture: (batch, inputs, height, time).

        Returns:
            (batch, outputs, ceil(height / stride), ceil(time / stride)), not negative.
        """
        inner = torch.relu(self.reduce_norm(self.reduce(picture)))
        inner = torch.relu(self.conv_norm(self.conv(inner)))
        inner = self.increase_norm(self.increase(inner))
        around = picture
        if self.project is not None and self.project_norm is not None:
            around = self.project_norm(self.project(picture))
        return torch.relu(inner + around)


class ThinResNet34(AbsEncoder):
    """ESPnet speaker encoder ``thin_resnet34``.

    Its output keeps what is left of the height: the embedding and the assignment of
    GhostVLAD are convolutions over all of it, and belong to the pooling.
    """

    def __init__(
        self,
        input_size: int,
        channels: Sequence[int] = (64, 96, 128, 256, 512),
        bottlenecks: Sequence[int] = (48, 96, 128, 256),
        blocks: Sequence[int] = (2, 3, 3, 3),
        last_time_stride: int = 1,
        late_stride: bool = False,
        norm_eps: float = 1e-3,
        norm_momentum: float = NORM_MOMENTUM,
        zero_residuals: bool = False,
    ) -> None:
        """Build the network; the default widths are the authors'.

        Args:
            input_size: Values per frame of the front end: 257 for the spectrogram of
                an FFT of 512, or a number of mel bands.
            channels: Channels of conv1 to conv5.
            bottlenecks: Channels inside the bottlenecks of conv2 to conv5.
            blocks: Bottlenecks of conv2 to conv5.
            last_time_stride: Stride in time of the last max-pooling: 1 as trained by
                the authors, 2 as printed in their paper.
            late_stride: See :class:`Bottleneck`.
            norm_eps: Added to the variances of all normalisations.
            norm_momentum: How far a batch moves their running statistics. A training
                of a few hundred updates needs torch's 0.1: with less, the statistics
                of evaluation lag behind the weights.
            zero_residuals: Whether every bottleneck starts as nothing but its way
                round (Goyal et al., arXiv:1706.02677, section 5.1). Without, an
                untrained network of few channels passes on hardly anything of who
                speaks, which a short training has to find first.

        Raises:
            ProbeError: If the numbers of values are not 5, 4 and 4, one is not
                positive, or the input has too few values for the last pooling.
        """
        super().__init__()
        sizes = [*channels, *bottlenecks, *blocks]
        expected = (len(channels), len(bottlenecks), len(blocks)) == (5, 4, 4)
        if not expected or not all(isinstance(n, int) and n > 0 for n in sizes):
            raise ProbeError(
                "thin_resnet34: expected 5 positive numbers of channels, 4 of "
                f"bottlenecks and 4 of blocks, got {list(channels)}, "
                f"{list(bottlenecks)} and {list(blocks)}"
            )
        if last_time_stride not in (1, 2):
            raise ProbeError(
                f"thin_resnet34: last_time_stride is {last_time_stride}: expected 1, "
                "as the authors trained it, or 2, as their paper prints it"
            )
        self.last_time_stride = last_time_stride
        self.height = self._last_height(input_size)
        self.channels = tuple(channels)
        self.conv1 = convolution(1, channels[0], 7)
        self.norm1 = _normalisation(channels[0], norm_eps)
        for number in range(4):
            inputs, inner, outputs = (
                channels[number],
                bottlenecks[number],
                channels[number + 1],
            )
            stride = 1 if number == 0 else 2
            first = Bottleneck(
                inputs, inner, outputs, stride, True, late_stride, norm_eps
            )
            rest = [
                Bottleneck(outputs, inner, outputs, norm_eps=norm_eps)
                for _ in range(blocks[number] - 1)
            ]
            self.add_module(f"conv{number + 2}", torch.nn.Sequential(first, *rest))
        for module in self.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = norm_momentum
            if isinstance(module, Bottleneck) and zero_residuals:
                torch.nn.init.zeros_(module.increase_norm.weight)

    @staticmethod
    def _last_height(input_size: int) -> int:
        height = input_size // 2
        for _ in range(3):
            height = -(-height // 2)
        if height < LAST_POOL_HEIGHT:
            raise ProbeError(
                f"thin_resnet34: a front end of {input_size} values per frame leaves a "
                f"height of {height} for the last pooling, which takes "
                f"{LAST_POOL_HEIGHT}: use at least 34 values"
            )
        return (height - LAST_POOL_HEIGHT) // LAST_POOL_STRIDE + 1

    def output_size(self) -> int:
        """Return the width of the output: channels times the height that is left."""
        return self.channels[-1] * self.height

    def output_length(self, frames: int) -> int:
        """Return how many states an utterance gets.

        Args:
            frames: Frames of the front end.
        """
        length = frames // 2
        for stride in (2, 2, 2, self.last_time_stride):
            length = -(-length // stride)
        return length

    def pictures(self, feats: torch.Tensor) -> "OrderedDict[str, torch.Tensor]":
        """Compute the output of every section.

        Args:
            feats: (batch, frames, input_size).

        Returns:
            conv1 to conv5 and ``pool``, each (batch, channels, height, time).

        Raises:
            ProbeError: If there are fewer than two frames.
        """
        if feats.size(1) < 2:
            raise ProbeError(
                f"thin_resnet34: got {feats.size(1)} frames, expected at least 2: "
                "leave out utterances this short"
            )
        picture = feats.transpose(1, 2).unsqueeze(1)
        pictures: "OrderedDict[str, torch.Tensor]" = OrderedDict()
        picture = torch.relu(self.norm1(self.conv1(picture)))
        picture = torch.nn.functional.max_pool2d(picture, 2, 2)
        pictures["conv1"] = picture
        for name in ("conv2", "conv3", "conv4", "conv5"):
            picture = self.get_submodule(name)(picture)
            pictures[name] = picture
        pictures["pool"] = torch.nn.functional.max_pool2d(
            picture,
            kernel_size=(LAST_POOL_HEIGHT, 1),
            stride=(LAST_POOL_STRIDE, self.last_time_stride),
        )
        return pictures

    def forward(self, feats: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Encode a batch of spectrograms.

        Args:
            feats: (batch, frames, input_size).
            kwargs: Ignored; ESPnet's speaker encoders take anything.

        Returns:
            (batch, channels x height, states): channel c in row h of the height is
            value ``c * height + h`` of a state.

        Raises:
            ProbeError: If there are fewer than two frames.
        """
        return self.pictures(feats)["pool"].flatten(1, 2)
