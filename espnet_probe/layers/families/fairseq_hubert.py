"""HuBERT as fairseq builds it: ESPnet's ``hubert`` and ``hubert_pretrain``.

Both take the waveform. fairseq marks padding by cutting the batch's samples into as
many equal pieces as there are states: beside a longer utterance one has a state more
than alone, which has heard padding. So they are given utterances one at a time.
"""

import torch

from espnet_probe.layers.families.abs_family import InputLengths
from espnet_probe.layers.families.fairseq_stack import FairseqFamily
from espnet_probe.layers.families.lazy import is_instance


class FairseqHubertFamily(FairseqFamily):
    """Layers of ``FairseqHubertEncoder``."""

    # See the module's text.
    batch_independent = False
    one_at_a_time = True

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.hubert_encoder", "FairseqHubertEncoder"
        )


class FairseqHubertPretrainFamily(FairseqHubertFamily):
    """Layers of ``FairseqHubertPretrainEncoder``, whose ``forward`` is a loss.

    It is run as for the extraction of features: fairseq's model inside is called,
    without masks over its input.
    """

    WHERE = "encoder.encoder.encoder.layers"

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.hubert_encoder", "FairseqHubertPretrainEncoder"
        )

    def network(self) -> torch.nn.Module:
        """Return fairseq's own model."""
        network: torch.nn.Module = self.module.encoder
        return network

    def watch_lengths(self) -> InputLengths:
        """Return the lengths of the input, from the mask given to the model."""
        return MaskLengths(self.network())

    def output_module(self) -> torch.nn.Module:
        """Return the module whose output is ``final``."""
        module: torch.nn.Module = self.module.encoder.encoder
        return module


class MaskLengths(InputLengths):
    """Remembers the lengths in the ``padding_mask`` that a module was given."""

    def _note(self, module: torch.nn.Module, args: object, kwargs: object) -> None:
        assert isinstance(kwargs, dict)
        self.value = (~kwargs["padding_mask"]).sum(dim=1).detach().cpu().long()
