"""Hand-written forward passes of ESPnet's RNN and VGG-RNN encoders.

They use the encoders' weights and nothing else of them: gates are written out,
utterances are computed alone and without packing.
"""

from typing import Callable, Dict, List

import torch
import torch.nn.functional as F


def lstm_direction(
    inputs: torch.Tensor, weights: Callable[[str], torch.Tensor]
) -> torch.Tensor:
    """Run one direction of an LSTM over (time, width)."""
    hidden = inputs.new_zeros(weights("weight_hh").size(1))
    cell = torch.zeros_like(hidden)
    outputs = []
    for frame in inputs:
        gates = weights("weight_ih") @ frame + weights("bias_ih")
        gates = gates + weights("weight_hh") @ hidden + weights("bias_hh")
        enter, forget, candidate, leave = gates.chunk(4)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs)


def gru_direction(
    inputs: torch.Tensor, weights: Callable[[str], torch.Tensor]
) -> torch.Tensor:
    """Run one direction of a GRU over (time, width)."""
    hidden = inputs.new_zeros(weights("weight_hh").size(1))
    outputs = []
    for frame in inputs:
        given = (weights("weight_ih") @ frame + weights("bias_ih")).chunk(3)
        kept = (weights("weight_hh") @ hidden + weights("bias_hh")).chunk(3)
        reset = (given[0] + kept[0]).sigmoid()
        update = (given[1] + kept[1]).sigmoid()
        candidate = (given[2] + reset * kept[2]).tanh()
        hidden = (1 - update) * candidate + update * hidden
        outputs.append(hidden)
    return torch.stack(outputs)


def recurrent_layer(
    module: torch.nn.Module, layer: int, inputs: torch.Tensor
) -> torch.Tensor:
    """Run one layer of an nn.LSTM or nn.GRU over (time, width)."""
    run = lstm_direction if isinstance(module, torch.nn.LSTM) else gru_direction
    forward = run(inputs, lambda part: getattr(module, f"{part}_l{layer}"))
    if not module.bidirectional:
        return forward
    backward = run(
        inputs.flip(0), lambda part: getattr(module, f"{part}_l{layer}_reverse")
    )
    return torch.cat([forward, backward.flip(0)], dim=1)


def linear(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Apply an affine map."""
    return inputs @ module.weight.T + module.bias


def rnn_states(
    stack: torch.nn.Module, inputs: torch.Tensor, prefix: str
) -> Dict[str, torch.Tensor]:
    """Return every layer's states of an RNNP or RNN for (time, width)."""
    states: Dict[str, torch.Tensor] = {}
    if hasattr(stack, "nbrnn"):
        count = stack.nbrnn.num_layers
        for index in range(count):
            inputs = recurrent_layer(stack.nbrnn, index, inputs)
            states[f"{prefix}{index + 1}"] = inputs
        states[f"{prefix}{count}"] = linear(stack.l_last, inputs).tanh()
        return states
    for index in range(stack.elayers):
        name = "birnn" if stack.bidir else "rnn"
        outputs = recurrent_layer(getattr(stack, f"{name}{index}"), 0, inputs)
        sub = int(stack.subsample[index + 1])
        if sub > 1:
            outputs = outputs[::sub][: (len(outputs) + 1) // sub]
        inputs = linear(getattr(stack, f"bt{index}"), outputs)
        if index < stack.elayers - 1:
            inputs = inputs.tanh()
        states[f"{prefix}{index + 1}"] = inputs
    return states


def vgg_states(vgg: torch.nn.Module, inputs: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Return cnn1 to cnn4 for (time, width), flattened channel by channel."""

    def convolve(name: str, maps: torch.Tensor) -> torch.Tensor:
        module = getattr(vgg, name)
        return F.conv2d(maps, module.weight, module.bias, padding=1).clamp(min=0)

    def flatten(maps: torch.Tensor) -> torch.Tensor:
        rows: List[torch.Tensor] = [
            torch.cat([maps[0, channel, time] for channel in range(maps.size(1))])
            for time in range(maps.size(2))
        ]
        return torch.stack(rows)

    channels = torch.stack(inputs.chunk(vgg.in_channel, dim=1))[None]
    first = convolve("conv1_1", channels)
    second = F.max_pool2d(convolve("conv1_2", first), 2, ceil_mode=True)
    third = convolve("conv2_1", second)
    fourth = F.max_pool2d(convolve("conv2_2", third), 2, ceil_mode=True)
    maps = {"cnn1": first, "cnn2": second, "cnn3": third, "cnn4": fourth}
    return {name: flatten(value) for name, value in maps.items()}


def encoder_states(
    encoder: torch.nn.Module, inputs: torch.Tensor
) -> Dict[str, torch.Tensor]:
    """Return all states of an RNNEncoder or VGGRNNEncoder for (time, width)."""
    prefix = ("b" if encoder.bidirectional else "") + encoder.rnn_type
    if len(encoder.enc) == 1:
        return rnn_states(encoder.enc[0], inputs, prefix)
    states = vgg_states(encoder.enc[0], inputs)
    states.update(rnn_states(encoder.enc[1], states["cnn4"], prefix))
    return states
