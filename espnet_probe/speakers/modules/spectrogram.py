"""The front end of the thin ResNet: a spectrum whose frames are standardised.

Source: W. Xie et al., "Utterance-level aggregation for speaker recognition in the
wild", ICASSP 2019: magnitude of the short-time Fourier transform, 257 values (FFT 512,
Hann window of 25 ms, shift 10 ms at 16 kHz); every frame less its mean, divided by its
standard deviation over frequency. So the level of a recording does not matter. The
borders are mirrored, as the authors' were; each utterance's own, so that it is the same
alone and in a padded batch.
"""

from typing import Optional, Tuple, Union

import torch
from espnet2.asr.frontend.abs_frontend import AbsFrontend

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import (
    MAGNITUDE_FLOOR,
    LogMelConfig,
    mel_filterbank,
    parse_sampling_rate,
    zero_after_end,
)

#: Added to the standard deviation, by the authors too: a silent frame becomes zero.
STD_FLOOR = 1e-5


def standardise(frames: torch.Tensor) -> torch.Tensor:
    """Bring every frame to mean 0 and standard deviation 1 over frequency.

    Args:
        frames: (..., values); the deviation is that of the values themselves (divided
            by their number, not by one less).
    """
    centred = frames - frames.mean(dim=-1, keepdim=True)
    deviation = centred.square().mean(dim=-1, keepdim=True).sqrt()
    return centred / (deviation + STD_FLOOR)


def mirrored(
    waveform: torch.Tensor, lengths: torch.Tensor, before: int, after: int
) -> torch.Tensor:
    """Continue each waveform beyond both of its own ends by its mirror image.

    The first and the last sample are not repeated. Where a waveform is shorter than
    what is to be added, its mirror image is mirrored again.

    Args:
        waveform: (batch, samples).
        lengths: (batch,), valid samples, at least 1.
        before: Samples to add before the first.
        after: Samples to add after each item's last.

    Returns:
        (batch, before + samples + after), zero behind what was added to an item.
    """
    steps = torch.arange(-before, waveform.size(1) + after, device=waveform.device)
    last = (lengths.to(waveform.device) - 1).clamp(min=0)[:, None]
    # A triangular wave of the period 2 (length - 1) goes to and fro between the ends.
    phase = steps[None, :] % (2 * last).clamp(min=1)
    index = torch.minimum(phase, 2 * last - phase).clamp(min=0)
    extended = waveform.gather(1, index)
    outside = steps[None, :] > last + after
    return extended.masked_fill(outside, 0.0)


class Spectrogram(AbsFrontend):
    """ESPnet front end ``spectrogram``: magnitude, or log-mel, standardised by frame.

    Frame 0 is centred on sample 0; n samples have ``1 + n // hop_length`` frames.
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(
        self,
        fs: Union[int, str] = 16000,
        n_fft: int = 512,
        win_length: int = 400,
        hop_length: int = 160,
        n_mels: Optional[int] = None,
        pre_emphasis: float = 0.0,
        standardised: bool = True,
        append_reversed: bool = False,
    ) -> None:
        """Initialise the front end.

        Args:
            fs: Sampling rate in Hz, or text such as "16k".
            n_fft: FFT length in samples.
            win_length: Window in samples.
            hop_length: Frame shift in samples.
            n_mels: If given, the frames are log-mel spectra of so many bands (natural
                logarithm of the magnitude in Slaney's bands).
            pre_emphasis: Pre-emphasis coefficient; 0 switches it off.
            standardised: Whether every frame is standardised over frequency.
            append_reversed: Whether, in eval mode, an utterance is followed by itself
                reversed in time, as its authors embed for their published numbers. The
                features are twice as long then.

        Raises:
            ProbeError: If the settings make no spectrogram.
        """
        super().__init__()
        config = LogMelConfig(
            fs=parse_sampling_rate(fs),
            n_fft=n_fft,
            win_length=win_length,
            hop_length=hop_length,
            n_mels=80 if n_mels is None else n_mels,
            pre_emphasis=pre_emphasis,
        )
        self.config = config
        self.n_mels = n_mels
        self.standardised = standardised
        self.append_reversed = append_reversed
        # Not persistent: they follow from the settings.
        window = torch.hann_window(win_length)
        self.register_buffer("window", window, persistent=False)
        filters = torch.empty(0) if n_mels is None else mel_filterbank(config)
        self.register_buffer("filters", filters, persistent=False)

    def output_size(self) -> int:
        """Return the values of a frame: n_fft / 2 + 1, or n_mels."""
        return self.config.n_fft // 2 + 1 if self.n_mels is None else self.n_mels

    def forward(
        self, input: torch.Tensor, input_lengths: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Compute the features.

        Args:
            input: Waveforms, (batch, samples).
            input_lengths: (batch,), valid samples.

        Returns:
            features: (batch, frames, output_size), zero behind each item's end.
            frames: (batch,), valid frames.

        Raises:
            ProbeError: If the waveforms have several channels, or one has no samples.
        """
        if input.dim() != 2:
            raise ProbeError(
                f"spectrogram: got waveforms of shape {tuple(input.shape)}, expected "
                "(batch, samples): give one channel"
            )
        lengths = input_lengths.to(device=input.device, dtype=torch.long)
        if input.size(1) == 0 or int(lengths.min()) < 1:
            raise ProbeError(
                "spectrogram: got a waveform without samples: leave it out of the set"
            )
        waveform = input.to(self.window.dtype)
        if self.append_reversed and not self.training:
            waveform, lengths = _with_reversed(waveform, lengths)
        # Half precision, which training with use_amp would choose, has too few digits.
        with torch.autocast(input.device.type, enabled=False):
            values = self._features(waveform, lengths)
        hop = self.config.hop_length
        frames = 1 + torch.div(lengths, hop, rounding_mode="floor")
        return zero_after_end(values, frames), frames

    def _features(self, waveform: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.config.pre_emphasis:
            previous = torch.nn.functional.pad(waveform[:, :-1], (1, 0))
            waveform = waveform - self.config.pre_emphasis * previous
        values = self._magnitude(waveform, lengths)
        if self.n_mels is not None:
            values = (values @ self.filters).clamp(min=MAGNITUDE_FLOOR).log()
        if self.standardised:
            values = standardise(values)
        return values

    def _magnitude(self, waveform: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the magnitude spectrum, (batch, frames, n_fft // 2 + 1)."""
        half = self.config.n_fft // 2
        spectrum = torch.stft(
            mirrored(waveform, lengths, half, half),
            n_fft=self.config.n_fft,
            hop_length=self.config.hop_length,
            win_length=self.config.win_length,
            window=self.window,
            center=False,
            return_complex=True,
        )
        return spectrum.abs().transpose(1, 2)


def _with_reversed(
    waveform: torch.Tensor, lengths: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return each waveform followed by itself reversed in time, and the new lengths."""
    steps = torch.arange(2 * waveform.size(1), device=waveform.device)[None, :]
    ends = lengths[:, None]
    index = torch.minimum(steps, 2 * ends - 1 - steps).clamp(min=0)
    return waveform.gather(1, index).masked_fill(steps >= 2 * ends, 0.0), 2 * lengths
