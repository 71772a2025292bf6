"""The parts of a model in the order in which speech passes through them."""

from dataclasses import replace
from typing import Any, Dict, List, Sequence, Tuple

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import AbsFamily, Sink, Tap
from espnet_probe.layers.generic import GenericFamily


class Chain:
    """Front end, encoder and what else there is, as one: samples in, states out.

    Its layers are those of all parts. Strides and lengths are in samples.
    """

    def __init__(self, parts: Sequence[Tuple[str, AbsFamily]]) -> None:
        """Join parts.

        Args:
            parts: For each part the prefix of its layers' names, such as
                ``frontend_``, and its family, from the waveform on.
        """
        self.parts = list(parts)
        self._part_of: Dict[str, int] = {}
        self._taps: List[Tap] = []
        #: Samples per frame that the first part hands on; 1 if it is the only one.
        self.frame_stride = 1
        step = 1
        for index, (prefix, family) in enumerate(self.parts):
            if index > 0:
                step *= self.parts[index - 1][1].output_stride()
            if index == 1:
                self.frame_stride = step
            for tap in family.taps():
                name, stride = prefix + tap.name, step * tap.stride
                self._taps.append(replace(tap, name=name, stride=stride))
                self._part_of[name] = index

    @property
    def one_at_a_time(self) -> bool:
        """Whether any part takes only one utterance at a time."""
        return any(family.one_at_a_time for _, family in self.parts)

    def taps(self) -> List[Tap]:
        """Return all layers from the waveform on, strides in samples."""
        return list(self._taps)

    def batch_independent(self, name: str) -> bool:
        """Say whether a layer's states stay as they are in any batch.

        Args:
            name: A canonical layer name.
        """
        last = self._part_of[name]
        return all(family.batch_independent for _, family in self.parts[: last + 1])

    def lengths(self, name: str, samples: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has.

        Args:
            name: A canonical layer name.
            samples: (batch,), valid samples.

        Returns:
            (batch,); below 1 if there are too few samples for a state.
        """
        last = self._part_of[name]
        lengths = samples
        for _, family in self.parts[:last]:
            lengths = family.output_lengths(lengths)
        prefix, family = self.parts[last]
        return family.lengths(name.removeprefix(prefix), lengths)

    def shortest(self, name: str) -> int:
        """Return the samples that a layer needs for its first state.

        Args:
            name: A canonical layer name.
        """

        def has_state(samples: int) -> bool:
            return int(self.lengths(name, torch.tensor([samples]))[0]) >= 1

        enough = 1
        while not has_state(enough):
            enough *= 2
        too_few = enough // 2 if enough > 1 else 0
        while enough - too_few > 1:
            middle = (enough + too_few) // 2
            enough, too_few = (
                (middle, too_few) if has_state(middle) else (enough, middle)
            )
        return enough

    def measured(self, name: str) -> bool:
        """Say whether a layer was found by trial runs, not by a family that knows it.

        Args:
            name: A canonical layer name.
        """
        return isinstance(self.parts[self._part_of[name]][1], GenericFamily)

    def output_lengths(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the lengths of the last part's output.

        Args:
            samples: (batch,), valid samples.
        """
        lengths = samples
        for _, family in self.parts:
            lengths = family.output_lengths(lengths)
        return lengths

    def too_long(self, samples: int) -> bool:
        """Say whether a part would not hear an utterance to its end.

        Args:
            samples: Its length.
        """
        lengths = torch.tensor([samples])
        for _, family in self.parts:
            longest = family.longest_input
            if longest is not None and int(lengths[0]) > longest:
                return True
            lengths = family.output_lengths(lengths)
        return False

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the parts; see :meth:`AbsFamily.attach`.

        Args:
            names: The layers wanted.
            sink: Called once per layer and forward pass, with its full name.
        """
        handles: List[RemovableHandle] = []
        tables = [table for _, family in self.parts for table in hooks_of(family)]
        before = [set(table) for table in tables]
        try:
            for index, (prefix, family) in enumerate(self.parts):
                own = [name for name in names if self._part_of[name] == index]
                if own:
                    inner = [name.removeprefix(prefix) for name in own]
                    handles += family.attach(inner, with_prefix(prefix, sink))
        except BaseException:
            # Also those of a family that was interrupted before it could return them.
            for table, known in zip(tables, before):
                for key in set(table) - known:
                    del table[key]
            raise
        return handles


def hooks_of(family: AbsFamily) -> List[Dict[int, Any]]:
    """Return torch's tables of forward hooks of a module and all inside it.

    Args:
        family: The module's family.
    """
    modules = list(family.module.modules())
    return [module._forward_hooks for module in modules] + [
        module._forward_pre_hooks for module in modules
    ]


def with_prefix(prefix: str, sink: Sink) -> Sink:
    """Return a sink that puts a prefix before the names it is given.

    Args:
        prefix: For example ``frontend_``.
        sink: Receives the full names.
    """

    def prefixed(name: str, features: torch.Tensor, lengths: torch.Tensor) -> None:
        sink(prefix + name, features, lengths)

    return prefixed
