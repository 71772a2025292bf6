"""Layers of a module that no family knows: found by running it.

Two trial runs on waveforms of different lengths show which sub-modules give one output
per piece of time: exactly one dimension of their output grows, and it is time; the
others together are the state. A layer's name is its module path with ``-`` for ``.``.

Limits, since nothing is known of the module: utterances are given to it one at a time;
the number of states is what comes out, and for the check before the start it is
estimated, to within one, from the trial runs; a sub-module that is called several times
in one pass, or whose states do not stand for a whole number of input steps, is left
out.
"""

import logging
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence, Tuple

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import AbsFamily, Sink, Tap
from espnet_probe.layers.selection import PART

#: Samples of the two trial waveforms. Their difference, 2^10 x 3 x 5^2, is a multiple
#: of the usual strides, so that it gives a whole number of states.
TRIAL_SAMPLES = (16000, 16000 + 76800)

#: The module itself among its sub-modules.
OUTPUT = "final"

#: Runs the model on a waveform, (1, samples).
Run = Callable[[torch.Tensor], Any]


@dataclass(frozen=True)
class Found:
    """What the trial runs show of one sub-module.

    Attributes:
        path: Its path in the module; empty for the module itself.
        axis: The dimension of its output that is time.
        width: Product of the others, without the batch.
        frames: Its states in the two runs.
    """

    path: str
    axis: int
    width: int
    frames: Tuple[int, int]


def explore(module: torch.nn.Module, run: Run) -> List[Found]:
    """Find the sub-modules of a module that give states.

    Args:
        module: The module.
        run: Runs the whole model; called twice.

    Returns:
        In the order in which they are first called.
    """
    short, long = (_shapes(module, run, samples) for samples in TRIAL_SAMPLES)
    found = []
    for path, shapes in short.items():
        others = long.get(path, [])
        if len(shapes) != 1 or len(others) != 1:
            continue
        before, after = shapes[0], others[0]
        grown = [k for k in range(len(before)) if before[k] != after[k]]
        if len(before) != len(after) or len(before) < 3 or before[0] != 1:
            continue
        if len(grown) != 1 or grown[0] == 0:
            continue
        axis = grown[0]
        width = 1
        for k, size in enumerate(before[1:], start=1):
            width *= size if k != axis else 1
        found.append(Found(path, axis, width, (before[axis], after[axis])))
    return found


def _shapes(
    module: torch.nn.Module, run: Run, samples: int
) -> Dict[str, List[Tuple[int, ...]]]:
    shapes: Dict[str, List[Tuple[int, ...]]] = {}

    def note(path: str) -> Any:
        def hook(inner: torch.nn.Module, args: Any, output: Any) -> None:
            tensor = _tensor(output)
            shapes.setdefault(path, []).append(
                tuple(tensor.shape) if tensor is not None else ()
            )

        return hook

    handles = [
        inner.register_forward_hook(note(path))
        for path, inner in module.named_modules()
    ]
    generator = torch.Generator().manual_seed(0)
    try:
        run(0.1 * torch.randn(1, samples, generator=generator))
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def _tensor(output: Any) -> Any:
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    is_state = isinstance(output, torch.Tensor) and output.is_floating_point()
    return output if is_state else None


class GenericFamily(AbsFamily):
    """Layers of any module, by module path."""

    batch_independent = False
    one_at_a_time = True

    def __init__(
        self,
        module: torch.nn.Module,
        input_size: int,
        run: Run,
        trial_steps: Tuple[int, int],
    ) -> None:
        """Run a module twice and look at what comes out of its parts.

        Args:
            module: A front end or encoder.
            input_size: Width of its input; not used.
            run: Runs the whole model on a waveform.
            trial_steps: Steps of the module's input in the two trial runs.

        Raises:
            ProbeError: If no sub-module gives states.
        """
        super().__init__(module, input_size)
        self.trial_steps = trial_steps
        self.found: Dict[str, Found] = {}
        self._taps: List[Tap] = []
        kind = type(module).__name__
        everything = explore(module, run)
        # The module itself is called first but is done last.
        everything.sort(key=lambda entry: entry.path == "")
        for entry in everything:
            stride = self._stride(entry)
            if stride:
                name = entry.path.replace(".", PART) or OUTPUT
                if entry.path == OUTPUT:  # a child of that name
                    name = OUTPUT + PART + "module"
                where = f"{kind}.{entry.path}" if entry.path else f"{kind} output"
                self.found[name] = entry
                self._taps.append(Tap(name, entry.width, stride, where))
        if not self._taps:
            raise ProbeError(
                f"{kind} is not known, and two trial runs found no part of it whose "
                "states stand for a whole number of its input steps"
            )
        logging.warning(
            "%s is not known: its layers are named by module path, utterances go "
            "through it one at a time",
            kind,
        )

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say that any module may be tried."""
        return True

    def _stride(self, entry: Found) -> int:
        """Return the input steps per state; 0 if it is not a whole number."""
        steps = self.trial_steps[1] - self.trial_steps[0]
        stride, rest = divmod(steps, entry.frames[1] - entry.frames[0])
        return stride if rest == 0 else 0

    def output_stride(self) -> int:
        """Return the input steps per step of the module's output.

        Raises:
            ProbeError: If it is not a whole number.
        """
        if OUTPUT not in self.found:
            raise ProbeError(
                f"the output of {type(self.module).__name__} does not stand for a "
                "whole number of its input steps: what follows it cannot be probed"
            )
        return super().output_stride()

    def taps(self) -> List[Tap]:
        """Return the layers in the order in which they are called."""
        return list(self._taps)

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Estimate, to within one, how many states a layer has.

        Args:
            name: A layer name.
            input_lengths: (batch,), valid input steps.
        """
        stride = next(tap.stride for tap in self._taps if tap.name == name)
        more = input_lengths - self.trial_steps[0]
        states = torch.div(more, stride, rounding_mode="floor")
        return states + self.found[name].frames[0]

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the module; see :class:`AbsFamily`."""
        return [
            self.module.get_submodule(self.found[name].path).register_forward_hook(
                self._hook(name, sink)
            )
            for name in names
        ]

    def _hook(self, name: str, sink: Sink) -> Any:
        axis = self.found[name].axis

        def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
            features = _tensor(output).movedim(axis, 1).flatten(2)
            sink(name, features, torch.tensor([features.size(1)]))

        return hook
