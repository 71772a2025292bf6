import itertools
import random
from collections import Counter

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_sampling import sample_trials
from espnet_probe.scores.trials import check_labels


def speakers(*sizes):
    return {
        f"s{number}-{utt}": f"s{number}"
        for number, size in enumerate(sizes)
        for utt in range(size)
    }


def pairs_of(trials):
    return {frozenset((trial.enrolment, trial.test)) for trial in trials}


def test_all_pairs_can_be_drawn_exactly_once():
    utt2spk = speakers(4, 1, 2, 3)
    every = list(itertools.combinations(utt2spk, 2))
    same = {frozenset(p) for p in every if utt2spk[p[0]] == utt2spk[p[1]]}
    trials = sample_trials(utt2spk, 2 * len(same), seed=0)
    assert pairs_of(t for t in trials if t.target) == same
    others = pairs_of(t for t in trials if not t.target)
    assert len(others) == len(same)
    assert others <= {frozenset(pair) for pair in every} - same


def test_every_nontarget_pair_is_reachable():
    utt2spk = speakers(3, 2, 1)
    seen = set()
    for seed in range(200):
        trials = sample_trials(utt2spk, 2, seed)
        seen |= pairs_of(t for t in trials if not t.target)
    assert len(seen) == 3 * 2 + 3 * 1 + 2 * 1


def test_labels_balance_and_no_self_comparison():
    utt2spk = speakers(*[10] * 8)
    trials = sample_trials(utt2spk, 300, seed=3)
    assert len(trials) == 300 == len(pairs_of(trials))
    assert sum(trial.target for trial in trials) == 150
    assert all(trial.enrolment != trial.test for trial in trials)
    check_labels(trials, utt2spk)
    # Which utterance is the enrolment must not follow from the order of the ids.
    assert 0.35 < sum(t.enrolment < t.test for t in trials) / 300 < 0.65


def test_order_of_the_input_does_not_matter_but_the_seed_does():
    utt2spk = speakers(5, 5, 5, 5)
    items = list(utt2spk.items())
    random.Random(0).shuffle(items)
    trials = sample_trials(utt2spk, 40, seed=1)
    assert sample_trials(dict(items), 40, seed=1) == trials
    assert sample_trials(utt2spk, 40, seed=2) != trials


def test_two_chapters_of_one_reader_are_one_person():
    utt2spk = {"1-a-1": "1-a", "1-b-1": "1-b", "2-c-1": "2-c", "2-c-2": "2-c"}
    utt2reader = {utt: spk.split("-")[0] for utt, spk in utt2spk.items()}
    trials = sample_trials(utt2reader, 4, seed=0)
    targets = pairs_of(trial for trial in trials if trial.target)
    assert targets == {frozenset(("1-a-1", "1-b-1")), frozenset(("2-c-1", "2-c-2"))}
    # Taken as speakers, chapters would make a non-target trial of one voice.
    with pytest.raises(ProbeError, match="contradicts the speakers: 1-. and 1-."):
        check_labels(trials, utt2spk)


@pytest.mark.parametrize(
    "sizes, pairs, message",
    [
        ((3, 3), 14, "6 target and 9 non-target pairs: expected 7 of each; ask .* 12"),
        ((4,), 2, "6 target and 0 non-target pairs: expected 1 of each"),
        ((1, 1, 1), 2, "0 target and 3 non-target pairs: expected 1 of each"),
        ((3, 3), 3, "positive even number"),
        ((3, 3), 0, "positive even number"),
        ((), 2, "0 utterances"),
    ],
)
def test_what_the_data_cannot_give_is_refused(sizes, pairs, message):
    with pytest.raises(ProbeError, match=message):
        sample_trials(speakers(*sizes), pairs, seed=0)


def test_at_most_takes_what_there_is():
    trials = sample_trials(speakers(3, 3), 1000, seed=0, at_most=True)
    assert sum(trial.target for trial in trials) == 6
    assert len(trials) == 12
    with pytest.raises(ProbeError, match="0 non-target"):
        sample_trials(speakers(4), 10, seed=0, at_most=True)


def test_large_sets_are_not_listed():
    # 4 * 10^8 pairs: listing them would take minutes and gigabytes.
    trials = sample_trials(speakers(*[100] * 300), 1000, seed=0)
    assert len(pairs_of(trials)) == 1000


def test_by_gender_both_speakers_have_one():
    utt2spk = speakers(*[6] * 10)
    gender = {f"s{number}": "fm"[number % 2] for number in range(10)}
    trials = sample_trials(utt2spk, 200, seed=0, genders=gender)
    check_labels(trials, utt2spk)
    assert len(trials) == 200 == len(pairs_of(trials))
    seen = Counter()
    for trial in trials:
        sides = {gender[utt2spk[utt]] for utt in (trial.enrolment, trial.test)}
        assert len(sides) == 1
        seen[trial.label, *sides] += 1
    assert min(seen.values()) > 30 and len(seen) == 4
    # By utterance, the same file's other form, they are the same trials.
    by_utt = {utt: gender[speaker] for utt, speaker in utt2spk.items()}
    assert sample_trials(utt2spk, 200, seed=0, genders=by_utt) == trials


def test_all_pairs_within_genders_can_be_drawn():
    utt2spk = speakers(3, 2, 4, 1)
    gender = {"s0": "m", "s1": "f", "s2": "m", "s3": "m"}
    trials = sample_trials(utt2spk, 20, seed=0, genders=gender)
    # 3 + 1 + 6 target pairs; 12 + 3 + 4 of the men; the only woman has no non-targets.
    others = pairs_of(t for t in trials if not t.target)
    assert len(others) == 10
    assert not any(utt.startswith("s1") for pair in others for utt in pair)
    with pytest.raises(
        ProbeError, match="10 target and 19 non-target pairs within a gender: .* 20"
    ):
        sample_trials(utt2spk, 22, seed=0, genders=gender)
    alone = {"s0": "m", "s1": "f", "s2": "x", "s3": "y"}
    with pytest.raises(ProbeError, match="10 target and 0 non-target pairs within"):
        sample_trials(utt2spk, 2, seed=0, genders=alone)


def test_genders_must_be_known_and_one():
    utt2spk = speakers(2, 2)
    with pytest.raises(ProbeError, match="no gender of the speaker s1"):
        sample_trials(utt2spk, 2, seed=0, genders={"s0": "m"})
    by_utt = {"s0-0": "m", "s0-1": "f", "s1-0": "m", "s1-1": "m"}
    with pytest.raises(ProbeError, match="s0 has two genders, m and f"):
        sample_trials(utt2spk, 2, seed=0, genders=by_utt)


@pytest.mark.parametrize("by_gender", [False, True])
def test_balanced_trials_have_every_speaker_as_often(by_gender):
    utt2spk = speakers(40, *[5] * 9)
    gender = {f"s{number}": "fm"[number % 2] for number in range(10)}
    genders = gender if by_gender else None

    def often(trials, target):
        chosen = [trial for trial in trials if trial.target == target]
        return Counter(utt2spk[u] for t in chosen for u in (t.enrolment, t.test))

    trials = sample_trials(utt2spk, 160, 0, genders=genders, balanced=True)
    check_labels(trials, utt2spk)
    assert len(trials) == 160 == len(pairs_of(trials))
    assert set(often(trials, True).values()) == {16}
    counts = often(trials, False)
    assert sum(counts.values()) == 160 and max(counts.values()) - min(
        counts.values()
    ) <= (2 if by_gender else 1)
    if by_gender:
        for trial in trials:
            sides = [gender[utt2spk[u]] for u in (trial.enrolment, trial.test)]
            assert sides[0] == sides[1]
    # Left to chance, the speaker with 40 utterances has 90 % of the target trials.
    unbalanced = sample_trials(utt2spk, 160, 0, genders=genders)
    assert often(unbalanced, True)["s0"] > 120
    again = dict(reversed(list(utt2spk.items())))
    assert sample_trials(again, 160, 0, genders=genders, balanced=True) == trials
    other = sample_trials(utt2spk, 160, 1, genders=genders, balanced=True)
    assert other != trials


def test_balanced_trials_use_all_there_is():
    utt2spk = speakers(4, 1, 2, 3)
    trials = sample_trials(utt2spk, 1000, 0, at_most=True, balanced=True)
    assert sum(trial.target for trial in trials) == 6 + 0 + 1 + 3
    # 4*1 + 4*2 + 4*3 + 1*2 + 1*3 + 2*3 = 35 pairs of two, all but the last reachable.
    small = speakers(4, 4)
    everything = sample_trials(small, 24, 0, balanced=True)
    assert sum(trial.target for trial in everything) == 12
    lopsided = sample_trials(speakers(30, 1, 1), 122, 0, balanced=True)
    others = [trial for trial in lopsided if not trial.target]
    assert len(others) == 61 == len(pairs_of(others))
