"""What ESPnet does to a waveform before a model sees it, in evaluation too.

A model's own inference passes waveforms through the preprocessor of its training. Two
of its steps change hidden states: bringing the peak to one level, and filling up to the
length that OWSM was trained on.
"""

from dataclasses import dataclass
from typing import Any, Dict, Optional

import torch

#: Tasks whose preprocessor is given ``speech_volume_normalize``.
SCALED_TASKS = ("asr", "asr_transducer", "s2t", "s2t_ctc", "st")

#: Tasks whose preprocessor fills up with zeros.
FILLED_TASKS = ("s2t", "s2t_ctc")


@dataclass(frozen=True)
class Preparation:
    """What is done to every waveform.

    Attributes:
        peak: Its largest absolute value is brought to this; None to leave it.
        samples: Zeros are put behind it up to this many samples; None for none.
    """

    peak: Optional[float] = None
    samples: Optional[int] = None

    def __call__(self, waveform: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return a batch as the model is to see it.

        Args:
            waveform: (batch, samples).
            lengths: (batch,), valid samples.
        """
        if self.peak is not None:
            inside = torch.arange(waveform.size(1), device=waveform.device)
            inside = inside[None] < lengths.to(waveform.device)[:, None]
            largest = (waveform * inside).abs().amax(dim=1, keepdim=True)
            # ESPnet leaves silence as it is.
            scale = torch.where(largest > 0, self.peak / largest, 1.0)
            waveform = waveform * scale
        if self.samples is not None:
            missing = self.samples - waveform.size(1)
            waveform = torch.nn.functional.pad(waveform, (0, missing))
        return waveform

    def settings(self) -> Dict[str, Any]:
        """Return what is done, for the model's hash; empty for nothing."""
        return {key: value for key, value in vars(self).items() if value is not None}


def find_preparation(task: str, config: Dict[str, Any], fs: int) -> Preparation:
    """Return what ESPnet's inference does to waveforms of a model.

    Args:
        task: Name of its ESPnet task.
        config: Its configuration.
        fs: Its sampling rate in Hz.
    """
    settings = config.get("preprocessor_conf") or {}
    peak = settings.get("speech_volume_normalize")
    if peak is None and task in SCALED_TASKS:
        peak = config.get("speech_volume_normalize")
    seconds = settings.get("speech_length") if task in FILLED_TASKS else None
    return Preparation(
        peak=None if peak is None else float(peak),
        samples=None if seconds is None else int(seconds * settings.get("fs", fs)),
    )
