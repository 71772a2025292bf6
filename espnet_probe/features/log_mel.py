"""Log-mel spectrogram: what the probes recover and what the vocoder starts from.

Conventions:
    waveform: (batch, samples), float in [-1, 1].
    log_mel: (batch, frames, n_mels), natural logarithm of the mel magnitude
        spectrum, not normalised.
    Frame 0 is centred on sample 0; an utterance of n samples has
    ``1 + n // hop_length`` frames, whatever it is batched with.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import torch
import torchaudio

from espnet_probe.errors import ProbeError

#: Smallest mel magnitude; about the quantisation noise of 16-bit audio.
MAGNITUDE_FLOOR = 1e-5


@dataclass(frozen=True)
class LogMelConfig:
    """Settings of a log-mel spectrogram; the defaults are the paper's.

    Window 50 ms, shift 12.5 ms, FFT 2048 and pre-emphasis 0.97 at 16 kHz, 80
    bands: Li, Yuan, Lee, "What does a network layer hear?", ICASSP 2020.

    Attributes:
        fs: Sampling rate in Hz.
        n_fft: FFT length in samples.
        win_length: Length of the Hann window in samples.
        hop_length: Frame shift in samples.
        n_mels: Number of mel bands.
        fmin: Lower edge of the lowest band in Hz.
        fmax: Upper edge of the highest band in Hz; None means fs / 2.
        pre_emphasis: Coefficient a of y[t] = x[t] - a x[t-1]; 0 switches it off.
    """

    fs: int = 16000
    n_fft: int = 2048
    win_length: int = 800
    hop_length: int = 200
    n_mels: int = 80
    fmin: float = 0.0
    fmax: Optional[float] = None
    pre_emphasis: float = 0.97

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ProbeError: If a value makes no spectrogram.
        """
        top = self.fs / 2 if self.fmax is None else self.fmax
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ProbeError(
                "log-mel settings: expected 0 < hop_length <= win_length <= n_fft, "
                f"got {self.hop_length}, {self.win_length}, {self.n_fft}"
            )
        if not 0 <= self.fmin < top <= self.fs / 2:
            raise ProbeError(
                "log-mel settings: expected 0 <= fmin < fmax <= fs/2, "
                f"got fmin={self.fmin}, fmax={top}, fs={self.fs}"
            )
        if self.n_mels < 1 or not 0 <= self.pre_emphasis < 1:
            raise ProbeError(
                "log-mel settings: expected n_mels >= 1 and 0 <= pre_emphasis < 1, "
                f"got {self.n_mels} and {self.pre_emphasis}"
            )

    @property
    def frame_shift(self) -> float:
        """Frame shift in seconds."""
        return self.hop_length / self.fs

    def num_frames(self, samples: int) -> int:
        """Return the number of frames of an utterance of ``samples`` samples."""
        return 1 + samples // self.hop_length

    def to_dict(self) -> Dict[str, Any]:
        """Return the settings as a dictionary that YAML and JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LogMelConfig":
        """Make the settings from a dictionary.

        Args:
            values: As written by :meth:`to_dict`.

        Raises:
            ProbeError: If a key is unknown or a value is impossible.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ProbeError(f"log-mel settings: unknown keys {sorted(unknown)}")
        return cls(**values)


def mel_filterbank(config: LogMelConfig) -> torch.Tensor:
    """Return the triangular mel filters, shape (n_fft // 2 + 1, n_mels).

    Slaney's mel scale and area normalisation, which are also the defaults of
    librosa and so of ESPnet's own log-mel features.

    Args:
        config: The spectrogram's settings.
    """
    return torchaudio.functional.melscale_fbanks(
        n_freqs=config.n_fft // 2 + 1,
        f_min=config.fmin,
        f_max=config.fs / 2 if config.fmax is None else config.fmax,
        n_mels=config.n_mels,
        sample_rate=config.fs,
        norm="slaney",
        mel_scale="slaney",
    )


def zero_after_end(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Set what lies behind each item's end to zero.

    Args:
        values: (batch, time, ...).
        lengths: (batch,), the valid time steps of each item.
    """
    steps = torch.arange(values.size(1), device=values.device)
    outside = steps[None, :] >= lengths.to(values.device)[:, None]
    shape = outside.shape + (1,) * (values.dim() - 2)
    return values.masked_fill(outside.view(shape), 0.0)


class LogMel(torch.nn.Module):
    """Waveform to log-mel spectrogram, the same alone and in a padded batch."""

    def __init__(self, config: LogMelConfig) -> None:
        """Initialise the transform.

        Args:
            config: The spectrogram's settings.
        """
        super().__init__()
        self.config = config
        # Not persistent: they follow from the settings, and a model that is
        # fine-tuned with other ones should not find stale filters in its file.
        window = torch.hann_window(config.win_length)
        self.register_buffer("window", window, persistent=False)
        filters = mel_filterbank(config)
        self.register_buffer("filters", filters, persistent=False)
        self.window: torch.Tensor
        self.filters: torch.Tensor

    def magnitude(self, waveform: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the magnitude spectrum, (batch, frames, n_fft // 2 + 1).

        Args:
            waveform: (batch, samples).
            lengths: (batch,), valid samples.
        """
        config = self.config
        waveform = waveform.to(self.window.dtype)
        waveform = zero_after_end(waveform, lengths)
        if config.pre_emphasis:
            previous = torch.nn.functional.pad(waveform[:, :-1], (1, 0))
            waveform = waveform - config.pre_emphasis * previous
            # The difference reaches one sample past the end of a short item.
            waveform = zero_after_end(waveform, lengths)
        spectrum = torch.stft(
            waveform,
            n_fft=config.n_fft,
            hop_length=config.hop_length,
            win_length=config.win_length,
            window=self.window,
            center=True,
            # Zeros, not reflection: a reflection at the end of the longest item
            # only would make frames depend on what they are batched with.
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.abs().transpose(1, 2)

    def forward(
        self, waveform: torch.Tensor, lengths: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return the log-mel spectrogram and its lengths.

        Args:
            waveform: (batch, samples).
            lengths: (batch,), valid samples.

        Returns:
            log_mel: (batch, frames, n_mels), zero behind each item's end.
            frames: (batch,), valid frames, ``1 + samples // hop_length``.
        """
        mel = self.magnitude(waveform, lengths) @ self.filters
        log_mel = mel.clamp(min=MAGNITUDE_FLOOR).log()
        frames = 1 + torch.div(lengths, self.config.hop_length, rounding_mode="floor")
        return zero_after_end(log_mel, frames), frames


def parse_sampling_rate(fs: Union[int, str]) -> int:
    """Return a sampling rate in Hz from a number or from text such as "16k".

    Args:
        fs: As asr.sh passes it: 16000, "16000" or "16k".

    Raises:
        ProbeError: If the text is not a rate.
    """
    text = str(fs).strip().lower()
    factor = 1000 if text.endswith("k") else 1
    try:
        rate = round(float(text.removesuffix("k")) * factor)
    except (ValueError, OverflowError):
        rate = 0
    if rate < 1:
        raise ProbeError(
            f"sampling rate: got {fs!r}, expected a number such as 16000 or 16k"
        )
    return rate
