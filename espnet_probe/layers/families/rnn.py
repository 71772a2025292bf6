"""ESPnet's ``RNNEncoder``: the paper's pure LSTM, and LSTMs without projections.

With projections, blstm1..N-1 are the states after down-sampling, projection and
tanh, and blstmN is the encoder's output (no tanh after the last projection).
Without, blstm1..N-1 are the LSTM layers' own outputs and blstmN is the encoder's
output, after the last Linear and tanh; there is no down-sampling then.
"""

from typing import List, Sequence

import torch
from espnet2.asr.encoder.rnn_encoder import RNNEncoder
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import (
    AbsFamily,
    InputLengths,
    Sink,
    Tap,
)
from espnet_probe.layers.recurrent import RecurrentLayers, StackLengths


class RNNFamily(AbsFamily):
    """Layers of ``RNNEncoder``."""

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        assert isinstance(module, RNNEncoder)
        self.recurrent = RecurrentLayers(module, module.enc[0], "enc.0", stride=1)

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether an encoder belongs to this family."""
        return isinstance(module, RNNEncoder)

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        return self.recurrent.taps()

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has; see :class:`AbsFamily`."""
        return self.recurrent.lengths(name, input_lengths)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder; see :class:`AbsFamily`."""
        inputs = InputLengths(self.module)
        return [
            inputs.handle,
            *self.recurrent.attach(names, StackLengths(inputs, halvings=0), sink),
        ]
