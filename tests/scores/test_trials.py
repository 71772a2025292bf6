import itertools
import random

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trials import (
    Trial,
    check_labels,
    parse_trials,
    sample_trials,
    speakers_from_trials,
)


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


def test_text_form_round_trip():
    trials = sample_trials(speakers(4, 4), 10, seed=0)
    lines = [f"{trial}\n" for trial in trials]
    assert parse_trials([*lines, "\n"]) == trials
    assert str(Trial("a", "b", False)) == "a b nontarget"


@pytest.mark.parametrize(
    "lines, message",
    [
        (["a b"], "line 1: got 'a b'"),
        (["a b target", "a c 1"], "line 2: got 'a c 1'"),
        (["a a target"], "compared with itself"),
        (["a b target", "b a target"], "line 2: the pair a b is repeated"),
        (["", "  "], "no trials"),
    ],
)
def test_malformed_lines_are_refused(lines, message):
    with pytest.raises(ProbeError, match=message):
        parse_trials(lines)


def test_speakers_from_trials():
    trials = parse_trials(
        ["a b target", "c b target", "d e target", "a d nontarget", "f a nontarget"]
    )
    found = speakers_from_trials(trials)
    assert found == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": "f"}
    check_labels(trials, found)
    with pytest.raises(ProbeError, match="utterance f of the trials has no speaker"):
        check_labels(trials, {utt: s for utt, s in found.items() if utt != "f"})
