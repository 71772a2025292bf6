"""Whisper's audio encoder as a front end: ESPnet's ``WhisperFrontend``."""

import torch

from espnet_probe.layers.families.lazy import is_instance
from espnet_probe.layers.families.whisper import WhisperFamily


class WhisperFrontendFamily(WhisperFamily):
    """Layers of ``WhisperFrontend``; the lengths are the encoder's."""

    WHERE = "frontend.whisper.encoder.blocks"

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return is_instance(module, "espnet2.asr.frontend.whisper", "WhisperFrontend")

    def network(self) -> torch.nn.Module:
        """Return Whisper's own ``AudioEncoder``."""
        return self.module.whisper.encoder
