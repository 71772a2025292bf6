"""Which noise an utterance gets: the MUSAN-style choice of music, noise and babble.

The ranges are those of x-vector training (Snyder et al., *X-vectors: robust DNN
embeddings for speaker recognition*, ICASSP 2018), of which the paper's noisy training
set is made; MUSAN is Snyder, Chen, Povey, arXiv:1510.08484.

A choice follows from the seed, the utterance's id and the files there are, and from
nothing else: neither from the order of the utterances nor from the number of jobs.
"""

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np

from espnet_probe.errors import ProbeError


@dataclass(frozen=True)
class Source:
    """A kind of noise.

    Attributes:
        folder: Where its files lie in a MUSAN folder.
        lowest: Smallest SNR in dB.
        highest: Largest SNR in dB.
        fewest: How many files are mixed at least.
        most: How many files are mixed at most.
    """

    folder: str
    lowest: float
    highest: float
    fewest: int
    most: int


#: The kinds of noise by name.
SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "music": Source("music", 5.0, 15.0, 1, 1),
        "noise": Source("noise", 0.0, 15.0, 1, 1),
        "babble": Source("speech", 13.0, 20.0, 3, 7),
    }
)


@dataclass(frozen=True)
class Choice:
    """What an utterance is mixed with.

    Attributes:
        source: Which of :data:`SOURCES`.
        files: The files, each once.
        places: For each file, where a cut of it begins: from 0 for the earliest to
            (not including) 1 for the latest; see :func:`.mixing.offset`.
        snr: The signal-to-noise ratio in dB.
    """

    source: str
    files: Tuple[str, ...]
    places: Tuple[float, ...]
    snr: float


def choose(
    utt: str,
    files: Mapping[str, Sequence[str]],
    seed: int,
    snr: Optional[float] = None,
    attempt: int = 0,
) -> Choice:
    """Choose the noise for an utterance.

    Every source is as likely as the others, and within a source every file. The number
    of files and the SNR are drawn evenly from the source's ranges.

    Args:
        utt: The utterance's id.
        files: The files of each source, in any order.
        seed: Another seed gives another choice.
        snr: A fixed SNR in dB in place of a drawn one. The rest of the choice is the
            same for any SNR, so that sets at different SNRs differ in nothing else.
        attempt: Counts up where a choice was of no use, its noise being silent.

    Raises:
        ProbeError: If there is no source, an unknown one, or one with too few files.
    """
    check_files(files)
    text = f"{seed}\0{attempt}\0{utt}".encode()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest(), "big"))
    names = sorted(files)
    name = names[int(rng.integers(len(names)))]
    source, there = SOURCES[name], sorted(files[name])
    count = int(rng.integers(source.fewest, min(source.most, len(there)) + 1))
    chosen = [there[int(i)] for i in rng.choice(len(there), count, replace=False)]
    places = [float(place) for place in rng.random(count)]
    drawn = float(rng.uniform(source.lowest, source.highest))
    return Choice(name, tuple(chosen), tuple(places), drawn if snr is None else snr)


def check_files(files: Mapping[str, Sequence[str]]) -> None:
    """Check that there is enough to choose from.

    Args:
        files: The files of each source.

    Raises:
        ProbeError: If there is no source, an unknown one, or one with too few files.
    """
    if not files:
        raise ProbeError(f"no source of noise: expected some of {', '.join(SOURCES)}")
    for name, there in files.items():
        if name not in SOURCES:
            raise ProbeError(
                f"unknown source of noise '{name}': expected {', '.join(SOURCES)}"
            )
        if len(there) < SOURCES[name].fewest:
            raise ProbeError(
                f"{name}: got {len(there)} files, expected at least "
                f"{SOURCES[name].fewest}: add files, or leave this source out"
            )
