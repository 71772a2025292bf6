"""Recurrent stacks: ESPnet's RNNP (a projection per layer) and RNN (one fused LSTM).

Both live in ``espnet2.legacy.nets.pytorch_backend.rnn.encoders`` and are used by
the encoders ``rnn`` and ``vgg_rnn``.
"""

from typing import Any, List, Sequence, Tuple

import torch
from espnet2.legacy.nets.pytorch_backend.rnn.encoders import RNN, RNNP
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.utils.hooks import RemovableHandle

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import InputLengths, Sink, Tap


def refuse_random_projection(stack: torch.nn.Module) -> None:
    """Refuse an RNNP whose dropout stays on in eval mode.

    ``RNNP.forward`` calls ``F.dropout`` without ``training=``, so with a rate
    above 0 every pass gives other states.

    Args:
        stack: The recurrent stack.

    Raises:
        ProbeError: Naming the layer and the remedy.
    """
    if isinstance(stack, RNNP) and stack.dropout > 0 and stack.elayers > 1:
        raise ProbeError(
            f"the projection after blstm1 (RNNP) has dropout {stack.dropout}, which "
            "ESPnet applies in evaluation too, so its hidden states are random: set "
            "'dropout: 0.0' under encoder_conf in the model's config.yaml (the "
            "weights stay valid), or train without it"
        )


def layer_prefix(rnn_type: str, bidirectional: bool) -> str:
    """Return the stem of the layer names: blstm, lstm, bgru or gru."""
    return ("b" if bidirectional else "") + rnn_type


class RecurrentLayers:
    """The recurrent part of an encoder, with or without projections."""

    def __init__(
        self, encoder: torch.nn.Module, stack: torch.nn.Module, path: str, stride: int
    ) -> None:
        """Look at a stack.

        Args:
            encoder: The encoder that holds it; its output is the last state.
            stack: An RNNP or RNN.
            path: Name of the stack inside the encoder.
            stride: Encoder input frames per input frame of the stack.

        Raises:
            ProbeError: If its states are random.
        """
        refuse_random_projection(stack)
        self.encoder: Any = encoder
        self.stack = stack
        self.path = path
        self.stride = stride
        prefix = layer_prefix(str(encoder.rnn_type), bool(encoder.bidirectional))
        self.names = [f"{prefix}{k + 1}" for k in range(self._num_layers())]

    def _num_layers(self) -> int:
        if isinstance(self.stack, RNNP):
            return int(self.stack.elayers)
        return int(self._fused().num_layers)

    def _fused(self) -> torch.nn.RNNBase:
        assert isinstance(self.stack, RNN)
        fused = self.stack.nbrnn
        assert isinstance(fused, torch.nn.RNNBase)
        return fused

    def _subsample(self, index: int) -> int:
        if isinstance(self.stack, RNNP):
            return int(self.stack.subsample[index + 1])
        return 1

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        taps = []
        stride = self.stride
        last = len(self.names) - 1
        for index, name in enumerate(self.names):
            stride *= self._subsample(index)
            if isinstance(self.stack, RNNP):
                width = getattr(self.stack, f"bt{index}").out_features
                where = f"encoder.{self.path}.bt{index}, then tanh"
            else:
                fused = self._fused()
                width = fused.hidden_size * (2 if fused.bidirectional else 1)
                where = f"encoder.{self.path}.nbrnn, layer {index + 1}, replayed"
            if index == last:
                width = int(self.encoder.output_size())
                where = "encoder output"
            taps.append(Tap(name, width, stride, where))
        return taps

    def lengths(self, name: str, lengths: torch.Tensor) -> torch.Tensor:
        """Apply RNNP's length rule, ``(i + 1) // sub`` per layer.

        Args:
            name: A canonical layer name.
            lengths: (batch,), valid input frames of the stack.
        """
        for index in range(self.names.index(name) + 1):
            sub = self._subsample(index)
            if sub > 1:
                lengths = torch.div(lengths + 1, sub, rounding_mode="floor")
        return lengths

    def attach(
        self,
        names: Sequence[str],
        stack_lengths: "StackLengths",
        sink: Sink,
    ) -> List[RemovableHandle]:
        """Put hooks on the stack; see :meth:`AbsFamily.attach`.

        Args:
            names: The layers wanted; names of other parts are passed over.
            stack_lengths: Gives the valid input lengths of the stack.
            sink: Receives the states.
        """
        wanted = [name for name in self.names if name in names]
        handles: List[RemovableHandle] = []
        inner = [name for name in wanted if name != self.names[-1]]
        if isinstance(self.stack, RNNP):
            for name in inner:
                linear = getattr(self.stack, f"bt{self.names.index(name)}")
                handles.append(
                    linear.register_forward_hook(
                        self._projection_hook(name, stack_lengths, sink)
                    )
                )
        elif inner:
            replay = Replay(self._fused(), self.names.index(inner[-1]) + 1)
            handles.append(
                self._fused().register_forward_hook(
                    self._replay_hook(replay, inner, sink)
                )
            )
        if self.names[-1] in wanted:
            handles.append(
                self.encoder.register_forward_hook(
                    lambda module, args, output: sink(
                        self.names[-1],
                        # ESPnet masks this tensor in place later.
                        output[0].clone(),
                        torch.as_tensor(output[1]),
                    )
                )
            )
        return handles

    def _projection_hook(
        self, name: str, stack_lengths: "StackLengths", sink: Sink
    ) -> Any:
        def hook(module: torch.nn.Module, args: Any, flat: torch.Tensor) -> None:
            # The projection sees all frames of the batch in one long list.
            lengths = self.lengths(name, stack_lengths.value)
            padded = flat.detach().view(lengths.numel(), -1, flat.size(1))
            sink(name, torch.tanh(padded), lengths)

        return hook

    def _replay_hook(self, replay: "Replay", names: Sequence[str], sink: Sink) -> Any:
        def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
            outputs = replay(args[0])
            for name in names:
                sink(name, *outputs[self.names.index(name)])

        return hook


class StackLengths:
    """Valid input lengths of the recurrent stack, from those of the encoder."""

    def __init__(self, inputs: InputLengths, halvings: int) -> None:
        """Initialise.

        Args:
            inputs: Watches the encoder's input.
            halvings: How often time is halved (rounding up) before the stack.
        """
        self._inputs = inputs
        self._halvings = halvings

    @property
    def value(self) -> torch.Tensor:
        """(batch,), of the forward pass under way."""
        return halve(self._inputs.value, self._halvings)


def halve(lengths: torch.Tensor, times: int) -> torch.Tensor:
    """Halve lengths, rounding up, several times.

    Args:
        lengths: (batch,).
        times: How often.
    """
    for _ in range(times):
        lengths = torch.div(lengths + 1, 2, rounding_mode="floor")
    return lengths


class Replay:
    """Runs the layers of one fused LSTM or GRU one after the other.

    A fused module gives only its top layer's output; the layers below are
    computed again from its own weights, layer by layer.
    """

    def __init__(self, fused: torch.nn.RNNBase, num_layers: int) -> None:
        """Make one single-layer module per layer that shares the fused weights.

        Args:
            fused: An LSTM or GRU with ``batch_first``.
            num_layers: How many layers from the bottom are needed.
        """
        self.layers: List[torch.nn.RNNBase] = []
        directions = 2 if fused.bidirectional else 1
        kind = torch.nn.LSTM if fused.mode == "LSTM" else torch.nn.GRU
        for index in range(num_layers):
            size = fused.input_size if index == 0 else fused.hidden_size * directions
            layer = kind(
                size,
                fused.hidden_size,
                num_layers=1,
                bias=fused.bias,
                batch_first=True,
                bidirectional=fused.bidirectional,
                device="meta",
            )
            for suffix in ["", "_reverse"][:directions]:
                for part in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]:
                    if hasattr(fused, f"{part}_l{index}{suffix}"):
                        weight = getattr(fused, f"{part}_l{index}{suffix}")
                        setattr(layer, f"{part}_l0{suffix}", weight)
            self.layers.append(layer.eval())

    @torch.no_grad()
    def __call__(
        self, packed: PackedSequence
    ) -> List[Tuple[torch.Tensor, torch.Tensor]]:
        """Return each layer's padded output and lengths.

        Args:
            packed: The input that the fused module was called with.
        """
        outputs = []
        for layer in self.layers:
            packed, _ = layer(packed)
            outputs.append(pad_packed_sequence(packed, batch_first=True))
        return outputs
