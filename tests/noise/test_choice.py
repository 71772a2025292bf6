"""The choice of noise: its ranges, and that it depends on nothing but seed and id."""

import random
from collections import Counter
from typing import Dict, List

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.noise.choice import choose

FILES: Dict[str, List[str]] = {
    "music": [f"music/{n}.wav" for n in range(10)],
    "noise": [f"noise/{n}.wav" for n in range(20)],
    "babble": [f"speech/{n}.wav" for n in range(8)],
}
RANGES = {"music": (5, 15, 1, 1), "noise": (0, 15, 1, 1), "babble": (13, 20, 3, 7)}
UTTS = [f"spk{n % 7}-{n:04d}" for n in range(3000)]


def test_ranges_are_those_of_x_vector_training() -> None:
    choices = [choose(utt, FILES, seed=0) for utt in UTTS]
    counts = Counter(choice.source for choice in choices)
    for source, (lowest, highest, fewest, most) in RANGES.items():
        # A third each: 1000 of 3000, with a standard deviation of 26.
        assert abs(counts[source] - 1000) < 130
        here = [choice for choice in choices if choice.source == source]
        snrs = [choice.snr for choice in here]
        assert lowest <= min(snrs) < lowest + 0.5
        assert highest - 0.5 < max(snrs) <= highest
        assert {len(choice.files) for choice in here} == set(range(fewest, most + 1))
        assert {file for choice in here for file in choice.files} == set(FILES[source])
        for choice in here:
            assert len(set(choice.files)) == len(choice.files) == len(choice.places)
            assert all(0 <= place < 1 for place in choice.places)


def test_order_of_utterances_and_of_files_does_not_matter() -> None:
    first = {utt: choose(utt, FILES, seed=3) for utt in UTTS[:200]}
    shuffled = {
        name: random.Random(1).sample(files, len(files))
        for name, files in reversed(FILES.items())
    }
    second = {utt: choose(utt, shuffled, seed=3) for utt in reversed(UTTS[:200])}
    assert first == second


def test_a_choice_stays_what_it_is() -> None:
    # Written down from a run: another would give other noisy sets for the same seed.
    choice = choose("1688-142285-0004", FILES, seed=0)
    assert choice.source == "babble"
    assert choice.files == ("speech/3.wav", "speech/6.wav", "speech/0.wav")
    assert choice.places == pytest.approx((0.48165879, 0.739251341, 0.493775329))
    assert choice.snr == pytest.approx(13.445495198)


def test_seed_utterance_and_attempt_matter() -> None:
    base = [choose(utt, FILES, seed=0) for utt in UTTS[:50]]
    assert base != [choose(utt, FILES, seed=1) for utt in UTTS[:50]]
    assert base != [choose(utt, FILES, seed=0, attempt=1) for utt in UTTS[:50]]
    assert len({choice.places for choice in base}) == 50


def test_sets_at_fixed_snrs_differ_in_the_snr_only() -> None:
    for utt in UTTS[:50]:
        free = choose(utt, FILES, seed=0)
        fixed = choose(utt, FILES, seed=0, snr=10.0)
        assert fixed.snr == 10.0
        assert (fixed.source, fixed.files) == (free.source, free.files)
        assert fixed.places == free.places


def test_babble_takes_what_there_is() -> None:
    few = {"babble": FILES["babble"][:4]}
    counts = {len(choose(utt, few, seed=0).files) for utt in UTTS[:200]}
    assert counts == {3, 4}


def test_mistakes() -> None:
    with pytest.raises(ProbeError, match="got 2 files, expected at least 3"):
        choose("a", {"babble": ["x", "y"]}, seed=0)
    with pytest.raises(ProbeError, match="no source of noise"):
        choose("a", {}, seed=0)
    with pytest.raises(ProbeError, match="unknown source of noise 'rain'"):
        choose("a", {"rain": ["x"]}, seed=0)
