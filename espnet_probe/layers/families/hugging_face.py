"""Language models of Hugging Face on top of an encoder, or as one.

ESPnet's ``HuggingFaceTransformersPostEncoder`` lets a text model's blocks run over the
states of a speech encoder; ``HuggingFaceTransformersEncoder`` runs them over tokens.
"""

from typing import List

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.stack import StackFamily

#: How the models call their list of blocks, and the norm after it.
BLOCKS = ("layers", "layer", "block", "h")
NORMS = ("layer_norm", "final_layer_norm", "ln_f", "norm")


class HuggingFaceEncoderFamily(StackFamily):
    """Layers of ``HuggingFaceTransformersEncoder``; a step of its input is a token.

    With a ``lang_token_id`` a state for that token would come first; it stands for no
    step and is left out.
    """

    WHERE = "encoder.transformer"

    def __init__(self, module: torch.nn.Module, input_size: int) -> None:
        """Look at an encoder; see :class:`AbsFamily`.

        Raises:
            ProbeError: If its blocks are not found.
        """
        super().__init__(module, input_size)
        found = [
            name
            for name in BLOCKS
            if isinstance(
                getattr(self.module.transformer, name, None), torch.nn.ModuleList
            )
        ]
        if not found:
            kind = type(self.module.transformer).__name__
            raise ProbeError(
                f"the blocks of the Hugging Face model {kind} are not where they are "
                f"looked for: expected one of {', '.join(BLOCKS)} in it"
            )
        self.WHERE = f"{type(self).WHERE}.{found[0]}"
        self._blocks = found[0]

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module,
            "espnet2.asr.encoder.hugging_face_transformers_encoder",
            "HuggingFaceTransformersEncoder",
        )

    def extra(self) -> int:
        """Return the states before the first one that stands for a step."""
        return int(self.module.lang_token_id != -1)

    def blocks(self) -> List[torch.nn.Module]:
        """Return the blocks, from the input on."""
        return list(getattr(self.module.transformer, self._blocks))

    def has_final(self) -> bool:
        """Say whether a norm follows the last block."""
        return any(hasattr(self.module.transformer, name) for name in NORMS)

    def arranged(self, states: torch.Tensor) -> torch.Tensor:
        """Return the states without that of the language token.

        Args:
            states: (batch, time, width).
        """
        return states[:, self.extra() :]

    def arranged_output(self, states: torch.Tensor) -> torch.Tensor:
        """Return the output without the language token's state.

        Args:
            states: (batch, time, width).
        """
        return self.arranged(states)


class HuggingFacePostEncoderFamily(HuggingFaceEncoderFamily):
    """Layers of ``HuggingFaceTransformersPostEncoder``; its input is an encoder's."""

    WHERE = "postencoder.transformer"

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(
            module,
            "espnet2.asr.postencoder.hugging_face_transformers_postencoder",
            "HuggingFaceTransformersPostEncoder",
        )

    def extra(self) -> int:
        """Return the states before the first one that stands for a step."""
        return int(self.module.lang_token_embed is not None)

    def stride(self) -> int:
        """Return the input steps per state: what its length adaptor joins."""
        return int(self.module.length_adaptor_ratio)

    def block_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Return how many states the blocks have: one per whole group of steps.

        Args:
            input_lengths: (batch,), valid steps.
        """
        return torch.div(input_lengths, self.stride(), rounding_mode="floor")
