"""Self-supervised models of Hugging Face as a front end: ``HuggingFaceFrontend``."""

from typing import List

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.abs_family import Tap
from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily

#: Architectures (``model_type``) whose blocks each give one state per output state.
KNOWN = (
    "wav2vec2",
    "wav2vec2-bert",
    "wav2vec2-conformer",
    "hubert",
    "wavlm",
    "unispeech",
    "unispeech-sat",
    "data2vec-audio",
)

#: Those whose blocks are Conformers.
CONFORMERS = ("wav2vec2-bert", "wav2vec2-conformer")

#: Those that convolve over an utterance's end without masking what is behind it, as
#: adapters do.
UNMASKED = ("wav2vec2-conformer", "data2vec-audio")

#: Kaldi's window and shift in samples, which the w2v-BERT extractor has in its code.
WINDOW, SHIFT = 400, 160


class HuggingFaceFamily(StackFamily):
    """Layers of ``HuggingFaceFrontend``; it takes the waveform.

    Of an architecture that is not among ``KNOWN`` only the output can be probed.
    """

    PARTS = {
        "feedforward_macaron": "ffn1",
        "attention": "attention",
        "convolution": "conv_module",
        "feedforward": "feed_forward",
    }
    #: As the Conformers among them call them.
    CONFORMER_PARTS = {"attention": "self_attn", "feedforward": "ffn2"}
    WHERE = "frontend.encoder.encoder.layers"

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at a front end; see :class:`AbsFamily`.

        Raises:
            ProbeError: If ESPnet counts more frames than the model gives.
        """
        super().__init__(module, input_size)
        self.network = self.module.encoder
        self.config = self.network.config
        self.adapts = bool(getattr(self.config, "add_adapter", False))
        if self.config.model_type in CONFORMERS:
            self.PARTS = {**self.PARTS, **self.CONFORMER_PARTS}
        if self.module.waveform_input:
            extractor = self.network.feature_extractor
            self.convolutions = [
                (layer.kernel_size[0], layer.stride[0], int(layer.padding[0]))
                for layer in extractor.modules()
                if isinstance(layer, torch.nn.Conv1d)
            ]
            # Without a mask padding is heard; a group norm takes mean and variance
            # over time, padding included.
            self.batch_independent = (
                self.config.model_type not in UNMASKED
                and not self.adapts
                and bool(self.module.processor.return_attention_mask)
                and not any(
                    isinstance(layer, torch.nn.GroupNorm)
                    for layer in extractor.modules()
                )
            )
        else:
            if self.adapts:
                raise ProbeError(
                    f"this {self.config.model_type} has an adapter that halves its "
                    "frames, but ESPnet's front end counts them as before: only models "
                    "with add_adapter false are supported"
                )
            stride = int(self.module.processor.stride)
            self.convolutions = [(WINDOW, SHIFT, 0), (stride, stride, 0)]

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module, "espnet2.asr.frontend.huggingface", "HuggingFaceFrontend"
        )

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on; none if they are not known."""
        if self.config.model_type not in KNOWN:
            return []
        return list(self.network.encoder.layers)

    def has_final(self) -> bool:
        """Say whether a norm or an adapter follows the last block."""
        if self.adapts or self.config.model_type == "wav2vec2-conformer":
            return True
        if getattr(self.config, "use_intermediate_ffn_before_adapter", False):
            return True
        return bool(getattr(self.config, "do_stable_layer_norm", False))

    def final_tap(self) -> Tap:
        """Return the tap of the front end's output."""
        width, stride = int(self.config.hidden_size), self.stride()
        if self.adapts:
            width = int(self.config.output_hidden_size)
            stride *= self.config.adapter_stride**self.config.num_adapter_layers
        return Tap("final", width, stride, "frontend output")

    def final_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the output has, as the model itself counts them.

        Args:
            input_lengths: (batch,), valid samples.
        """
        lengths = self.block_lengths(input_lengths)
        if not self.adapts:
            return lengths
        counted: torch.Tensor = self.network._get_feat_extract_output_lengths(
            input_lengths
        )
        return torch.where(lengths > 0, counted, lengths)
