"""Self-supervised models of s3prl as a front end: ESPnet's ``S3prlFrontend``.

s3prl itself returns a list of hidden states, cut or filled up to one state per
``downsample_rate`` samples. Its first is ``embed``, the others ``block1``, ``block2``
and so on: for its Transformers these are what enters the first block, and what leaves
each block (the last one after the model's last norm, where it has one).
"""

from typing import Any, List, Sequence

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import (
    AbsFamily,
    InputLengths,
    Sink,
    Tap,
    first_tensor,
)
from espnet_probe.layers.families.lazy import is_instance

#: Samples below which an utterance is refused. s3prl wants about one state of the model
#: per stride; between 50 and 100 ms, at 16 kHz, windows at the borders cost its models
#: so many that it gives up, and what is shorter still it fills up with zeros.
SHORTEST = 1600


class S3prlFamily(AbsFamily):
    """Layers of ``S3prlFrontend``; it takes the waveform."""

    # s3prl fills an item up with copies of the batch's last state, and most of its
    # models have norms over time.
    batch_independent = False

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at a front end; see :class:`AbsFamily`.

        Raises:
            ProbeError: If it repeats its states.
        """
        super().__init__(module, input_size)
        if self.module.tile_factor != 1:
            raise ProbeError(
                f"this s3prl front end has tile_factor {self.module.tile_factor}, with "
                "which ESPnet gives the encoder only the beginning of an utterance: "
                "only tile_factor 1 is supported"
            )
        self.rates = [int(rate) for rate in self.module.upstream.downsample_rates]

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(module, "espnet2.asr.frontend.s3prl", "S3prlFrontend")

    def _names(self) -> List[str]:
        count = self.module.upstream.num_layers
        if count == 1:
            return ["final"]
        return ["embed", *(f"block{number}" for number in range(1, count))]

    def _has_sum(self) -> bool:
        """Say whether the output is another than s3prl's last state."""
        return self.module.upstream.num_layers > 1 and (
            self.module.multilayer_feature or self.module.layer != -1
        )

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        widths = self.module.upstream.hidden_sizes
        taps = [
            Tap(name, int(width), rate, f"frontend.upstream, hidden state {index}")
            for index, (name, width, rate) in enumerate(
                zip(self._names(), widths, self.rates)
            )
        ]
        if self._has_sum():
            width = int(self.module.output_size())
            taps.append(Tap("final", width, self.rates[0], "frontend output"))
        return taps

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has: one per begun stride, s3prl's rule.

        Args:
            name: A layer name.
            input_lengths: (batch,), valid samples.

        Returns:
            (batch,); 0 below ``SHORTEST``.
        """
        names = self._names()
        rate = self.rates[names.index(name) if name in names else 0]
        lengths = torch.div(input_lengths - 1, rate, rounding_mode="floor") + 1
        return torch.where(input_lengths < SHORTEST, 0, lengths)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the front end; see :class:`AbsFamily`."""
        inputs = InputLengths(self.module)
        known = self._names()

        def inner(module: torch.nn.Module, args: Any, output: Any) -> None:
            states, counts = output
            for name, features, count in zip(known, states, counts):
                if name in names:
                    sink(name, features, count)

        def outer(module: torch.nn.Module, args: Any, output: Any) -> None:
            count = self.lengths("final", inputs.value)
            sink("final", first_tensor(output), count)

        handles = [inputs.handle, self.module.upstream.register_forward_hook(inner)]
        if "final" in names and "final" not in known:
            handles.append(self.module.register_forward_hook(outer))
        return handles
