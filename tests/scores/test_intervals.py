import numpy as np
import pytest
from scipy import stats

from espnet_probe.scores.intervals import (
    MIN_GROUPS,
    draw_multiplicities,
    interval_of_draws,
    interval_of_mean,
    interval_of_ratio,
    means_of_groups,
    summarise,
)


def test_interval_of_mean_is_students():
    values = [0.1, 0.4, 0.35, 0.8, 0.55, 0.2]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    interval = interval_of_mean(values)
    assert interval.as_list() == pytest.approx([expected.low, expected.high])
    assert interval.reason is None


def test_interval_of_mean_covers_the_mean_in_95_of_100_samples():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        interval = interval_of_mean(rng.normal(2.0, 1.0, 8))
        covered += interval.low < 2.0 < interval.high
    assert 925 <= covered <= 975


def test_means_of_groups_count_every_group_once():
    values = [1.0, 2.0, 6.0, 10.0]
    assert means_of_groups(values, ["b", "b", "b", "a"]).tolist() == [10.0, 3.0]
    with pytest.raises(ValueError, match="4 values, but the groups of 3"):
        means_of_groups(values, ["a", "b", "c"])


@pytest.mark.parametrize("count", range(MIN_GROUPS))
def test_too_little_data_is_said(count):
    interval = interval_of_mean([0.5] * count, "speakers")
    assert interval.as_list() is None
    assert f"{count} speakers" in interval.reason
    ratio = interval_of_ratio(np.ones(count), np.ones(count), "speakers")
    assert ratio.as_list() is None and f"{count} speakers" in ratio.reason


def test_undefined_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        interval_of_mean([0.5] * 6 + [float("nan")])


def test_multiplicities_sum_to_the_number_of_groups():
    times = draw_multiplicities(7, 500, np.random.default_rng(0))
    assert times.shape == (500, 7)
    assert np.all(times.sum(axis=1) == 7)
    # A group's multiplicity is binomial with mean 1.
    assert times.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    assert times.max() > 2


def test_many_undefined_draws_give_no_interval():
    draws = np.linspace(0, 1, 100)
    assert interval_of_draws(draws).as_list() == pytest.approx([0.025, 0.975])
    draws[:11] = np.nan
    interval = interval_of_draws(draws)
    assert interval.as_list() is None
    assert "11 of 100" in interval.reason


def test_interval_of_ratio_pools_counts():
    # Long utterances without errors, short ones full of them: the mean of the
    # rates is 0.5, the pooled rate is near 0.01.
    errors = np.tile([0.0, 1.0], 50)
    words = np.tile([99.0, 1.0], 50)
    low, high = interval_of_ratio(errors, words).as_list()
    assert 0.0 < low < 0.01 < high < 0.02
    # Equal rates everywhere leave nothing to vary.
    assert interval_of_ratio(words / 4, words).as_list() == pytest.approx([0.25, 0.25])


def test_interval_of_ratio_is_reproducible():
    rng = np.random.default_rng(1)
    errors, words = rng.integers(0, 5, 40).astype(float), np.full(40, 10.0)
    assert interval_of_ratio(errors, words) == interval_of_ratio(errors, words)
    assert interval_of_ratio(errors, words) != interval_of_ratio(errors, words, seed=1)


def test_summarise():
    values = [0.5, None, 0.7, 0.6, 0.8, 0.4]
    summary = summarise(values)
    assert summary["mean"] == pytest.approx(0.6)
    assert summary["count"] == 5 and summary["excluded"] == 1
    assert summary["ci95"][0] < 0.6 < summary["ci95"][1]
    assert "reason" not in summary
    few = summarise([0.5, None])
    assert (
        few["mean"] == 0.5 and few["ci95"] is None and "1 utterances" in few["reason"]
    )
    none = summarise([None, None])
    assert none["mean"] is None and none["excluded"] == 2 and none["reason"]
    assert summarise([None], "no PESQ") == {"mean": None, "reason": "no PESQ"}
