from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from espnet_probe.scores.contrasts import Cell, Contrast, contrast

SPEAKERS = tuple(f"s{number}" for number in range(10))


def test_common_utterances_are_subtracted_one_by_one_and_averaged_by_speaker():
    rng = np.random.default_rng(0)
    easy = rng.normal(0, 10, 30)  # cancels
    gain = rng.normal(1.0, 0.5, 30)
    one = {f"u{i}": float(easy[i] + gain[i]) for i in range(30)}
    other = {f"u{i}": float(easy[i]) for i in range(30)}
    one["only here"] = 1e6
    # Speakers of 1, 2, 3, 4, 5, 6 and 9 utterances.
    counts = [1, 2, 3, 4, 5, 6, 9]
    group = np.repeat(np.arange(7), counts)
    who = {f"u{i}": f"s{group[i]}" for i in range(30)}
    found = contrast(
        [
            (1.0, Cell(0.0, units=one, speakers={**who, "only here": "s0"})),
            (-1.0, Cell(0.0, units=other, speakers=who)),
        ]
    )
    means = [gain[group == number].mean() for number in range(7)]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(means))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.basis == "paired, 7 speakers, 30 utterances" and found.degrees == 6


def covered(counts, effect, speakers_known, tries=400):
    """Return how often the interval of a true difference of 0.3 holds it.

    Args:
        counts: Utterances of each speaker.
        effect: Standard deviation of the speakers' own differences; that of single
            utterances is 1.
        speakers_known: Else every utterance counts as a speaker, as if independent.
        tries: How often other speakers are drawn.
    """
    group = np.repeat(np.arange(len(counts)), counts)
    utts = [f"u{i}" for i in range(len(group))]
    own = group if speakers_known else range(len(group))
    who = {utt: str(number) for utt, number in zip(utts, own)}
    zero = Cell(0.0, units=dict.fromkeys(utts, 0.0), speakers=who)
    rng, hits = np.random.default_rng(4), 0
    for _ in range(tries):
        voice = effect * rng.normal(size=len(counts))
        values = 0.3 + voice[group] + rng.normal(size=len(group))
        one = Cell(0.0, units=dict(zip(utts, values.tolist())), speakers=who)
        found = contrast([(1.0, one), (-1.0, zero)])
        hits += found.low < 0.3 < found.high
    return hits / tries


@pytest.mark.parametrize(
    "counts, effect, naive",
    [
        ([8] * 40, 0.5, (0.70, 0.88)),
        ([12] * 6, 1.0, (0.40, 0.70)),
        # Few speakers, and one has most of the utterances.
        ([3, 5, 8, 10, 20, 60], 0.5, (0.20, 0.70)),
        # Without an effect of the speaker nothing is lost but width.
        ([8] * 40, 0.0, (0.90, 0.98)),
    ],
)
def test_95_of_100_intervals_hold_the_difference_for_other_speakers(
    counts, effect, naive
):
    assert 0.92 <= covered(counts, effect, True) <= 0.98
    # As many independent speakers as utterances: too narrow where they are not.
    assert naive[0] <= covered(counts, effect, False) <= naive[1]


UNITS = {f"u{i}": float(i) for i in range(12)}
WHO = {f"u{i}": f"s{i // 2}" for i in range(12)}
ALONE = dict.fromkeys(UNITS, "s0")
TWO = {f"u{i}": f"s{i % 2}" for i in range(12)}


@pytest.mark.parametrize(
    "one, other, said",
    [
        (None, None, "speakers of the utterances are not known"),
        (WHO, None, "speakers of the utterances are not known"),
        (WHO, {**WHO, "u3": "s5"}, "contradict"),
        (WHO, {u: s for u, s in WHO.items() if u != "u3"}, "are not known"),
        (ALONE, ALONE, "1 speakers"),
        (TWO, TWO, "2 speakers"),
    ],
)
def test_without_speakers_nothing_can_be_decided(one, other, said):
    terms = [
        (1.0, Cell(5.5, (5.4, 5.6), units=UNITS, speakers=one)),
        (-1.0, Cell(0.0, (-0.1, 0.1), units=dict.fromkeys(UNITS, 0.0), speakers=other)),
    ]
    found = contrast(terms)
    assert found.bounds() is None and said in found.basis
    known = contrast([(w, replace(cell, speakers=WHO)) for w, cell in terms])
    assert known.low > 0


def test_a_value_outside_of_its_own_draws_decides_nothing():
    draws = 2.0 + np.random.default_rng(0).normal(0, 0.5, 999)
    cell = Cell(0.1, draws=draws, drawn=SPEAKERS)
    found = contrast([(1.0, cell)])
    assert found.bounds() is None and "outside" in found.basis
    assert contrast([(1.0, replace(cell, value=2.2))]).low > 0.5


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
        Cell(20.0, units={"a": 1.0, "b": 2.0}, speakers={"a": "x", "b": "y"}),
        Cell(20.0, draws=np.full(99, 20.0), drawn=SPEAKERS),
        Cell(
            20.0,
            units=dict.fromkeys(SPEAKERS, 20.0),
            speakers=dict(zip(SPEAKERS, SPEAKERS)),
        ),
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
    who = {utt: f"s{utt}" for utt in units}
    found = contrast([(1.0, Cell(3.5, units=units, speakers=who))])
    low, high = found.bounds(20)
    error = np.std(list(units.values()), ddof=1) / np.sqrt(8)
    half = stats.t.ppf(1 - 0.025 / 20, 7) * error
    assert (low, high) == pytest.approx((3.5 - half, 3.5 + half))
    # No arm is below zero, which would draw the bound to the value's other side.
    assert Contrast(1.0, 0.2, 0.9).bounds(20)[1] == 1.0
    mixed = contrast([(1.0, Cell(1.0, (0.0, 2.0)))])
    half = stats.norm.ppf(1 - 0.025 / 20) / stats.norm.ppf(0.975)
    assert mixed.bounds(20) == pytest.approx((1 - half, 1 + half))
