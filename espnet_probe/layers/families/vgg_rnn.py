"""ESPnet's ``VGGRNNEncoder``: four convolutions, then recurrent layers.

cnn1 and cnn3 are the states after the ReLU of the 1st and 3rd convolution, cnn2
and cnn4 those after the two poolings. A state is flattened channel by channel
(channel x frequency), as the encoder itself flattens its last pooling.
"""

from typing import Any, Dict, List, Sequence

import torch
from espnet2.asr.encoder.vgg_rnn_encoder import VGGRNNEncoder
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import (
    AbsFamily,
    InputLengths,
    Sink,
    Tap,
)
from espnet_probe.layers.recurrent import RecurrentLayers, StackLengths, halve

#: How often time has been halved at each convolutional layer.
HALVINGS = {"cnn1": 0, "cnn2": 1, "cnn3": 1, "cnn4": 2}


class VGGRNNFamily(AbsFamily):
    """Layers of ``VGGRNNEncoder``."""

    # The convolutions reach over an utterance's end, where a padded batch holds
    # the bias of the layer below instead of the zeros of the border.
    batch_independent = False

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        assert isinstance(module, VGGRNNEncoder)
        self.vgg = module.enc[0]
        self.recurrent = RecurrentLayers(module, module.enc[1], "enc.1", stride=4)

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether an encoder belongs to this family."""
        return isinstance(module, VGGRNNEncoder)

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        bands = self.input_size // int(self.vgg.in_channel)
        half = -(-bands // 2)
        quarter = -(-half // 2)
        first, second = self.vgg.conv1_1.out_channels, self.vgg.conv2_1.out_channels
        return [
            Tap("cnn1", first * bands, 1, "encoder.enc.0.conv1_1, then ReLU"),
            Tap("cnn2", first * half, 2, "input of encoder.enc.0.conv2_1 (pooled)"),
            Tap("cnn3", second * half, 2, "encoder.enc.0.conv2_1, then ReLU"),
            Tap("cnn4", second * quarter, 4, "encoder.enc.0 output (pooled)"),
            *self.recurrent.taps(),
        ]

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has; see :class:`AbsFamily`."""
        if name in HALVINGS:
            return halve(input_lengths, HALVINGS[name])
        return self.recurrent.lengths(name, halve(input_lengths, 2))

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder; see :class:`AbsFamily`."""
        inputs = InputLengths(self.module)
        handles = [inputs.handle]

        def emit(name: str, maps: torch.Tensor) -> None:
            """Flatten (batch, channel, time, band) and hand it on."""
            flat = maps.detach().transpose(1, 2).flatten(2)
            sink(name, flat, self.lengths(name, inputs.value))

        def after(name: str) -> Any:
            def hook(module: torch.nn.Module, args: Any, output: torch.Tensor) -> None:
                emit(name, torch.relu(output))

            return hook

        def pooled(
            module: torch.nn.Module, args: Sequence[Any], kwargs: Dict[str, Any]
        ) -> None:
            emit("cnn2", args[0])

        def flattened(module: torch.nn.Module, args: Any, output: Any) -> None:
            sink("cnn4", output[0], self.lengths("cnn4", inputs.value))

        vgg = self.vgg
        if "cnn1" in names:
            handles.append(vgg.conv1_1.register_forward_hook(after("cnn1")))
        if "cnn2" in names:
            handles.append(
                vgg.conv2_1.register_forward_pre_hook(pooled, with_kwargs=True)
            )
        if "cnn3" in names:
            handles.append(vgg.conv2_1.register_forward_hook(after("cnn3")))
        if "cnn4" in names:
            handles.append(vgg.register_forward_hook(flattened))
        stack = StackLengths(inputs, halvings=2)
        return handles + self.recurrent.attach(names, stack, sink)
