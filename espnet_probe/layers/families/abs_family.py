"""The interface of a family: one class of front end or encoder and its layers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.features.log_mel import zero_after_end
from espnet_probe.layers.layer import HiddenStates

#: Receives a layer's name, its padded states and its valid lengths.
Sink = Callable[[str, torch.Tensor, torch.Tensor], None]

#: How ESPnet's front ends and encoders call the lengths of their input.
LENGTH_NAMES = ("ilens", "input_lengths", "x_len", "length")


@dataclass(frozen=True)
class Tap:
    """One layer as its family describes it.

    Attributes:
        name: Canonical layer name.
        width: Values per state.
        stride: Input steps of the module per state.
        where: Tapped module and what is done to its output.
    """

    name: str
    width: int
    stride: int
    where: str


class AbsFamily(ABC):
    """Knows the layers of one class of front end or encoder.

    A step of the module's input is a sample for front ends and for encoders that
    take waveforms, and a frame of the front end for the others. A family never
    changes the module: it reads through forward hooks, which
    :class:`espnet_probe.layers.capture.Capture` removes.
    """

    #: Whether padding beside a longer utterance leaves the states as they are.
    batch_independent: bool = True

    #: Whether the module must be given utterances one at a time, because the valid
    #: part of a padded batch's states is not known.
    one_at_a_time: bool = False

    #: Input steps after which the module hears no more; None where there is no end.
    longest_input: Optional[int] = None

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at a module.

        Args:
            module: The front end or encoder.
            input_size: Width of its input; 1 for waveforms.

        Raises:
            ProbeError: If its states are not reproducible.
        """
        # Any: the parts of a module have no declared types.
        self.module: Any = module
        self.input_size = input_size

    @staticmethod
    @abstractmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""

    @abstractmethod
    def taps(self) -> List[Tap]:
        """Return the layers in network order, parts of a block before the block."""

    @abstractmethod
    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has for inputs of given lengths.

        Args:
            name: A canonical layer name.
            input_lengths: (batch,), valid input steps.

        Returns:
            (batch,); below 1 if the input is too short for a state.
        """

    @abstractmethod
    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the module that hand the states of layers to a sink.

        Args:
            names: The layers wanted.
            sink: Called once per layer and forward pass.

        Returns:
            The handles; the caller removes them.
        """

    def output_stride(self) -> int:
        """Return the input steps per step of the module's output."""
        return self.taps()[-1].stride

    def output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return the lengths of the module's output.

        Args:
            input_lengths: (batch,), valid input steps.
        """
        return self.lengths(self.taps()[-1].name, input_lengths)


class InputLengths:
    """Remembers the lengths that a module was last called with.

    Hooks on inner modules see tensors without their lengths; the lengths follow
    from those of the module's input by the family's length rule.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        """Watch a module.

        Args:
            module: Called as ``module(features, lengths, ...)``.
        """
        self.value = torch.zeros(0, dtype=torch.long)
        self.handle = module.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(
        self, module: torch.nn.Module, args: Sequence[Any], kwargs: Dict[str, Any]
    ) -> None:
        named = [kwargs[name] for name in LENGTH_NAMES if name in kwargs]
        lengths = args[1] if len(args) > 1 else named[0]
        self.value = torch.as_tensor(lengths).detach().cpu().long()


def first_tensor(output: Any) -> torch.Tensor:
    """Return the first tensor of a module's output, however it is nested.

    ESPnet's modules return a tensor, or tuples that begin with it: with its mask,
    its position encoding, or the outputs of intermediate layers.

    Args:
        output: What a forward hook was given.
    """
    while isinstance(output, (tuple, list)):
        output = output[0]
    assert isinstance(output, torch.Tensor)
    return output


def make_states(features: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
    """Return states that are cut to the longest item and zero behind each end.

    Args:
        features: (batch, time, width).
        lengths: (batch,), valid states.

    Raises:
        RuntimeError: If a length is longer than the features: the family's length
            rule is wrong, and no state of it can be trusted.
    """
    lengths = lengths.detach().cpu().long()
    longest = int(lengths.max())
    if longest > features.size(1):
        raise RuntimeError(
            f"the length rule says {longest} states, the model gave {features.size(1)}"
        )
    features = features.detach()[:, :longest]
    return HiddenStates(zero_after_end(features, lengths), lengths)
