"""The GE2E speaker encoder of the resemblyzer package: our network, its weights.

An LSTM reads 40 linear (not logarithmic) mel bands in windows of 1.6 s; its last
state goes through a Linear, a ReLU and L2 normalisation; the windows' vectors are
averaged and normalised again. The same as ``VoiceEncoder.embed_utterance`` of
resemblyzer 0.1.4, without librosa. The package's voice activity detection, which
needs a C extension, is not part of it.

Reference: L. Wan, Q. Wang, A. Papir, I. Lopez Moreno, "Generalized end-to-end loss
for speaker verification", ICASSP 2018.
"""

from pathlib import Path
from typing import List, Optional

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.abs_embedder import AbsEmbedder
from espnet_probe.speakers.ge2e_weights import (
    MEMBER,
    REQUIREMENT,
    TRAINED_ON,
    file_hash,
    find_weights,
)

FS = 16000
N_FFT = 400
HOP_LENGTH = 160
N_MELS = 40
WIDTH = 256
NUM_LAYERS = 3
# A window of 160 frames is 1.6 s; 1.3 windows start per second.
WINDOW_FRAMES = 160
WINDOW_STEP_FRAMES = round(FS / 1.3 / HOP_LENGTH)
# The last window is kept if audio fills at least this share of it.
MIN_COVERAGE = 0.75


def window_starts(num_samples: int) -> List[int]:
    """Return where the windows of an utterance start.

    Args:
        num_samples: Length of the utterance in samples.

    Returns:
        First frame of each window, at least one; the last may reach past the end.
    """
    num_frames = -(-(num_samples + 1) // HOP_LENGTH)
    count = max(1, num_frames - WINDOW_FRAMES + WINDOW_STEP_FRAMES + 1)
    starts = list(range(0, count, WINDOW_STEP_FRAMES))
    covered = (num_samples - starts[-1] * HOP_LENGTH) / (WINDOW_FRAMES * HOP_LENGTH)
    return starts[:-1] if covered < MIN_COVERAGE and len(starts) > 1 else starts


class LinearMel(torch.nn.Module):
    """Mel power spectrogram with the conventions of ``librosa.feature``.

    Periodic Hann window of 25 ms, shift 10 ms, centred frames with zero padding,
    power 2, Slaney's mel scale and area normalisation, 0 to 8 kHz.
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self) -> None:
        """Build window and filters."""
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        filters = torchaudio.functional.melscale_fbanks(
            N_FFT // 2 + 1, 0.0, FS / 2, N_MELS, FS, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Compute the spectrogram.

        Args:
            waveform: ``(samples,)`` at 16 kHz.

        Returns:
            ``(1 + samples // 160, 40)``, power.
        """
        spectrum = torch.stft(
            waveform,
            N_FFT,
            HOP_LENGTH,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.abs().square().transpose(0, 1) @ self.filters


class GE2ENetwork(torch.nn.Module):
    """LSTM, Linear, ReLU, L2; the names of its parameters are those in the file."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.lstm = torch.nn.LSTM(N_MELS, WIDTH, NUM_LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Embed windows.

        Args:
            mel: ``(windows, 160, 40)``, power.

        Returns:
            ``(windows, 256)``, not negative, each of length 1 (or 0, if the ReLU
            leaves nothing).
        """
        _, (state, _) = self.lstm(mel)
        raw = torch.relu(self.linear(state[-1]))
        return torch.nn.functional.normalize(raw, dim=1)


def load_network(path: Path) -> GE2ENetwork:
    """Read the weights.

    Args:
        path: ``pretrained.pt`` of resemblyzer.

    Returns:
        The network, in eval mode.

    Raises:
        ProbeError: If the file does not hold exactly the network's weights.
    """
    network = GE2ENetwork()
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    # Scale and bias of the training loss; no part of the embedding.
    state = {
        name: value
        for name, value in state.items()
        if name not in ("similarity_weight", "similarity_bias")
    }
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ProbeError(f"{path} does not hold the GE2E network: {error}") from error
    return network.eval()


class GE2EEmbedder(AbsEmbedder):
    """Embeddings of 256 non-negative numbers, of length 1."""

    name = "ge2e"
    label = "ge2e"
    origin = f"{MEMBER} of {REQUIREMENT}"
    trained_on = TRAINED_ON
    sampling_rate = FS
    # One analysis window; anything shorter than 1.6 s is filled up with zeros.
    min_samples = N_FFT

    def __init__(self, weights: Optional[Path] = None) -> None:
        """Load the network.

        Args:
            weights: The file; without, :func:`find_weights` looks for it.

        Raises:
            ProbeError: If the weights are not there or not the right ones.
        """
        self._mel = LinearMel()
        path = weights or find_weights()
        self._network = load_network(path)
        self.weights_hash = file_hash(path)
        if weights is not None:
            self.origin = str(weights)

    @torch.inference_mode()
    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed a waveform that has the right rate, length and level.

        Args:
            waveform: ``(samples,)`` at 16 kHz.

        Returns:
            ``(256,)``.
        """
        starts = window_starts(waveform.size)
        missing = (starts[-1] + WINDOW_FRAMES) * HOP_LENGTH - waveform.size
        padded = torch.nn.functional.pad(
            torch.from_numpy(np.ascontiguousarray(waveform)), (0, max(0, missing))
        )
        mel = self._mel(padded)
        windows = torch.stack([mel[start : start + WINDOW_FRAMES] for start in starts])
        mean = self._network(windows).mean(dim=0)
        embedding: NDArray[np.float32] = torch.nn.functional.normalize(
            mean, dim=0
        ).numpy()
        return embedding
