"""HuBERT as torchaudio builds it: ESPnet's ``TorchAudioHuBERTPretrainEncoder``.

It takes the waveform. Its ``forward`` is the pre-training loss unless it was built with
``finetuning: true``; what is tapped is inside, where both ways of running it pass.
"""

from typing import List

import torch

from espnet_probe.layers.families.abs_family import InputLengths
from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily


class TorchAudioHuBERTFamily(StackFamily):
    """Layers of ``TorchAudioHuBERTPretrainEncoder``."""

    PARTS = {"attention": "attention", "feedforward": "feed_forward"}
    WHERE = "encoder.hubert_pretrain_model.wav2vec2.encoder.transformer.layers"

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`."""
        super().__init__(module, input_size)
        self.wav2vec2 = self.module.hubert_pretrain_model.wav2vec2
        layers = self.wav2vec2.feature_extractor.conv_layers
        self.convolutions = [
            (layer.conv.kernel_size[0], layer.conv.stride[0], layer.conv.padding[0])
            for layer in layers
        ]
        # A group norm takes mean and variance over time, padding included.
        self.batch_independent = not any(
            isinstance(layer.layer_norm, torch.nn.GroupNorm) for layer in layers
        )

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module,
            "espnet2.asr.encoder.hubert_encoder",
            "TorchAudioHuBERTPretrainEncoder",
        )

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(self.wav2vec2.encoder.transformer.layers)

    def has_final(self) -> bool:
        """Say whether a norm follows the last block."""
        # torchaudio's flag is of the norm before the blocks; without it, it comes last.
        return not self.wav2vec2.encoder.transformer.layer_norm_first

    def watch_lengths(self) -> InputLengths:
        """Return the lengths of the input; every way through starts there."""
        return InputLengths(self.wav2vec2.feature_extractor)

    def output_module(self) -> torch.nn.Module:
        """Return the module whose output is ``final``."""
        module: torch.nn.Module = self.wav2vec2.encoder
        return module
