"""The notations of trials files: Kaldi's, VoxCeleb's and ESPnet's.

============  ==============================  ============================
notation      line                            where it is used
============  ==============================  ============================
Kaldi         ``enrolment test target``,      Kaldi's recipes, and all
              ``enrolment test nontarget``    files that are written here
VoxCeleb      ``1 enrolment test``,           the lists of VoxCeleb
              ``0 enrolment test``
ESPnet        ``enrolment*test 1``,           ``trial_label`` of
              ``enrolment*test 0``            ESPnet's ``spk.sh``
============  ==============================  ============================

The notation is found from the lines: all of a file are in one. VoxCeleb's lists name
files (``id10270/5r0dWxy17C8/00001.wav``), for which :func:`with_known_names` finds
the utterances.

A list that is written here has every pair once. Published lists repeat some, also
with the sides exchanged, and published rates count them: so they are kept.
"""

import re
from collections import Counter
from typing import Callable, Collection, Dict, Iterable, List, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trials import Trial

Fields = Tuple[str, str, bool]

LABELS = {"target": True, "nontarget": False}
DIGITS = {"1": True, "0": False}
AUDIO_SUFFIX = re.compile(r"\.(wav|flac|m4a|mp3|ogg)$")


def _kaldi(fields: Sequence[str]) -> Optional[Fields]:
    if len(fields) != 3 or fields[2] not in LABELS:
        return None
    return fields[0], fields[1], LABELS[fields[2]]


def _voxceleb(fields: Sequence[str]) -> Optional[Fields]:
    if len(fields) != 3 or fields[0] not in DIGITS:
        return None
    return fields[1], fields[2], DIGITS[fields[0]]


def _espnet(fields: Sequence[str]) -> Optional[Fields]:
    if len(fields) != 2 or fields[1] not in DIGITS:
        return None
    enrolment, star, test = fields[0].partition("*")
    if not (enrolment and star and test) or "*" in test:
        return None
    return enrolment, test, DIGITS[fields[1]]


#: Name → what reads the fields of a line, or answers None; the first that fits counts.
NOTATIONS: Dict[str, Callable[[Sequence[str]], Optional[Fields]]] = {
    "Kaldi": _kaldi,
    "VoxCeleb": _voxceleb,
    "ESPnet": _espnet,
}
EXPECTED = (
    "'enrolment test target|nontarget', '1|0 enrolment test' or 'enrolment*test 1|0'"
)


def _notation_of(fields: Sequence[str]) -> Optional[str]:
    """Return the notation of a line; None if it is in none of them."""
    return next((name for name, read in NOTATIONS.items() if read(fields)), None)


def _stray_line(number: int, line: str, first: int, notation: str) -> ProbeError:
    """Return the error for a line that is not in the notation of the first one."""
    found = _notation_of(line.split())
    if found is None:
        return ProbeError(f"line {number}: got '{line.strip()}', expected {EXPECTED}")
    return ProbeError(
        f"line {first} is in {notation}'s notation, line {number} ('{line.strip()}') "
        f"in {found}'s: expected one for the whole file"
    )


def parse_trials(lines: Iterable[str]) -> List[Trial]:
    """Read trials in any of the notations.

    Args:
        lines: All in one notation; empty lines are skipped.

    Returns:
        The trials, in the order of the lines.

    Raises:
        ProbeError: If there is none, a line is in no notation or in another than the
            first one, an utterance is compared with itself, or, in Kaldi's notation,
            a pair occurs twice.
    """
    trials: List[Trial] = []
    seen = set()
    notation, first = "", 0
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if not notation:
            notation, first = _notation_of(fields) or "", number
            if not notation:
                raise _stray_line(number, line, number, "")
            read = NOTATIONS[notation]
        found = read(fields)
        if found is None:
            raise _stray_line(number, line, first, notation)
        enrolment, test, target = found
        if enrolment == test:
            raise ProbeError(f"line {number}: {enrolment} is compared with itself")
        if notation == "Kaldi":
            pair = (enrolment, test) if enrolment < test else (test, enrolment)
            if pair in seen:
                raise ProbeError(
                    f"line {number}: the pair {pair[0]} {pair[1]} is repeated"
                )
            seen.add(pair)
        trials.append(Trial(enrolment, test, target))
    if not trials:
        raise ProbeError("got no trials: expected at least one line")
    return trials


def with_known_names(trials: List[Trial], known: Collection[str]) -> List[Trial]:
    """Name the utterances of trials as a data folder does.

    Args:
        trials: The trials, as their file names the utterances.
        known: The utterances that there are.

    Returns:
        The trials with the first of these names that are all known, and each of one
        utterance only: as they are written, without the suffix of an audio file, and
        so with ``-`` in place of ``/``. Where none are, as they are written.
    """
    utts = {utt for trial in trials for utt in (trial.enrolment, trial.test)}
    if utts <= set(known):
        return trials
    plain = {utt: AUDIO_SUFFIX.sub("", utt) for utt in utts}
    joined = {utt: name.replace("/", "-") for utt, name in plain.items()}
    for names in (plain, joined):
        found = set(names.values())
        if found <= set(known) and len(found) == len(names):
            return [
                Trial(names[trial.enrolment], names[trial.test], trial.target)
                for trial in trials
            ]
    return trials


def in_both(first: Iterable[Trial], second: Iterable[Trial]) -> List[Trial]:
    """Return the trials that two lists have, one that both have twice twice.

    Args:
        first: Whose order it is.
        second: The other list.
    """
    left = Counter(second)
    found = []
    for trial in first:
        if left[trial] > 0:
            left[trial] -= 1
            found.append(trial)
    return found


def count_repeated(trials: Iterable[Trial]) -> int:
    """Count the trials whose pair occurred before, the sides exchanged or not."""
    seen = set()
    repeated = 0
    for trial in trials:
        pair = frozenset((trial.enrolment, trial.test))
        repeated += pair in seen
        seen.add(pair)
    return repeated
