"""Drawing the trials of a verification test from the utterances of a set.

Conventions
-----------
Half of the trials are target. No utterance is compared with itself, and a pair occurs
once: ``a b`` and ``b a`` are the same pair. The result depends on the content of the
mappings and on the seed, not on the order of their items: with the same utterances
and seed, all layers, models and conditions get the same trials.

Across genders most embedders hardly err, so a rate over all pairs is about half of
that within one. With ``genders``, both speakers of a non-target trial have one gender.
"""

import bisect
import itertools
import random
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.scores import balanced_pairs
from espnet_probe.scores.trials import Trial
from espnet_probe.scores.utterance_pairs import UtterancePairs

Pair = Tuple[str, str]


def genders_of_speakers(
    utt2spk: Mapping[str, str], genders: Mapping[str, str]
) -> Dict[str, str]:
    """Return the gender of every speaker.

    Args:
        utt2spk: The person who speaks each utterance.
        genders: Gender by speaker (Kaldi's ``spk2gender``) or by utterance, any words.

    Raises:
        ProbeError: If that of a speaker is not given, or utterances contradict.
    """
    found: Dict[str, str] = {}
    for utt, speaker in sorted(utt2spk.items()):
        gender = genders.get(speaker, genders.get(utt))
        if gender is None:
            raise ProbeError(
                f"no gender of the speaker {speaker} nor of the utterance {utt}: "
                "expected lines of speaker (or utterance) and gender for all"
            )
        if found.setdefault(speaker, gender) != gender:
            raise ProbeError(
                f"the speaker {speaker} has two genders, {found[speaker]} and "
                f"{gender} ({utt}): expected one"
            )
    return found


def sample_trials(
    utt2spk: Mapping[str, str],
    num_pairs: int,
    seed: int,
    at_most: bool = False,
    genders: Optional[Mapping[str, str]] = None,
    balanced: bool = False,
) -> List[Trial]:
    """Draw equally many target and non-target trials without repetition.

    Args:
        utt2spk: The person who speaks each utterance.
        num_pairs: Number of trials in total, half of them target: even, positive.
        seed: Seed of the draw.
        at_most: If the utterances give fewer pairs of a kind, take as many as there
            are of both kinds instead of refusing.
        genders: Gender by speaker or utterance: non-target trials within one only.
        balanced: Let each speaker occur about equally often in trials of a kind;
            otherwise every pair of its kind is equally likely.

    Returns:
        The trials, sorted; which of the two utterances is the enrolment is drawn.

    Raises:
        ProbeError: If the number is odd or not positive, or the pairs do not exist.
    """
    if num_pairs <= 0 or num_pairs % 2:
        raise ProbeError(
            f"got {num_pairs} pairs: expected a positive even number, half of it target"
        )
    groups = _groups(utt2spk, genders)
    pairs = [UtterancePairs(group) for group in groups]
    num_target = sum(one.num_target for one in pairs)
    num_nontarget = sum(one.num_nontarget for one in pairs)
    available = min(num_target, num_nontarget)
    half = num_pairs // 2
    if available < half and not (at_most and available > 0):
        where = "" if genders is None else " within a gender"
        raise ProbeError(
            f"got {len(utt2spk)} utterances of {len(set(utt2spk.values()))} speakers, "
            f"which give {num_target} target and {num_nontarget} "
            f"non-target pairs{where}: expected {half} of each"
            + (f"; ask for at most {2 * available} pairs" if available else "")
        )
    half = min(half, available)
    draw = random.Random(seed)
    if balanced:
        everyone = balanced_pairs.by_speaker(utt2spk)
        within = [balanced_pairs.by_speaker(group) for group in groups]
        same = balanced_pairs.target_pairs(everyone, half, draw)
        other = balanced_pairs.nontarget_pairs(within, half, draw)
    else:
        same = _numbered(pairs, draw.sample(range(num_target), half), True)
        other = _numbered(pairs, draw.sample(range(num_nontarget), half), False)
    trials = []
    for first, second, target in (
        *((*pair, True) for pair in same),
        *((*pair, False) for pair in other),
    ):
        if draw.random() < 0.5:
            first, second = second, first
        trials.append(Trial(first, second, target))
    return sorted(trials)


def _groups(
    utt2spk: Mapping[str, str], genders: Optional[Mapping[str, str]]
) -> List[Dict[str, str]]:
    """Return ``utt2spk`` in parts, one of each gender in alphabetical order."""
    if genders is None:
        return [dict(utt2spk)]
    gender = genders_of_speakers(utt2spk, genders)
    return [
        {utt: speaker for utt, speaker in utt2spk.items() if gender[speaker] == one}
        for one in sorted(set(gender.values()))
    ]


def _numbered(
    pairs: Sequence[UtterancePairs], numbers: Sequence[int], target: bool
) -> List[Pair]:
    """Return the pairs of several groups by number, counted through the groups."""
    sizes = [one.num_target if target else one.num_nontarget for one in pairs]
    starts = [0, *itertools.accumulate(sizes)]
    found = []
    for number in numbers:
        group = bisect.bisect_right(starts, number) - 1
        rest = number - starts[group]
        one = pairs[group]
        found.append(one.target(rest) if target else one.nontarget(rest))
    return found
