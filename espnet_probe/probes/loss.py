"""The probes' loss: L1 on valid frames only."""

from typing import Tuple

import torch


def fit_frames(mel: torch.Tensor, frames: int) -> torch.Tensor:
    """Cut or extend reconstructed mels to a number of frames.

    A layer's states can stand for a few frames more than there are, or (where a
    length rule rounds down) for fewer; the last frame is then held.

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
    """Return the mean absolute error over valid frames and bands.

    Args:
        mel: (batch, time, n_mels), the reconstruction.
        target: (batch, time, n_mels), natural-log mel.
        frames: (batch,), valid frames.

    Returns:
        loss: Scalar, pooled over all valid frames of the batch.
        per_item: (batch,), the same for each item alone.
    """
    steps = torch.arange(target.size(1), device=target.device)
    frames = frames.to(target.device)
    valid = steps[None, :] < frames[:, None]
    per_frame = (mel - target).abs().mean(dim=2)
    # Not a product with the mask: what lies behind an end may be infinite.
    sums = torch.where(valid, per_frame, per_frame.new_zeros(())).sum(dim=1)
    return sums.sum() / frames.sum(), sums / frames
