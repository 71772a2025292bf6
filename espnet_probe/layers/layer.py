"""What a layer is, and what its states look like in memory."""

from dataclasses import asdict, dataclass
from typing import Any, Dict

import torch


@dataclass(frozen=True)
class Layer:
    """One place of an encoder whose states can be read.

    Attributes:
        name: Canonical name, the same in files, tables and on the command line.
        width: Number of values in one state.
        stride: Encoder input frames that one state stands for.
        frame_shift: Seconds from one state to the next.
        tap: The module that the states are taken from, and what is done to its
            output, for people who want to check.
        batch_independent: Whether a state stays the same when its utterance is
            padded beside a longer one.
    """

    name: str
    width: int
    stride: int
    frame_shift: float
    tap: str
    batch_independent: bool

    def to_dict(self) -> Dict[str, Any]:
        """Return the fields as a dictionary that YAML and JSON can hold."""
        return asdict(self)


@dataclass(frozen=True)
class HiddenStates:
    """The states of one layer for a batch.

    Attributes:
        features: (batch, time, width), zero behind each item's end.
        lengths: (batch,), valid states of each item, on the CPU.
    """

    features: torch.Tensor
    lengths: torch.Tensor

    def item(self, index: int) -> torch.Tensor:
        """Return the valid states of one item, (time, width).

        Args:
            index: Position of the item in the batch.
        """
        return self.features[index, : int(self.lengths[index])]
