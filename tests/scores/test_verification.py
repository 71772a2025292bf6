import time
from fractions import Fraction

import numpy as np
import pytest
from espnet2.utils.eer import tuneThresholdfromScore

from espnet_probe.errors import ProbeError
from espnet_probe.scores.verification import (
    cosine_scores,
    eer,
    eer_espnet,
    validate,
)


def exact_eer(scores, targets):
    """Intersect the polyline of operating points with FPR = FNR, in fractions.

    One loop per threshold over all trials: slow, and nothing like the tested code.
    """
    num_target = sum(targets)
    num_nontarget = len(targets) - num_target
    points = []
    for threshold in [min(scores) - 1, *sorted(set(scores))]:
        missed = sum(s <= threshold and t for s, t in zip(scores, targets))
        passed = sum(s > threshold and not t for s, t in zip(scores, targets))
        points.append((Fraction(missed, num_target), Fraction(passed, num_nontarget)))
    for (fnr0, fpr0), (fnr1, fpr1) in zip(points, points[1:]):
        if fnr0 <= fpr0 and fnr1 >= fpr1:
            # fnr0 + t (fnr1 - fnr0) = fpr0 + t (fpr1 - fpr0)
            t = (fpr0 - fnr0) / ((fpr0 - fnr0) + (fnr1 - fpr1))
            return 100 * (fnr0 + t * (fnr1 - fnr0))
    raise AssertionError("the polyline goes from (0, 1) to (1, 0)")


def random_trials(rng, size, levels=None):
    targets = rng.random(size) < rng.uniform(0.1, 0.9)
    targets[:2] = [True, False]
    scores = rng.normal(size=size) + targets * rng.uniform(-1, 3)
    if levels is not None:
        scores = np.round(scores * levels) / levels
    return scores, targets


@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("size", [2, 3, 5, 12, 60, 400])
def test_both_definitions_equal_their_references(size, levels):
    rng = np.random.default_rng(size)
    for _ in range(60 if size < 400 else 3):
        scores, targets = random_trials(rng, size, levels)
        # The nearest double to the exact fraction, and ESPnet's last digit.
        expected = exact_eer(scores.tolist(), targets.tolist())
        assert eer(scores, targets) == float(expected)
        theirs = tuneThresholdfromScore(scores, targets.astype(int), [1, 0.1])[1]
        assert eer_espnet(scores, targets) == theirs


@pytest.mark.parametrize("levels", [None, 50])
def test_large_sets_equal_espnets_number(levels):
    rng = np.random.default_rng(4)
    for _ in range(5):
        scores, targets = random_trials(rng, 30_000, levels)
        theirs = tuneThresholdfromScore(scores, targets.astype(int), [1, 0.1])[1]
        assert eer_espnet(scores, targets) == theirs


def test_definitions_differ_on_small_sets():
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    targets = np.array([False, True, False, True, True])
    # At any threshold between 2 and 3 FNR is 1/3 and FPR 1/2.
    assert eer_espnet(scores, targets) == pytest.approx(50.0)
    assert eer(scores, targets) == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    "scores, expected",
    [
        ([0.0, 0.1, 0.8, 0.9], 0.0),  # perfect
        ([0.8, 0.9, 0.0, 0.1], 100.0),  # reversed
        ([0.5, 0.5, 0.5, 0.5], 50.0),  # all tied
        ([0.0, 0.5, 0.5, 1.0], 25.0),  # one pair tied
    ],
)
def test_edge_cases(scores, expected):
    targets = np.array([False, False, True, True])
    assert eer(np.array(scores), targets) == pytest.approx(expected)


def test_eer_depends_on_order_only():
    scores, targets = random_trials(np.random.default_rng(5), 200)
    shuffled = np.random.default_rng(6).permutation(200)
    assert eer(np.exp(3 * scores), targets) == eer(scores, targets)
    assert eer(scores[shuffled], targets[shuffled]) == eer(scores, targets)


@pytest.mark.parametrize("kind", [True, False])
def test_single_class_is_refused(kind):
    targets = np.full(4, kind)
    for rate in (eer, eer_espnet):
        with pytest.raises(ProbeError, match="needs both kinds"):
            rate(np.arange(4.0), targets)


def test_validate():
    with pytest.raises(ProbeError, match="one label per score"):
        validate(np.zeros(3), np.array([True, False]))
    with pytest.raises(ProbeError, match="1 of 2 scores are not finite"):
        validate(np.array([0.0, np.nan]), np.array([True, False]))
    with pytest.raises(ProbeError, match="boolean"):
        validate(np.zeros(2), np.array([1, 0]))


def test_a_million_trials_take_seconds():
    scores, targets = random_trials(np.random.default_rng(7), 1_000_000)
    start = time.process_time()
    assert eer(scores, targets) == pytest.approx(eer_espnet(scores, targets), abs=0.01)
    assert time.process_time() - start < 5.0


def test_cosine_scores():
    enrolment = np.array([[2.0, 0.0], [1.0, 1.0], [0.5, 0.0]])
    test = np.array([[3.0, 0.0], [1.0, -1.0], [-4.0, 0.0]])
    assert cosine_scores(enrolment, test) == pytest.approx([1.0, 0.0, -1.0])
