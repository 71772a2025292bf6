"""Error rates of listeners with intervals over both, and their agreement."""

import itertools
from typing import List

import numpy as np
import pytest
from scipy.stats import binomtest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.agreement import agreement, consistency
from espnet_probe.scores.listening import (
    BOTH,
    TRIPLETS,
    Answered,
    error_rate,
    errors_by_margin,
    errors_of_ratings,
    exact_interval,
    human_mean,
    machine_error,
    rate_difference,
    two_way_draws,
)


def crossed(people: int, items: int) -> List[List[str]]:
    pairs = itertools.product(range(people), range(items))
    return [list(map(str, one)) for one in zip(*pairs)]


def test_rates_are_pooled_from_counts() -> None:
    wrong = np.array([1.0, 0.0, 0.5, 0.0, 1.0])
    rate = error_rate(wrong, ["p", "p", "p", "q", "q"], list("abcab"))
    assert rate.value == pytest.approx(50.0)
    assert (rate.num_wrong, rate.num_ties, rate.num_answers) == (2, 1, 5)
    assert (rate.num_listeners, rate.num_triplets) == (2, 3)


@pytest.mark.parametrize("wrong, count", [(0, 7), (3, 10), (10, 10), (40, 100)])
def test_the_exact_interval_is_that_of_scipy(wrong: int, count: int) -> None:
    expected = binomtest(wrong, count).proportion_ci(0.95, "exact")
    assert exact_interval(wrong, count) == pytest.approx((expected.low, expected.high))


def test_draws_are_those_of_copied_rows_and_columns() -> None:
    """The mean in a draw is that of the drawn listeners' answers to drawn triplets."""
    rng = np.random.default_rng(3)
    table = rng.integers(0, 2, (4, 3)).astype(float)
    people, items = np.divmod(np.arange(12), 3)
    draws = two_way_draws(table.ravel(), people, items, True, 200, 5)
    again = np.random.default_rng(5)
    drawn = again.multinomial(4, [0.25] * 4, 200)
    chosen = again.multinomial(3, [1 / 3] * 3, 200)
    expected = [
        np.repeat(np.repeat(table, rows, axis=0), columns, axis=1).mean()
        for rows, columns in zip(drawn, chosen)
    ]
    assert draws == pytest.approx(expected)


def test_listeners_who_differ_widen_the_interval() -> None:
    people, items = crossed(10, 20)
    always = np.array([float(int(p) < 5) for p in people])
    mixed = np.array([float((int(p) + int(i)) % 2) for p, i in zip(people, items)])
    one, other = (error_rate(w, people, items).interval for w in (always, mixed))
    assert one.low is not None and one.high is not None
    assert other.low is not None and other.high is not None
    assert one.high - one.low > 1.5 * (other.high - other.low)


def test_triplets_that_differ_widen_the_interval() -> None:
    people, items = crossed(20, 10)
    always = np.array([float(int(i) < 5) for i in items])
    interval = error_rate(always, people, items).interval
    assert interval.low is not None and interval.high is not None
    assert interval.low < 25 and interval.high > 75


def test_the_interval_covers_the_truth() -> None:
    """Listeners and triplets drawn anew: at least 95 % of intervals hold the rate."""
    rng = np.random.default_rng(0)
    people, items = crossed(8, 12)
    who, what = (np.array(list(map(int, one))) for one in (people, items))
    hit = 0
    for _ in range(60):
        levels = rng.normal(0, 0.15, 8)[who] + rng.normal(0, 0.15, 12)[what]
        wrong = (rng.random(96) < np.clip(0.4 + levels, 0, 1)).astype(float)
        interval = error_rate(wrong, people, items, 300).interval
        assert interval.low is not None and interval.high is not None
        hit += interval.low <= 40.0 <= interval.high
    assert hit >= 54


def test_no_error_at_all_has_an_interval_all_the_same() -> None:
    people, items = crossed(6, 10)
    interval = error_rate(np.zeros(60), people, items).interval
    assert interval.low == 0.0
    assert interval.high == pytest.approx(100 * (1 - 0.025 ** (1 / 60)))


def test_few_listeners_say_nothing_of_others() -> None:
    people, items = crossed(4, 10)
    wrong = np.tile([1.0, 0.0], 20)
    rate = error_rate(wrong, people, items)
    assert rate.over == TRIPLETS and rate.interval.low is not None
    people, items = crossed(5, 10)
    assert error_rate(np.tile([1.0, 0.0], 25), people, items).over == BOTH


def test_one_listener_has_an_interval_over_triplets() -> None:
    wrong = np.array([1.0] * 3 + [0.0] * 9)
    rate = error_rate(wrong, ["one"] * 12, list("abcdefghijkl"))
    assert rate.over == TRIPLETS
    assert rate.interval.low is not None and rate.interval.low < 25.0


def test_few_triplets_have_no_interval() -> None:
    people, items = crossed(9, 4)
    rate = error_rate(np.zeros(36), people, items)
    assert rate.interval.as_list() is None and rate.over == ""
    assert "4 triplets" in str(rate.interval.reason)


@pytest.mark.parametrize("wrong", [[], [0.3], [np.nan]])
def test_what_is_no_answer_is_refused(wrong: List[float]) -> None:
    with pytest.raises(ProbeError):
        error_rate(np.array(wrong), ["p"] * len(wrong), ["i"] * len(wrong))
    with pytest.raises(ProbeError):
        human_mean(np.zeros(3), ["p"], ["i"])


def test_equal_ratings_count_half() -> None:
    same, other = np.array([5.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 3.0, 4.0])
    assert errors_of_ratings(same, other).tolist() == [0.0, 1.0, 0.5, 0.5]
    assert errors_by_margin(same, other) == [
        {"margin": 0.0, "answers": 2, "wrong": 1.0, "error_percent": 50.0},
        {"margin": 2.0, "answers": 1, "wrong": 1.0, "error_percent": 100.0},
        {"margin": 4.0, "answers": 1, "wrong": 0.0, "error_percent": 0.0},
    ]


def test_an_embedder_answers_by_the_higher_score() -> None:
    found = machine_error(np.array([0.9, 0.1, 0.5]), np.array([0.2, 0.8, 0.5]))
    assert found.value == pytest.approx(50.0) and found.num_triplets == 3
    with pytest.raises(ProbeError, match="finite"):
        machine_error(np.array([np.nan]), np.array([0.0]))


def test_kappa_is_that_of_fleiss_where_all_heard_all() -> None:
    rng = np.random.default_rng(1)
    first = rng.random((7, 5)) < np.linspace(0.1, 0.9, 7)[:, None]
    items = [str(n) for n in range(7) for _ in range(5)]
    found = agreement(first.ravel(), items)
    # Fleiss (1971): mean agreement of pairs beside that of chance.
    counts = np.stack([first.sum(1), 5 - first.sum(1)], axis=1)
    observed = np.mean((np.sum(counts**2, axis=1) - 5) / 20)
    chance = np.sum((counts.sum(axis=0) / 35) ** 2)
    assert found.kappa == pytest.approx((observed - chance) / (1 - chance))
    assert found.percent == pytest.approx(100 * observed)
    assert found.interval.low is not None and found.interval.high is not None
    assert found.interval.low < found.kappa < found.interval.high


def test_kappa_of_unequal_numbers_by_hand() -> None:
    # Two answers, both yes; three answers, one yes: p = 3/5, n = 5/2;
    # sum n p (1 - p) = 0 + 3 * 1/3 * 2/3 = 2/3; 2 * 3/2 * 6/25 = 18/25.
    first = np.array([True, True, True, False, False, True])
    found = agreement(first, ["a", "a", "b", "b", "b", "alone"])
    assert found.kappa == pytest.approx(1 - (2 / 3) / (18 / 25))
    assert (found.num_items, found.num_answers) == (2, 5)
    assert found.percent == pytest.approx(100 * 2 / 4)


def test_kappa_of_agreement_chance_and_sameness() -> None:
    items = [str(n) for n in range(400) for _ in range(3)]
    sure = np.repeat(np.arange(400) % 2 == 0, 3)
    assert agreement(sure, items, 100).kappa == pytest.approx(1.0)
    guess = np.random.default_rng(0).random(1200) < 0.5
    found = agreement(guess, items, 100).kappa
    assert found is not None and abs(found) < 0.1
    same = agreement(np.ones(1200, dtype=bool), items)
    assert same.kappa is None and "not defined" in str(same.interval.reason)
    none = agreement(np.array([True, False]), ["a", "b"])
    assert none.kappa is None and none.num_items == 0


def test_consistency_counts_the_same_answer_again() -> None:
    same = np.array([True, True, False, True, True, True])
    found = consistency(same, list("aabcde"))
    assert (found.num_same, found.num_repeats) == (5, 6)
    assert found.percent == pytest.approx(100 * 5 / 6)
    assert found.interval.low is not None and found.interval.low < 50
    assert consistency(same[:2], ["a", "b"]).interval.reason is not None
    assert consistency(np.zeros(0, dtype=bool), []).percent is None


def test_differences_of_layers_are_paired_over_listeners() -> None:
    """Half of the listeners hear nothing at all: that cancels in the difference."""
    people, items = crossed(10, 40)
    deaf = np.array([int(p) < 5 for p in people])
    first = (deaf | np.array([int(i) < 4 for i in items])).astype(float)
    second = (deaf | np.array([int(i) < 20 for i in items])).astype(float)
    one, other = Answered(first, people, items), Answered(second, people, items)
    rise = rate_difference(one, other)
    assert rise.value == pytest.approx(20.0) and rise.over == BOTH
    rates = [error_rate(*answered).interval for answered in (one, other)]
    assert rates[0].high is not None and rates[1].low is not None
    assert rates[0].high > rates[1].low
    assert rise.interval.low is not None and rise.interval.low > 0
    fall = rate_difference(other, one)
    assert fall.value == -rise.value
    assert fall.interval.high is not None and fall.interval.high < 0


def test_a_difference_without_data_has_no_interval() -> None:
    people, items = crossed(6, 6)
    right = Answered(np.zeros(36), people, items)
    assert "the same in every draw" in str(
        rate_difference(right, right).interval.reason
    )
    few = Answered(np.zeros(12), *crossed(6, 2))
    found = rate_difference(few, right)
    assert found.interval.as_list() is None and found.over == ""
    with pytest.raises(ProbeError):
        rate_difference(Answered(np.zeros(0), [], []), right)
