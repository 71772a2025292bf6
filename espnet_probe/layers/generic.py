"""Layers of a module that no family knows: found by running it.

Two trial runs on waveforms of different lengths show which sub-modules give one output
per piece of time: exactly one dimension of their output grows, and it is time; the
others together are the state. A layer's name is its module path with ``-`` for ``.``;
the number in a ``ModuleList`` stands without it, as in ``layers3``.

Limits, since nothing is known of the module: utterances are given to it one at a time;
the number of states is what comes out, and for the check before the start it is
estimated, to within one, from the trial runs; state 0 is taken to begin with the
utterance, whatever a module may have put before it. Left out, and named in the log, are
sub-modules that are called several times in one pass, whose states do not stand for a
whole number of input steps, or whose output is no tensor of one batch and one time.
"""

import logging
import math
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
        run: Runs the whole model; called three times.

    Returns:
        In the order in which they are first called.

    Raises:
        ProbeError: If two passes over one waveform differ.
    """
    short, again, long = (_outputs(module, run, TRIAL_SAMPLES[k]) for k in (0, 0, 1))
    found = []
    for path, outputs in short.items():
        others = long.get(path, [])
        if len(outputs) != 1 or len(others) != 1:
            continue
        before, after = list(outputs[0].shape), list(others[0].shape)
        grown = [k for k in range(len(before)) if before[k : k + 1] != after[k : k + 1]]
        if len(before) != len(after) or len(before) < 3 or len(grown) != 1:
            continue
        axis = grown[0]
        rest = before[:axis] + before[axis + 1 :]
        if rest[0] != 1:  # not one utterance: pieces of time side by side
            continue
        if not torch.equal(outputs[0], again[path][0]):
            raise ProbeError(
                f"two passes over one waveform give different outputs of "
                f"{type(module).__name__} at {path or 'its end'}: its states are "
                "random in evaluation too, and cannot be probed"
            )
        frames = (before[axis], after[axis])
        found.append(Found(path, axis, math.prod(rest), frames))
    return found


def _outputs(
    module: torch.nn.Module, run: Run, samples: int
) -> Dict[str, List[torch.Tensor]]:
    """Run the model on noise; return all outputs of every sub-module by its path."""
    outputs: Dict[str, List[torch.Tensor]] = {}

    def note(path: str) -> Any:
        def hook(inner: torch.nn.Module, args: Any, output: Any) -> None:
            # A copy: what follows may work in place.
            outputs.setdefault(path, []).append(_tensor(output).detach().clone())

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
    return outputs


def _tensor(output: Any) -> torch.Tensor:
    """Return the first tensor of an output; an empty one if there is none."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    is_state = isinstance(output, torch.Tensor) and output.is_floating_point()
    return output if is_state else torch.zeros(0)


def layer_name(module: torch.nn.Module, path: str) -> str:
    """Return the name of a sub-module as a layer.

    Args:
        module: The module.
        path: The sub-module's path; empty for the module itself.
    """
    if not path:
        return OUTPUT
    name, inside = "", module
    for word in path.split("."):
        numbered = isinstance(inside, torch.nn.ModuleList) and not name[-1:].isdigit()
        name += word if numbered or not name else PART + word
        inside = getattr(inside, word)
    # A child with the name that the module's own output has.
    return OUTPUT + PART + "module" if name == OUTPUT else name


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
            name = layer_name(module, entry.path)
            if stride and name not in self.found:
                where = f"{kind}.{entry.path}" if entry.path else f"{kind} output"
                self.found[name] = entry
                self._taps.append(Tap(name, entry.width, stride, where))
        if not self._taps:
            raise ProbeError(
                f"{kind} is not known, and trial runs found no part of it whose "
                "states stand for a whole number of its input steps"
            )
        tapped = {entry.path for entry in self.found.values()}
        left_out = [path for path, _ in module.named_modules() if path not in tapped]
        logging.warning(
            "%s is not known: its layers are named by module path, utterances go "
            "through it one at a time; left out: %s",
            kind,
            " ".join(path or OUTPUT for path in left_out) or "nothing",
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
            # One utterance: the dimension that is the batch has size 1.
            features = _tensor(output).movedim(axis, 0).flatten(1)[None]
            sink(name, features, torch.tensor([features.size(1)]))

        return hook
