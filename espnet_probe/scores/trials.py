"""Verification trials: sampling them, their text form, the speakers they imply.

Conventions
-----------
A trial is a pair of different utterances, enrolment and test, with the label target
(one speaker) or nontarget (two speakers). Its text form is one line
``enrolment test target|nontarget``. A pair occurs once: ``a b`` and ``b a`` are the
same pair. A speaker is a person: the mapping that is passed here must name people,
not sessions or chapters.
"""

import bisect
import itertools
import random
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from espnet_probe.errors import ProbeError

LABELS = {"target": True, "nontarget": False}


@dataclass(frozen=True, order=True)
class Trial:
    """One comparison of two utterances.

    Attributes:
        enrolment: Utterance id.
        test: Utterance id, another one.
        target: Whether both are of one speaker.
    """

    enrolment: str
    test: str
    target: bool

    @property
    def label(self) -> str:
        """The label as written in files: "target" or "nontarget"."""
        return "target" if self.target else "nontarget"

    def __str__(self) -> str:
        """Return the line that stands for this trial in a file."""
        return f"{self.enrolment} {self.test} {self.label}"


def parse_trials(lines: Iterable[str]) -> List[Trial]:
    """Read trials from their text form.

    Args:
        lines: ``enrolment test target|nontarget``; empty lines are skipped.

    Returns:
        The trials, in the order of the lines.

    Raises:
        ProbeError: If there is none, a line has another form, an utterance is
            compared with itself, or a pair occurs twice.
    """
    trials: List[Trial] = []
    seen = set()
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or fields[2] not in LABELS:
            raise ProbeError(
                f"line {number}: got '{line.strip()}', expected "
                "'enrolment test target|nontarget'"
            )
        enrolment, test, label = fields
        if enrolment == test:
            raise ProbeError(f"line {number}: {enrolment} is compared with itself")
        pair = (min(enrolment, test), max(enrolment, test))
        if pair in seen:
            raise ProbeError(f"line {number}: the pair {pair[0]} {pair[1]} is repeated")
        seen.add(pair)
        trials.append(Trial(enrolment, test, LABELS[label]))
    if not trials:
        raise ProbeError("got no trials: expected at least one line")
    return trials


class _Pairs:
    """All pairs of utterances, numbered without listing them.

    Utterances are sorted by speaker, then by id, so a number means the same pair
    whatever the order of the input.
    """

    def __init__(self, utt2spk: Mapping[str, str]) -> None:
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


def sample_trials(
    utt2spk: Mapping[str, str], num_pairs: int, seed: int, at_most: bool = False
) -> List[Trial]:
    """Draw equally many target and non-target trials without repetition.

    Every pair of its kind is equally likely. The result depends on the content of
    ``utt2spk`` and on the seed, not on the order of its items.

    Args:
        utt2spk: The person who speaks each utterance.
        num_pairs: Number of trials in total, half of them target: even, positive.
        seed: Seed of the draw.
        at_most: If the utterances give fewer pairs of a kind, take as many as there
            are of both kinds instead of refusing.

    Returns:
        The trials, sorted; which of the two utterances is the enrolment is drawn.

    Raises:
        ProbeError: If the number is odd or not positive, or the pairs do not exist.
    """
    if num_pairs <= 0 or num_pairs % 2:
        raise ProbeError(
            f"got {num_pairs} pairs: expected a positive even number, half of it target"
        )
    pairs = _Pairs(utt2spk)
    available = min(pairs.num_target, pairs.num_nontarget)
    half = num_pairs // 2
    if available < half and not (at_most and available > 0):
        raise ProbeError(
            f"got {len(utt2spk)} utterances of {len(set(utt2spk.values()))} speakers, "
            f"which give {pairs.num_target} target and {pairs.num_nontarget} "
            f"non-target pairs: expected {half} of each"
            + (f"; ask for at most {2 * available} pairs" if available else "")
        )
    half = min(half, available)
    draw = random.Random(seed)
    chosen = [
        (pairs.target(number), True)
        for number in draw.sample(range(pairs.num_target), half)
    ] + [
        (pairs.nontarget(number), False)
        for number in draw.sample(range(pairs.num_nontarget), half)
    ]
    trials = []
    for (first, second), target in chosen:
        if draw.random() < 0.5:
            first, second = second, first
        trials.append(Trial(first, second, target))
    return sorted(trials)


def speakers_from_trials(trials: Iterable[Trial]) -> Dict[str, str]:
    """Find who speaks what from the labels alone.

    Utterances joined by target trials are one speaker. An utterance that occurs in
    non-target trials only counts as a speaker of its own, and a speaker whose
    utterances are not all joined counts several times; so these are at least as many
    as the true speakers.

    Args:
        trials: The trials.

    Returns:
        For every utterance, the smallest utterance id of its speaker.
    """
    parent: Dict[str, str] = {}

    def root(utt: str) -> str:
        parent.setdefault(utt, utt)
        while parent[utt] != utt:
            parent[utt] = parent[parent[utt]]
            utt = parent[utt]
        return utt

    for trial in trials:
        first, second = sorted((root(trial.enrolment), root(trial.test)))
        if trial.target:
            parent[second] = first
    return {utt: root(utt) for utt in sorted(parent)}


def check_labels(trials: Iterable[Trial], speakers: Mapping[str, str]) -> None:
    """Check that the labels of trials agree with the speakers.

    Args:
        trials: The trials.
        speakers: The person who speaks each utterance.

    Raises:
        ProbeError: If an utterance has no speaker, or a label says otherwise.
    """
    for trial in trials:
        pair: List[Optional[str]] = []
        for utt in (trial.enrolment, trial.test):
            if utt not in speakers:
                raise ProbeError(f"utterance {utt} of the trials has no speaker")
            pair.append(speakers[utt])
        if (pair[0] == pair[1]) != trial.target:
            raise ProbeError(
                f"the trial '{trial}' contradicts the speakers: {pair[0]} and {pair[1]}"
            )
