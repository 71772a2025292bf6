"""Mel-spectrogram pictures of a few utterances, on one colour scale each."""

import math
from pathlib import Path
from typing import Dict, Mapping, Tuple

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from omniio import kaldi as kaldi_io
from PIL import Image

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.report.files import replacing

Mel = NDArray[np.float32]

#: What is shown below the loudest band, in dB: below it recordings are noise.
RANGE_DB = 70.0


def sound_mel(wave: NDArray[np.floating], config: LogMelConfig) -> Mel:
    """Return the natural-log mel spectrogram of a sound, (frames, n_mels).

    Args:
        wave: (samples,), in [-1, 1].
        config: The spectrogram's settings.
    """
    samples = torch.from_numpy(np.asarray(wave, dtype=np.float32)).unsqueeze(0)
    with torch.no_grad():
        log_mel, _ = LogMel(config)(samples, torch.tensor([samples.size(1)]))
    return np.asarray(log_mel[0].numpy(), dtype=np.float32)


def read_mels(scp: Path, utterances: Tuple[str, ...]) -> Dict[str, Mel]:
    """Read the mels of some utterances, (frames, n_mels) each, from an ark.

    Args:
        scp: ``feats.scp`` as the reconstruction wrote it; it may be missing.
        utterances: The ids; those that the file does not have are left out.

    Raises:
        ProbeError: If the ark that it names is not there, or is broken.
    """
    if not scp.is_file():
        return {}
    try:
        loader = kaldi_io.load_scp(str(scp))
        return {
            utt: np.asarray(loader[utt], dtype=np.float32)
            for utt in utterances
            if utt in loader
        }
    except (OSError, ValueError, kaldi_io.ReadError) as error:
        raise ProbeError(
            f"{scp}: the mels cannot be read ({error}); run this in the recipe's "
            "folder, which the paths start from, or reconstruct again"
        ) from error


def colour_limits(mels: Mapping[str, Mel]) -> Tuple[float, float]:
    """Return the lowest and highest log magnitude to show for one utterance."""
    high = max(float(mel.max()) for mel in mels.values())
    return high - RANGE_DB * math.log(10) / 20, high


def write_image(mel: Mel, path: Path, limits: Tuple[float, float]) -> None:
    """Write a picture with one pixel per frame and two per band, low bands below.

    Args:
        mel: (frames, n_mels).
        path: A PNG.
        limits: The values of the darkest and the brightest colour.
    """
    low, high = limits
    shade = np.clip((mel.T[::-1] - low) / max(high - low, 1e-6), 0.0, 1.0)
    pixels = (colormaps["magma"](shade)[..., :3] * 255).round().astype(np.uint8)
    with replacing(path) as temporary:
        Image.fromarray(np.repeat(pixels, 2, axis=0)).save(temporary, optimize=True)
