"""What a layer is, and what its states look like in memory."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence

import torch


@dataclass(frozen=True)
class Layer:
    """One place of a model whose states can be read.

    Attributes:
        name: Canonical name, the same in files, tables and on the command line.
        width: Number of values in one state.
        stride: Frames of the target mel that one state stands for.
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


#: The head of :meth:`Layers.table`.
COLUMNS = ("layer", "width", "stride", "shift [ms]", "batch-independent", "tap")


class Layers(List[Layer]):
    """Layers in network order, which print as a table."""

    def table(self) -> str:
        """Return a line for each layer, in aligned columns."""
        rows: List[Sequence[str]] = [COLUMNS]
        for layer in self:
            shift, alone = f"{layer.frame_shift * 1000:g}", layer.batch_independent
            numbers = (str(layer.width), str(layer.stride), shift)
            rows.append((layer.name, *numbers, "yes" if alone else "no", layer.tap))
        widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
        lines = []
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()


@dataclass(frozen=True)
class HiddenStates:
    """The states of one layer for a batch.

    Attributes:
        features: (batch, time, width), zero behind each item's end.
        lengths: (batch,), valid states of each item, on the CPU.
        frame_shift: Seconds from one state to the next, where it is known.
    """

    features: torch.Tensor
    lengths: torch.Tensor
    frame_shift: Optional[float] = None

    def item(self, index: int) -> torch.Tensor:
        """Return the valid states of one item, (time, width).

        Args:
            index: Position of the item in the batch.
        """
        return self.features[index, : int(self.lengths[index])]

    def in_order(self, order: torch.Tensor) -> "HiddenStates":
        """Return the items of the batch in another order.

        Args:
            order: (batch,), the positions wanted.
        """
        return HiddenStates(
            self.features[order.to(self.features.device)],
            self.lengths[order],
            self.frame_shift,
        )


def join(items: Sequence[HiddenStates]) -> HiddenStates:
    """Return several batches as one, padded with zeros.

    Args:
        items: States of one layer.
    """
    rows = [row for item in items for row in item.features]
    return HiddenStates(
        torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        torch.cat([item.lengths for item in items]),
        items[0].frame_shift,
    )
