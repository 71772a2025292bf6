"""Pairs of utterances by number: those of one speaker, and those of two."""

import bisect
import itertools
from typing import Mapping, Tuple


class UtterancePairs:
    """All pairs of utterances, numbered without listing them.

    Utterances are sorted by speaker, then by id, so a number means the same pair
    whatever the order of the input.
    """

    def __init__(self, utt2spk: Mapping[str, str]) -> None:
        """Number the pairs.

        Args:
            utt2spk: The person who speaks each utterance.
        """
        self._utterances = sorted(utt2spk, key=lambda utt: (utt2spk[utt], utt))
        sizes = [
            len(list(group))
            for _, group in itertools.groupby(self._utterances, lambda u: utt2spk[u])
        ]
        self._sizes = sizes
        self._starts = [0, *itertools.accumulate(sizes)]
        later = [len(self._utterances) - end for end in self._starts[1:]]
        self._targets = list(itertools.accumulate(n * (n - 1) // 2 for n in sizes))
        self._nontargets = list(
            itertools.accumulate(n * rest for n, rest in zip(sizes, later))
        )

    @property
    def num_target(self) -> int:
        """Number of pairs of one speaker."""
        return self._targets[-1] if self._targets else 0

    @property
    def num_nontarget(self) -> int:
        """Number of pairs of two speakers."""
        return self._nontargets[-1] if self._nontargets else 0

    def target(self, number: int) -> Tuple[str, str]:
        """Return a pair of one speaker by its number."""
        speaker = bisect.bisect_right(self._targets, number)
        rest = number - (self._targets[speaker - 1] if speaker else 0)
        first = 0
        while rest >= self._sizes[speaker] - 1 - first:
            rest -= self._sizes[speaker] - 1 - first
            first += 1
        start = self._starts[speaker]
        return (
            self._utterances[start + first],
            self._utterances[start + first + 1 + rest],
        )

    def nontarget(self, number: int) -> Tuple[str, str]:
        """Return a pair of two speakers by its number."""
        speaker = bisect.bisect_right(self._nontargets, number)
        rest = number - (self._nontargets[speaker - 1] if speaker else 0)
        end = self._starts[speaker + 1]
        first, second = divmod(rest, len(self._utterances) - end)
        return (
            self._utterances[self._starts[speaker] + first],
            self._utterances[end + second],
        )
