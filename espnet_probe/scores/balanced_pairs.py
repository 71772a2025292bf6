"""Pairs of utterances in which every speaker occurs about equally often.

Drawn from all pairs, a speaker with twice the utterances has four times the target
trials, and the error rate is mostly that speaker's. Here target pairs are dealt out
evenly, and pairs of two speakers are formed from those who have occurred least, each
with the one of the others who has occurred least.
"""

import random
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

Pair = Tuple[str, str]


def by_speaker(utt2spk: Mapping[str, str]) -> Dict[str, List[str]]:
    """Return the utterances of each speaker, everything sorted.

    Args:
        utt2spk: The person who speaks each utterance.
    """
    found: Dict[str, List[str]] = {}
    for utt in sorted(utt2spk):
        found.setdefault(utt2spk[utt], []).append(utt)
    return {name: found[name] for name in sorted(found)}


def even_shares(room: Sequence[int], total: int, draw: random.Random) -> List[int]:
    """Deal out a total so that no share could be evened out further.

    Args:
        room: The most that each can take; together at least ``total``.
        total: How much to deal out.
        draw: Decides who gets one more where it does not come out even.

    Returns:
        Shares that sum to ``total``, none above its room.
    """
    shares = [0] * len(room)
    left = total
    open_ones = [index for index, most in enumerate(room) if most > 0]
    while left > 0:
        if left < len(open_ones):
            for index in draw.sample(open_ones, left):
                shares[index] += 1
            return shares
        step = min(left // len(open_ones), *(room[i] - shares[i] for i in open_ones))
        for index in open_ones:
            shares[index] += step
        left -= step * len(open_ones)
        open_ones = [index for index in open_ones if shares[index] < room[index]]
    return shares


def target_pairs(
    speakers: Mapping[str, Sequence[str]], number: int, draw: random.Random
) -> List[Pair]:
    """Draw pairs of one speaker, as many of each as possible.

    Args:
        speakers: The utterances of each speaker.
        number: How many pairs; there must be that many.
        draw: Source of randomness.
    """
    every = list(speakers.values())
    room = [len(utts) * (len(utts) - 1) // 2 for utts in every]
    pairs = []
    for utts, share in zip(every, even_shares(room, number, draw)):
        rows, columns = np.triu_indices(len(utts), 1)
        for index in draw.sample(range(len(rows)), share):
            pairs.append((utts[rows[index]], utts[columns[index]]))
    return pairs


def nontarget_pairs(
    groups: Sequence[Mapping[str, Sequence[str]]], number: int, draw: random.Random
) -> List[Pair]:
    """Draw pairs of two speakers of one group, each speaker in about as many.

    Args:
        groups: Per group, the utterances of each of its speakers.
        number: How many pairs; there must be that many.
        draw: Source of randomness.
    """
    names = [(group, name) for group, one in enumerate(groups) for name in one]
    utts = [groups[group][name] for group, name in names]
    member = np.array([group for group, _ in names])
    rng = np.random.default_rng(draw.getrandbits(64))
    quotas: Dict[Tuple[int, int], int] = {}
    full: Dict[int, List[int]] = {}
    occurred: NDArray[np.float64] = rng.random(len(names))
    done = np.bincount(member)[member] < 2
    for _ in range(number):
        first = int(np.argmin(occurred + _far(done)))
        partners = _partners(member, full, first)
        while not partners.any():
            done[first] = True
            first = int(np.argmin(occurred + _far(done)))
            partners = _partners(member, full, first)
        second = int(np.argmin(occurred + _far(~partners)))
        pair = (min(first, second), max(first, second))
        quotas[pair] = quotas.get(pair, 0) + 1
        if quotas[pair] == len(utts[first]) * len(utts[second]):
            full.setdefault(first, []).append(second)
            full.setdefault(second, []).append(first)
        # One more each, and a new place among those who occurred as often.
        for one in pair:
            occurred[one] = np.floor(occurred[one]) + 1 + rng.random()
    pairs = []
    for (first, second), quota in quotas.items():
        size = len(utts[second])
        for index in draw.sample(range(len(utts[first]) * size), quota):
            pairs.append((utts[first][index // size], utts[second][index % size]))
    return pairs


def _far(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(mask, np.inf, 0.0)


def _partners(
    member: NDArray[np.intp], full: Mapping[int, Sequence[int]], speaker: int
) -> NDArray[np.bool_]:
    """Return who is of a speaker's group and has pairs with that speaker left."""
    partners: NDArray[np.bool_] = member == member[speaker]
    partners[speaker] = False
    partners[full.get(speaker, [])] = False
    return partners
