import numpy as np
import pytest
from scipy import stats

from espnet_probe.scores.contrasts import Cell, contrast

SPEAKERS = tuple(f"s{number}" for number in range(10))


def test_common_utterances_are_subtracted_one_by_one():
    rng = np.random.default_rng(0)
    easy = rng.normal(0, 10, 30)  # cancels
    gain = rng.normal(1.0, 0.5, 30)
    one = {f"u{i}": float(easy[i] + gain[i]) for i in range(30)}
    other = {f"u{i}": float(easy[i]) for i in range(30)}
    one["only here"] = 1e6
    found = contrast(
        [
            (1.0, Cell(np.mean(list(one.values())), units=one)),
            (-1.0, Cell(np.mean(easy), units=other)),
        ]
    )
    expected = stats.ttest_1samp(gain, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(gain.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.basis == "paired, 30 utterances" and found.degrees == 29


def test_common_draws_are_subtracted_and_the_interval_widened():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, 4000)
    one = Cell(22.0, draws=22 + hard + rng.normal(0, 1, 4000), drawn=SPEAKERS)
    other = Cell(20.0, draws=20 + hard, drawn=SPEAKERS)
    found = contrast([(1.0, one), (-1.0, other)])
    # sqrt(10 / 9) * t(9) = sqrt(10 / 9) * 2.2622 for 1.96 standard errors
    half = np.sqrt(10 / 9) * 2.2622
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), abs=0.12)
    assert found.basis == "paired, 10 speakers"


def test_other_speakers_are_not_paired():
    draws = np.random.default_rng(0).normal(20, 1, 500)
    one = Cell(22.0, (20.0, 24.0), draws=draws + 2, drawn=SPEAKERS)
    other = Cell(20.0, (17.0, 21.0), draws=draws, drawn=SPEAKERS[1:] + ("x",))
    found = contrast([(1.0, one), (-1.0, other)])
    # low: arm of one below (2) and of other above (1); high: 2 and 3.
    assert (found.low, found.high) == pytest.approx((2 - 3, 2 + 5))
    assert found.basis == "unpaired, arms added up"


@pytest.mark.parametrize(
    "cell",
    [
        Cell(20.0),
        Cell(20.0, draws=np.arange(99.0), drawn=("a", "b", "c", "d")),
        Cell(20.0, units={"a": 1.0, "b": 2.0}),
        Cell(20.0, draws=np.full(99, 20.0), drawn=SPEAKERS),
        Cell(20.0, units=dict.fromkeys(SPEAKERS, 20.0)),
    ],
)
def test_too_little_data_gives_no_interval_but_a_reason(cell):
    found = contrast([(1.0, cell)])
    assert found.bounds() is None and found.basis


def test_bounds_of_rounding_add_up_and_are_not_widened():
    one = Cell(6.27, (6.265, 6.275), exact=True)
    other = Cell(6.19, (6.185, 6.195), exact=True)
    found = contrast([(1.0, one), (-2.0, other)])
    assert found.bounds(100) == pytest.approx((-6.11 - 0.015, -6.11 + 0.015))


def test_several_looks_lengthen_the_arms_as_the_quantile_does():
    units = {f"u{i}": float(i) for i in range(8)}
    found = contrast([(1.0, Cell(3.5, units=units))])
    low, high = found.bounds(20)
    error = np.std(list(units.values()), ddof=1) / np.sqrt(8)
    half = stats.t.ppf(1 - 0.025 / 20, 7) * error
    assert (low, high) == pytest.approx((3.5 - half, 3.5 + half))
    mixed = contrast([(1.0, Cell(1.0, (0.0, 2.0)))])
    half = stats.norm.ppf(1 - 0.025 / 20) / stats.norm.ppf(0.975)
    assert mixed.bounds(20) == pytest.approx((1 - half, 1 + half))
