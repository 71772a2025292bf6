"""States shuffled in time, for the control ``shuffled``.

A probe that is trained on them is given, for each frame, a state of some other time of
the same utterance. What the states tell of that very frame is lost to it; what each of
them tells of the whole utterance (who speaks, how loud, through which channel) is not.
So it comes to the average spectrum of such utterances: a voice without words. States
are shuffled when it is applied, too: a state of a loud moment may by itself suggest a
loud utterance, and in their own order such states would draw the utterance's course
after all.
"""

import hashlib
from typing import Sequence

import torch

from espnet_probe.layers.layer import HiddenStates


def permutation(count: int, key: str, seed: int, epoch: int = 0) -> torch.Tensor:
    """Return the order in which the states of an utterance are given to a probe.

    Layers with as many states have the same order, whatever else is probed.

    Args:
        count: Number of states.
        key: The utterance's id.
        seed: The run's seed.
        epoch: Number of the epoch in training; 0 outside of it.

    Returns:
        (count,), each position once.
    """
    digest = hashlib.sha256(f"{seed} {epoch} {count} {key}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randperm(count, generator=generator)


def shuffle(
    states: HiddenStates, keys: Sequence[str], seed: int, epoch: int = 0
) -> HiddenStates:
    """Shuffle the valid states of each utterance; what lies behind them stays.

    Args:
        states: A layer's states for a batch.
        keys: The utterances' ids, in the batch's order.
        seed: The run's seed.
        epoch: As of :func:`permutation`.
    """
    features = states.features.clone()
    for row, (count, key) in enumerate(zip(states.lengths.tolist(), keys, strict=True)):
        order = permutation(count, key, seed, epoch).to(features.device)
        features[row, :count] = states.features[row, order]
    return HiddenStates(features, states.lengths, states.frame_shift)
