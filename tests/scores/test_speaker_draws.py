import time

import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores import speaker_draws
from espnet_probe.scores.intervals import draw_multiplicities, interval_of_draws
from espnet_probe.scores.speaker_draws import eer_draws, eer_interval, numbered_draws
from espnet_probe.scores.verification import eer


def all_pairs(rng, num_speakers, per_speaker, spread):
    """All pairs of utterances whose scores share a part per speaker."""
    speaker = np.repeat(np.arange(num_speakers), per_speaker)
    first, second = np.triu_indices(speaker.size, 1)
    targets = speaker[first] == speaker[second]
    bias = rng.normal(size=num_speakers) * spread
    scores = rng.normal(size=first.size) + 1.5 * targets
    scores += bias[speaker[first]] + bias[speaker[second]]
    return scores, targets, speaker[first], speaker[second]


def by_copies(scores, targets, first, second, times):
    """Copy the recordings under new names, a drawn speaker at a time."""
    copied_scores, copied_targets = [], []
    for score, target, a, b in zip(scores, targets, first, second):
        for copy_a in range(times[a]):
            for copy_b in range(times[b]):
                if target and copy_a != copy_b:
                    continue  # two names of one voice: no trial
                copied_scores.append(score)
                copied_targets.append(target)
    kinds = np.array(copied_targets, dtype=bool)
    if kinds.size == 0 or kinds.all() or not kinds.any():
        return np.nan
    return eer(np.array(copied_scores), kinds)


@pytest.mark.parametrize("segment", [4096, 40, 1])
@pytest.mark.parametrize("levels", [None, 2])
def test_draws_equal_copying_the_speakers(segment, levels, monkeypatch):
    """Weights give what copies would give, however the trials are cut."""
    monkeypatch.setattr(speaker_draws, "SEGMENT", segment)
    monkeypatch.setattr(speaker_draws, "ROOM", 500)
    scores, *rest = all_pairs(np.random.default_rng(8), 6, 3, 0.5)
    if levels is not None:
        scores = np.round(scores * levels) / levels
    draws = numbered_draws(scores, *rest, 6, num_draws=40, seed=3)
    drawn = draw_multiplicities(6, 40, np.random.default_rng(3))
    expected = [by_copies(scores, *rest, times) for times in drawn]
    np.testing.assert_allclose(draws, expected, rtol=1e-12)


def test_draws_without_a_kind_are_undefined():
    """With two speakers, every other draw has one of them only: no non-targets."""
    trials = all_pairs(np.random.default_rng(2), 2, 3, 0.0)
    draws = numbered_draws(*trials, 2, num_draws=60, seed=0)
    drawn = draw_multiplicities(2, 60, np.random.default_rng(0))
    expected = [by_copies(*trials, times) for times in drawn]
    np.testing.assert_allclose(draws, expected, rtol=1e-12)
    assert 15 < np.isnan(draws).sum() < 45


def test_names_and_numbers_give_the_same_draws():
    scores, targets, first, second = all_pairs(np.random.default_rng(0), 9, 4, 1.0)
    pairs = [(f"s{a:02d}", f"s{b:02d}") for a, b in zip(first, second)]
    draws, drawn = eer_draws(scores, targets, pairs, 200, seed=4)
    assert drawn == tuple(f"s{number:02d}" for number in range(9))
    expected = eer_interval(scores, targets, 7 * first, 7 * second, 200, seed=4)
    assert interval_of_draws(draws) == expected


def test_draws_of_two_sets_are_paired():
    """What makes a speaker hard in both sets cancels in the difference."""
    rng = np.random.default_rng(1)
    scores, targets, first, second = all_pairs(rng, 12, 6, 0.0)
    pairs = [(f"s{a:02d}", f"s{b:02d}") for a, b in zip(first, second)]
    easy = np.where(targets, rng.normal(0, 1.5, 12)[first], 0.0)
    one, _ = eer_draws(scores + easy, targets, pairs)
    near = scores + easy + 0.2 * rng.normal(size=len(scores))
    other, _ = eer_draws(near, targets, pairs)
    assert np.std(one - other) < 0.5 * np.std(one - other[::-1])


def test_over_speakers_is_wider_than_over_trials():
    rng = np.random.default_rng(9)
    trials = all_pairs(rng, 20, 6, 1.0)
    low, high = eer_interval(*trials, num_draws=300).as_list()
    assert low < eer(*trials[:2]) < high
    scores, targets = trials[:2]
    naive = []
    for _ in range(300):
        drawn = rng.integers(0, scores.size, scores.size)
        naive.append(eer(scores[drawn], targets[drawn]))
    naive_width = np.quantile(naive, 0.975) - np.quantile(naive, 0.025)
    assert high - low > 1.2 * naive_width


def test_bootstrap_is_reproducible():
    trials = all_pairs(np.random.default_rng(10), 6, 4, 0.5)
    again = eer_interval(*trials, num_draws=50, seed=1)
    assert eer_interval(*trials, num_draws=50, seed=1) == again
    assert eer_interval(*trials, num_draws=50, seed=2) != again


def test_too_few_speakers_give_no_interval():
    trials = all_pairs(np.random.default_rng(11), 4, 5, 0.5)
    interval = eer_interval(*trials)
    assert interval.as_list() is None
    assert "4 speakers" in interval.reason


def test_labels_must_agree_with_the_speakers():
    scores, targets, first, second = all_pairs(np.random.default_rng(12), 5, 2, 0)
    with pytest.raises(ProbeError, match="contradict"):
        eer_interval(scores, targets, first, np.roll(second, 1))
    with pytest.raises(ProbeError, match="contradict"):
        eer_draws(scores[:2], np.array([True, False]), [("a", "b"), ("a", "c")])


def test_a_million_trials_take_seconds():
    rng = np.random.default_rng(7)
    size, num_speakers = 1_000_000, 400
    first = rng.integers(0, num_speakers, size)
    targets = np.arange(size) % 2 == 0
    second = (first + rng.integers(1, num_speakers, size)) % num_speakers
    second = np.where(targets, first, second)
    hard = rng.normal(size=num_speakers)
    scores = rng.normal(size=size) + 2 * targets + hard[first] * targets
    start = time.process_time()
    low, high = eer_interval(scores, targets, first, second).as_list()
    spent = time.process_time() - start
    assert low < eer(scores, targets) < high
    print(f"1000 draws of speakers for 10^6 trials: {spent:.1f} CPU s")
    assert spent < 8.0
