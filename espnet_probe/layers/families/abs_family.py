"""The interface of an encoder family."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.features.log_mel import zero_after_end
from espnet_probe.layers.layer import HiddenStates

#: Receives a layer's name, its padded states and its valid lengths.
Sink = Callable[[str, torch.Tensor, torch.Tensor], None]


@dataclass(frozen=True)
class Tap:
    """One layer as its family describes it.

    Attributes:
        name: Canonical layer name.
        width: Values per state.
        stride: Encoder input frames per state.
        where: Tapped module and what is done to its output.
    """

    name: str
    width: int
    stride: int
    where: str


class AbsFamily(ABC):
    """Knows the layers of one class of encoder.

    A family never changes the encoder: it reads through forward hooks, which
    :class:`espnet_probe.layers.capture.Capture` removes.
    """

    #: Whether padding beside a longer utterance leaves the states as they are.
    batch_independent: bool = True

    def __init__(self, encoder: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder.

        Args:
            encoder: The encoder.
            input_size: Width of its input features.

        Raises:
            ProbeError: If the encoder's states are not reproducible.
        """
        self.encoder = encoder
        self.input_size = input_size

    @staticmethod
    @abstractmethod
    def matches(encoder: torch.nn.Module) -> bool:
        """Say whether an encoder belongs to this family."""

    @abstractmethod
    def taps(self) -> List[Tap]:
        """Return the layers in network order."""

    @abstractmethod
    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has for inputs of given lengths.

        Args:
            name: A canonical layer name.
            input_lengths: (batch,), valid encoder input frames.
        """

    @abstractmethod
    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder that hand the states of layers to a sink.

        Args:
            names: The layers wanted.
            sink: Called once per layer and forward pass.

        Returns:
            The handles; the caller removes them.
        """


class InputLengths:
    """Remembers the lengths that the encoder was last called with.

    Hooks on inner modules see tensors without their lengths; the lengths follow
    from those of the encoder's input by the family's length rule.
    """

    def __init__(self, encoder: torch.nn.Module) -> None:
        """Watch an encoder.

        Args:
            encoder: Called as ``encoder(features, lengths, ...)``.
        """
        self.value = torch.zeros(0, dtype=torch.long)
        self.handle = encoder.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(
        self, module: torch.nn.Module, args: Sequence[Any], kwargs: Dict[str, Any]
    ) -> None:
        lengths = args[1] if len(args) > 1 else kwargs["ilens"]
        self.value = torch.as_tensor(lengths).detach().cpu().long()


def make_states(features: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
    """Return states that are cut to the longest item and zero behind each end.

    Args:
        features: (batch, time, width).
        lengths: (batch,), valid states.
    """
    lengths = lengths.detach().cpu().long()
    features = features.detach()[:, : int(lengths.max())]
    return HiddenStates(zero_after_end(features, lengths), lengths)
