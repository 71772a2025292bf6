"""How often intervals of equal error rates hold the true rate, by simulation."""

import runpy

import pytest

from espnet_probe.scores.coverage import TABLE, interval_note


@pytest.fixture(scope="module")
def simulation(project_root):
    return runpy.run_path(str(project_root / "benchmarks/interval_coverage.py"))


@pytest.fixture(scope="module")
def true(simulation):
    return simulation["true_rate"](simulation["NOISES"][1], num_speakers=3000)


@pytest.mark.parametrize(
    "num_speakers, low, high", [(6, 68, 95), (10, 78, 97), (40, 90, 98)]
)
def test_coverage(simulation, true, num_speakers, low, high):
    """At a true rate of 11 %; 120 sets have a standard error of 2 %."""
    sets, noise = 120, simulation["NOISES"][1]
    held, reach = simulation["simulate"](num_speakers, noise, true, sets, 150)
    coverage = 100 * held.mean()
    print(
        f"{num_speakers} speakers: {coverage:.1f} % of {sets} simulated 95 % intervals "
        f"hold the true rate, {true:.1f} %"
    )
    assert low <= coverage <= high
    # The interval holds the true rate where that is within its arm's reach.
    assert held.mean() == pytest.approx((reach <= 1).mean())
    known = {row.speakers: row.middle for row in TABLE}
    if num_speakers in known:
        assert coverage == pytest.approx(known[num_speakers], abs=10)


def test_simulated_trials_are_pairs_of_different_utterances(simulation):
    import numpy as np

    trials = simulation["draw_trials"](np.random.default_rng(0), 6, 0.8, 2000)
    assert trials.targets.sum() == 6 * 45 == (~trials.targets).sum()
    same = trials.enrolment_speakers == trials.test_speakers
    assert (same == trials.targets).all()
    assert len(np.unique(trials.scores)) == len(trials.scores)


def test_note_below_twenty_speakers():
    assert interval_note(20) is None and interval_note(400) is None
    note = interval_note(10)
    assert note.startswith("too narrow, being over 10 speakers")
    row = next(row for row in TABLE if row.speakers == 10)
    assert f"{row.low:.0f} to {row.high:.0f} %" in note
    assert f"{row.stretch:.1f} times" in note
    # Between the simulated numbers it is interpolated.
    assert all("\n" not in str(interval_note(number)) for number in range(5, 20))
