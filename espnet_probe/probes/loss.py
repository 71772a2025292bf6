"""The probes' loss: L1 on the frames that states stand for.

State t of a layer with stride K stands for the frames from K t on, K of them. Where
a model's convolutions or down-sampling leave out the end of an utterance, no state
stands for its last frames: they do not count in the loss, and a reconstruction holds
the last frame that there is. Where states stand for more frames than there are, the
surplus is cut.
"""

from typing import Tuple

import torch


def covered_frames(
    frames: torch.Tensor, states: torch.Tensor, stride: int
) -> torch.Tensor:
    """Return how many frames of each item its states stand for.

    Args:
        frames: (batch,), frames of the target.
        states: (batch,), valid states of a layer, on any device.
        stride: Frames per state.

    Returns:
        (batch,), on the device of ``frames``, at most ``frames``.
    """
    return torch.minimum(frames, stride * states.to(frames))


def fit_frames(mel: torch.Tensor, frames: int) -> torch.Tensor:
    """Cut reconstructed mels to a number of frames, or hold their last frame.

    Args:
        mel: (batch, time, n_mels), time at least 1.
        frames: Number of frames wanted.
    """
    missing = frames - mel.size(1)
    if missing > 0:
        mel = torch.cat([mel, mel[:, -1:].expand(-1, missing, -1)], dim=1)
    return mel[:, :frames]


def masked_l1(
    mel: torch.Tensor, target: torch.Tensor, frames: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the mean absolute error over the frames that count, and over bands.

    Args:
        mel: (batch, time, n_mels), the reconstruction.
        target: (batch, time, n_mels), natural-log mel.
        frames: (batch,), the first frames of each item count, so many of them; at
            least 1.

    Returns:
        loss: Scalar, pooled over all frames of the batch that count.
        per_item: (batch,), the same for each item alone.
    """
    steps = torch.arange(target.size(1), device=target.device)
    frames = frames.to(target.device)
    valid = steps[None, :] < frames[:, None]
    per_frame = (mel - target).abs().mean(dim=2)
    # Not a product with the mask: what lies behind an end may be infinite.
    sums = torch.where(valid, per_frame, per_frame.new_zeros(())).sum(dim=1)
    return sums.sum() / frames.sum(), sums / frames
