import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import interval_of_draws
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.scores.verification import eer_interval


def trials(rng, names, size, shift):
    """Return scores, labels and speakers of random trials."""
    pairs = [tuple(rng.choice(names, 2)) for _ in range(size)]
    pairs = [(a, a) if i % 2 else (a, b) for i, (a, b) in enumerate(pairs)]
    targets = np.array([a == b for a, b in pairs])
    scores = rng.normal(size=size) + shift * targets
    return scores, targets, [(str(a), str(b)) for a, b in pairs]


def test_the_draws_are_those_of_the_interval_of_one_rate():
    rng = np.random.default_rng(0)
    names = [f"s{number:02d}" for number in range(9)]
    scores, targets, pairs = trials(rng, names, 300, 1.0)
    draws, drawn = eer_draws(scores, targets, pairs, 200, seed=4)
    assert drawn == tuple(names)
    place = {name: index for index, name in enumerate(names)}
    first = np.array([place[a] for a, _ in pairs])
    second = np.array([place[b] for _, b in pairs])
    expected = eer_interval(scores, targets, first, second, 200, seed=4)
    assert interval_of_draws(draws).as_list() == pytest.approx(expected.as_list())


def test_draws_of_two_sets_are_paired():
    """What makes a speaker hard in both sets cancels in the difference."""
    rng = np.random.default_rng(1)
    names = [f"s{number}" for number in range(12)]
    scores, targets, pairs = trials(rng, names, 1200, 1.5)
    hard = {name: rng.normal(0, 1.5) for name in names}
    easy = np.array([hard[a] if a == b else 0.0 for a, b in pairs])
    one, _ = eer_draws(scores + easy, targets, pairs)
    near = scores + easy + 0.2 * rng.normal(size=len(scores))
    other, _ = eer_draws(near, targets, pairs)
    assert np.std(one - other) < 0.5 * np.std(one - other[::-1])


def test_labels_must_fit_the_speakers():
    with pytest.raises(ProbeError, match="contradict"):
        eer_draws(
            np.array([0.1, 0.2]), np.array([True, False]), [("a", "b"), ("a", "c")]
        )
