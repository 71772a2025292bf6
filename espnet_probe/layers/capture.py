"""Reading hidden states during a forward pass."""

from dataclasses import replace
from types import TracebackType
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Type, Union

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.chain import Chain
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

    def __init__(
        self,
        source: Union[Chain, AbsFamily],
        names: Sequence[str],
        frame_shifts: Optional[Mapping[str, float]] = None,
    ) -> None:
        """Prepare a capture.

        Args:
            source: The model's parts, or the family of one encoder.
            names: Canonical names of the layers wanted.
            frame_shifts: Seconds from one state to the next, by layer.
        """
        self.source = source
        self.names = list(names)
        self.states: Dict[str, HiddenStates] = {}
        #: The order, (batch,), in which the items of a pass are handed on; for
        #: models that must be given them in another one than the caller has.
        self.order: Optional[torch.Tensor] = None
        #: The valid states of a layer, (batch,), where the model itself was told
        #: longer ones, since it fills utterances up.
        self.lengths: Optional[Callable[[str], torch.Tensor]] = None
        self._shifts = frame_shifts or {}
        self._handles: List[RemovableHandle] = []

    def _sink(self, name: str, features: torch.Tensor, lengths: torch.Tensor) -> None:
        if self.lengths is not None:
            lengths = self.lengths(name)
        states = make_states(features, lengths)
        states = replace(states, frame_shift=self._shifts.get(name))
        self.states[name] = (
            states if self.order is None else states.in_order(self.order)
        )

    def __enter__(self) -> Dict[str, HiddenStates]:
        """Attach the hooks and return the dictionary that they fill."""
        self.states = {}
        self._handles = self.source.attach(self.names, self._sink)
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
