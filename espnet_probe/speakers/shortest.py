"""The shortest waveform that a network can embed, found by trying.

What a network needs depends on its windows, strides, paddings and poolings; only the
network itself knows. It fails on less: with an error, or with NaN (the deviation of a
single frame, for example).
"""

from typing import Any, Callable, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError

#: Nothing below one window of analysis is called speech, whatever a network takes.
FLOOR_SECONDS = 0.025

#: A network that fails on this much fails for another reason.
CEILING_SECONDS = 4.0

#: What an embedder answers a waveform with: ``(samples,)`` in, ``(dim,)`` out.
Embed = Callable[[NDArray[np.float32]], NDArray[Any]]


def make_noise(samples: int) -> NDArray[np.float32]:
    """Return white noise at -30 dBFS, always the same.

    Args:
        samples: How many.

    Returns:
        ``(samples,)``.
    """
    noise = np.random.default_rng(0).standard_normal(samples)
    return (10 ** (-30 / 20) * noise).astype(np.float32)


def shortest_input(embed: Embed, sampling_rate: int, who: str) -> int:
    """Find how many samples a network needs.

    Args:
        embed: The network.
        sampling_rate: Its rate in Hz.
        who: How a message calls the embedder.

    Returns:
        The least number of samples, at least 25 ms, such that it gives finite numbers.

    Raises:
        ProbeError: If it fails on seconds of sound, or two passes over the same sound
            differ.
    """
    works = round(FLOOR_SECONDS * sampling_rate)
    fails = works - 1
    done, error = _try(embed, works)
    while not done:
        fails, works = works, 2 * works
        if works > CEILING_SECONDS * sampling_rate:
            raise ProbeError(
                f"{who} cannot embed {CEILING_SECONDS:g} s of noise: {error}"
            )
        done, error = _try(embed, works)
    while works - fails > 1:
        middle = (works + fails) // 2
        if _try(embed, middle)[0]:
            works = middle
        else:
            fails = middle
    second = make_noise(max(works, sampling_rate))
    if not np.array_equal(embed(second), embed(second)):
        raise ProbeError(
            f"two passes of {who} over the same sound differ: expected a network "
            "without chance, and without statistics that go on changing"
        )
    return works


def _try(embed: Embed, samples: int) -> Tuple[bool, Optional[str]]:
    """Tell whether a network gives finite numbers, and what it says if not."""
    try:
        embedding = embed(make_noise(samples))
    # Whatever a network raises: assertions, indices out of range, shapes, its own.
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return False, f"{type(error).__name__}: {text}"
    finite = bool(np.all(np.isfinite(embedding)))
    return finite, None if finite else "the embedding is not finite"
