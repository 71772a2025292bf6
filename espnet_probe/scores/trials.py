"""Verification trials: what they are, and the speakers that they imply.

Conventions
-----------
A trial is a pair of different utterances, enrolment and test, with the label target
(one speaker) or nontarget (two speakers). Its text form is one line
``enrolment test target|nontarget``; ``trial_notation`` reads others as well. A speaker
is a person: the mapping that is passed here must name people, not sessions or
chapters.
"""

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional

from espnet_probe.errors import ProbeError


class Trial(NamedTuple):
    """One comparison of two utterances.

    A tuple, because lists of trials can have millions.

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
