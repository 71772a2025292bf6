"""Reading hidden states during a forward pass."""

from types import TracebackType
from typing import Dict, List, Optional, Sequence, Type

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import AbsFamily, make_states
from espnet_probe.layers.layer import HiddenStates


class Capture:
    """Context manager: inside it, a forward pass leaves the states of layers.

    >>> with Capture(family, ["blstm1"]) as states:  # doctest: +SKIP
    ...     model.encode(speech, lengths)
    >>> states["blstm1"].features.shape  # doctest: +SKIP

    The hooks are removed on the way out, also after an exception or Ctrl-C. A
    second forward pass inside the context overwrites the states of the first.
    """

    def __init__(self, family: AbsFamily, names: Sequence[str]) -> None:
        """Prepare a capture.

        Args:
            family: The encoder's family.
            names: Canonical names of the layers wanted.
        """
        self.family = family
        self.names = list(names)
        self.states: Dict[str, HiddenStates] = {}
        self._handles: List[RemovableHandle] = []

    def _sink(self, name: str, features: torch.Tensor, lengths: torch.Tensor) -> None:
        self.states[name] = make_states(features, lengths)

    def __enter__(self) -> Dict[str, HiddenStates]:
        """Attach the hooks and return the dictionary that they fill."""
        self.states = {}
        self._handles = self.family.attach(self.names, self._sink)
        return self.states

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
