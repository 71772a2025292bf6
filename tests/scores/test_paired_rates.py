import numpy as np
import pytest

from espnet_probe.scores.intervals import interval_of_draws
from espnet_probe.scores.paired_rates import compare_rates
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.scores.trial_sampling import sample_trials
from espnet_probe.scores.verification import cosine_scores, eer


def two_systems(num_speakers, seed, noises):
    """Return trials, speakers and the scores of two systems that hear one set."""
    rng = np.random.default_rng(seed)
    speakers = {
        f"s{i:02d}-{n}": f"s{i:02d}" for i in range(num_speakers) for n in range(6)
    }
    means = {name: rng.normal(size=12) for name in sorted(set(speakers.values()))}
    heard = {
        utt: means[name] + 0.8 * rng.normal(size=12) for utt, name in speakers.items()
    }
    trials = sample_trials(speakers, 30 * num_speakers, seed, at_most=True)
    scores = []
    for noise in noises:
        voices = {utt: one + noise * rng.normal(size=12) for utt, one in heard.items()}
        scores.append(
            cosine_scores(
                np.stack([voices[trial.enrolment] for trial in trials]),
                np.stack([voices[trial.test] for trial in trials]),
            )
        )
    return trials, speakers, scores


def test_difference_and_its_interval():
    trials, speakers, (first, second) = two_systems(20, 0, (0.2, 1.5))
    targets = np.array([trial.target for trial in trials])
    found = compare_rates(trials, first, second, speakers, 400)
    assert found.first == eer(first, targets) < found.second == eer(second, targets)
    difference = found.difference
    assert difference.value == found.first - found.second
    assert difference.low < difference.value < difference.high < 0
    assert "paired, 20 speakers" in difference.basis
    turned = compare_rates(trials, second, first, speakers, 400).difference
    assert turned.value == -difference.value
    assert turned.low == pytest.approx(-difference.high)


def test_pairing_makes_the_interval_narrower():
    trials, speakers, (first, second) = two_systems(20, 1, (0.1, 0.15))
    paired = compare_rates(trials, first, second, speakers, 400).difference
    # Unpaired, the variances of the two would add up.
    targets = np.array([trial.target for trial in trials])
    pairs = [(speakers[trial.enrolment], speakers[trial.test]) for trial in trials]
    widths = []
    for scores in (first, second):
        draws, _ = eer_draws(scores, targets, pairs, 400)
        widths.append(np.diff(interval_of_draws(draws).as_list())[0])
    assert paired.high - paired.low < 0.7 * np.hypot(*widths)


def test_same_scores_differ_by_nothing():
    trials, speakers, (first, _) = two_systems(8, 2, (0.5, 0.5))
    found = compare_rates(trials, first, first, speakers, 200)
    assert found.difference.value == 0 and found.difference.low is None
    assert "the same in every draw" in found.difference.basis


def test_few_speakers_have_no_interval():
    trials, speakers, (first, second) = two_systems(4, 3, (0.2, 1.5))
    found = compare_rates(trials, first, second, speakers, 200)
    assert found.difference.low is None and found.num_speakers == 4
    assert "4 speakers" in found.difference.basis


def test_intervals_hold_no_difference_where_there_is_none():
    """Two systems that are equally good: about 95 % of intervals hold zero."""
    held = []
    for seed in range(60):
        trials, speakers, scores = two_systems(12, seed, (0.6, 0.6))
        difference = compare_rates(trials, *scores, speakers, 150).difference
        held.append(
            difference.low is not None and difference.low <= 0 <= difference.high
        )
    print(f"12 speakers: {100 * np.mean(held):.0f} % of 60 intervals hold zero")
    assert 0.87 <= np.mean(held)
