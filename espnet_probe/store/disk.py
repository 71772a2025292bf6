"""How much room a dump will take, asked before it starts."""

import math
import shutil
from pathlib import Path
from typing import Mapping, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.store.record import (
    ARK_HEADER_BYTES,
    BYTES_PER_NUMBER,
    NPY_HEADER_BYTES,
)

#: One line of records.jsonl and one of hidden.scp, generously; ids come on top.
_LINES_BYTES = 450

#: dump.yaml, generously.
_DESCRIPTION_BYTES = 2048

#: A small file fills whole blocks, of 4096 bytes on most file systems.
_BLOCK_BYTES = 4096


def estimate_bytes(
    num_samples: Mapping[str, int],
    fs: int,
    layers: Sequence[Tuple[float, int]],
    dtype: str,
) -> int:
    """Estimate the bytes that the states of some utterances take.

    A layer is taken to give one state per frame shift and one more for the ends;
    families that give fewer are overestimated by that one.

    Args:
        num_samples: Length of every utterance in samples.
        fs: Sampling rate in Hz.
        layers: (frame_shift in seconds, width) of every layer.
        dtype: ``float32`` (arks) or ``float16`` (an npy file per utterance).

    Returns:
        Bytes for all layers together, records and headers included.
    """
    size = BYTES_PER_NUMBER[dtype]
    total = len(layers) * _DESCRIPTION_BYTES if num_samples else 0
    for utt_id, samples in num_samples.items():
        name_bytes = len(utt_id.encode())
        for frame_shift, width in layers:
            states = math.ceil(samples / (fs * frame_shift)) + 1
            data = states * width * size
            if dtype == "float16":
                blocks = math.ceil((data + NPY_HEADER_BYTES) / _BLOCK_BYTES)
                data = blocks * _BLOCK_BYTES
            else:
                data += ARK_HEADER_BYTES + name_bytes + 1
            total += data + _LINES_BYTES + 3 * name_bytes
    return total


def free_bytes(directory: Path) -> int:
    """Return the bytes free for a folder that may not be there yet."""
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def check_free_space(directory: Path, needed: int) -> int:
    """Refuse to start what will not fit.

    Args:
        directory: Where the states will lie.
        needed: Bytes, from :func:`estimate_bytes`.

    Returns:
        The bytes that are free.

    Raises:
        ProbeError: If fewer are free; the message has both numbers.
    """
    free = free_bytes(directory)
    if needed > free:
        raise ProbeError(
            f"{directory}: the states need about {needed / 1024**3:.3f} GiB and "
            f"{free / 1024**3:.3f} GiB are free; choose fewer layers, float16, or "
            "another disk"
        )
    return free
