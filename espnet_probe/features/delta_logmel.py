"""The paper's front end: log-mel, deltas and accelerations stacked as channels."""

from typing import Optional, Tuple, Union

import torch
import torchaudio
from espnet2.asr.frontend.abs_frontend import AbsFrontend

from espnet_probe.features.log_mel import (
    LogMel,
    LogMelConfig,
    parse_sampling_rate,
    zero_after_end,
)

#: Static values, deltas, accelerations.
NUM_CHANNELS = 3

#: Frames that a delta is computed over, as in Kaldi's and HTK's defaults.
DELTA_WINDOW = 5


def hold_last_frame(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Repeat each item's last valid frame behind its end.

    Deltas at the end of an utterance are defined on a repeated last frame; this
    makes them the same in a padded batch as alone.

    Args:
        values: (batch, frames, width).
        lengths: (batch,), valid frames, at least 1.
    """
    steps = torch.arange(values.size(1), device=values.device)
    index = torch.minimum(steps[None, :], lengths.to(values.device)[:, None] - 1)
    return values.gather(1, index[:, :, None].expand_as(values))


def deltas(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return the regression deltas of a padded batch, (batch, frames, width).

    The formula is that of :func:`torchaudio.functional.compute_deltas`.

    Args:
        values: (batch, frames, width).
        lengths: (batch,), valid frames.
    """
    held = hold_last_frame(values, lengths)
    computed = torchaudio.functional.compute_deltas(
        held.transpose(1, 2), win_length=DELTA_WINDOW
    )
    return computed.transpose(1, 2)


class DeltaLogMel(AbsFrontend):
    """ESPnet front end ``delta_logmel``: static, delta and acceleration log-mels.

    The output is (batch, frames, 3 x n_mels) in the order static, delta,
    acceleration, each n_mels wide, which is the order of channels that ESPnet's
    ``VGGRNNEncoder(in_channel=3)`` reads. The static part is the probe's target.
    """

    def __init__(
        self,
        fs: Union[int, str] = 16000,
        n_fft: int = 2048,
        win_length: Optional[int] = None,
        hop_length: Optional[int] = None,
        n_mels: int = 80,
        fmin: float = 0.0,
        fmax: Optional[float] = None,
        pre_emphasis: float = 0.97,
    ) -> None:
        """Initialise the front end.

        Args:
            fs: Sampling rate in Hz, or text such as "16k".
            n_fft: FFT length in samples.
            win_length: Window in samples; by default 50 ms.
            hop_length: Frame shift in samples; by default 12.5 ms.
            n_mels: Number of mel bands.
            fmin: Lower edge of the lowest band in Hz.
            fmax: Upper edge of the highest band in Hz; by default fs / 2.
            pre_emphasis: Pre-emphasis coefficient; 0 switches it off.

        Raises:
            ProbeError: If the settings make no spectrogram.
        """
        super().__init__()
        rate = parse_sampling_rate(fs)
        self.config = LogMelConfig(
            fs=rate,
            n_fft=n_fft,
            win_length=round(0.05 * rate) if win_length is None else win_length,
            hop_length=round(0.0125 * rate) if hop_length is None else hop_length,
            n_mels=n_mels,
            fmin=fmin,
            fmax=fmax,
            pre_emphasis=pre_emphasis,
        )
        self.log_mel = LogMel(self.config)

    def output_size(self) -> int:
        """Return the width of the output, 3 x n_mels."""
        return NUM_CHANNELS * self.config.n_mels

    def forward(
        self, input: torch.Tensor, input_lengths: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Compute the features.

        Args:
            input: Waveforms, (batch, samples).
            input_lengths: (batch,), valid samples.

        Returns:
            features: (batch, frames, 3 x n_mels), zero behind each item's end.
            frames: (batch,), valid frames.
        """
        static, frames = self.log_mel(input, input_lengths)
        delta = deltas(static, frames)
        acceleration = deltas(delta, frames)
        features = torch.cat([static, delta, acceleration], dim=2)
        return zero_after_end(features, frames), frames
