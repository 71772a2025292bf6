"""wav2vec 2.0 as fairseq builds it: ESPnet's ``FairSeqWav2Vec2Encoder``."""

import torch

from espnet_probe.layers.families.fairseq_stack import FairseqFamily
from espnet_probe.layers.families.lazy import is_instance


class FairseqWav2Vec2Family(FairseqFamily):
    """Layers of ``FairSeqWav2Vec2Encoder``; it takes the waveform."""

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        # A group norm takes mean and variance over time, padding included.
        self.batch_independent = not self.group_norm
        # In a batch only the longest item is cropped.
        self.multiple = int(getattr(self.network(), "crop_seq_to_multiple", 1))
        self.one_at_a_time = self.multiple > 1

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.encoder.wav2vec2_encoder", "FairSeqWav2Vec2Encoder"
        )

    def block_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the blocks have.

        The convolutions' own rule, cropped to a multiple where the model asks for it.

        Args:
            input_lengths: (batch,), valid samples.
        """
        lengths = super().block_lengths(input_lengths)
        return lengths - lengths % self.multiple
