"""Models that ESPnet's own ssl task trained, as a front end: ``ESPnetSSLFrontend``.

Its layers are those of the model's encoder, by that encoder's family.
"""

from typing import Any, List, Sequence, Tuple

import torch
from torch.utils.hooks import RemovableHandle

from espnet_probe.errors import ProbeError
from espnet_probe.layers.chain import Chain
from espnet_probe.layers.families import find_family
from espnet_probe.layers.families.abs_family import (
    AbsFamily,
    InputLengths,
    Sink,
    Tap,
    first_tensor,
)
from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.frontends.plain import CNNFrontEnd


class ESPnetSSLFamily(AbsFamily):
    """Layers of ``ESPnetSSLFrontend``; it takes the waveform.

    What it gives to the recogniser are the blocks as they are, one or a weighted sum
    of them: the encoder's last norm is computed and left aside, so it is no layer.
    """

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at a front end; see :class:`AbsFamily`.

        Raises:
            ProbeError: If the ssl model's own front end is not the convolutional one.
        """
        super().__init__(module, input_size)
        upstream = self.module.upstream
        if upstream.frontend is None or not CNNFrontEnd.matches(upstream.frontend):
            kind = type(upstream.frontend).__name__
            raise ProbeError(
                f"the ssl model in this front end has the front end {kind}: only "
                "wav2vec_cnn is supported, the one that ESPnet's ssl task has"
            )
        cnn = CNNFrontEnd(upstream.frontend, 1)
        encoder = find_family(upstream.encoder, int(upstream.frontend.output_size()))
        if encoder is None:
            raise ProbeError(
                f"the ssl model in this front end has the encoder "
                f"{type(upstream.encoder).__name__}, whose layers are not known"
            )
        self.parts: List[Tuple[str, AbsFamily]] = [("", cnn), ("", encoder)]
        self.chain = Chain(self.parts)
        self.batch_independent = cnn.batch_independent and encoder.batch_independent
        self.one_at_a_time = self.chain.one_at_a_time

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.frontend.espnet_ssl", "ESPnetSSLFrontend"
        )

    def _inner(self) -> List[Tap]:
        return [tap for tap in self.chain.taps() if tap.name != "final"]

    def _picks(self) -> bool:
        """Say whether the output is another than the last block's."""
        blocks = len(self.module.upstream.encoder.encoders)
        return bool(
            self.module.multilayer_feature or self.module.layer not in (-1, blocks - 1)
        )

    def taps(self) -> List[Tap]:
        """Return the layers in network order."""
        taps = self._inner()
        if self._picks():
            width, stride = int(self.module.output_size()), taps[-1].stride
            taps.append(Tap("final", width, stride, "frontend output"))
        return taps

    def lengths(self, name: str, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states a layer has; see :class:`AbsFamily`."""
        if name == "final":
            name = self._inner()[-1].name
        return self.chain.lengths(name, input_lengths)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the front end; see :class:`AbsFamily`."""
        inner = [name for name in names if name != "final"]
        handles = self.chain.attach(inner, sink)
        if "final" not in names:
            return handles
        inputs = InputLengths(self.module)

        def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
            count = self.lengths("final", inputs.value)
            sink("final", first_tensor(output), count)

        return [*handles, inputs.handle, self.module.register_forward_hook(hook)]
