import time

import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores import detection_cost, verification
from espnet_probe.scores.trial_sampling import sample_trials
from espnet_probe.scores.trial_scores import cosine_to_reference, score_trials
from espnet_probe.scores.trials import Trial


@pytest.fixture
def embeddings():
    """Six speakers in 16 dimensions, five utterances each, apart but for noise."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 16))
    return {
        f"s{speaker}-{number}": (centres[speaker] + 0.8 * rng.normal(size=16)).astype(
            np.float32
        )
        for speaker in range(6)
        for number in range(5)
    }


def test_score_trials(embeddings):
    speakers = {utt: utt[:2] for utt in embeddings}
    trials = sample_trials(speakers, 120, seed=0)
    scores, summary = score_trials(trials, embeddings, speakers, 200, 0)
    first = trials[0]
    a, b = (embeddings[utt].astype(float) for utt in (first.enrolment, first.test))
    assert scores[0] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert summary["num_trials"] == 120 and summary["num_target"] == 60
    assert summary["num_utterances"] == 30 and summary["num_speakers"] == 6
    low, high = summary["eer_percent_ci95"]
    assert low <= summary["eer_percent"] <= high
    # The length of an embedding plays no part.
    longer = {utt: 7 * vector for utt, vector in embeddings.items()}
    assert score_trials(trials, longer, speakers, 200, 0)[0] == pytest.approx(scores)


def test_numbers_are_those_of_the_scores(embeddings):
    speakers = {utt: utt[:2] for utt in embeddings}
    trials = sample_trials(speakers, 120, seed=0)
    scores, summary = score_trials(trials, embeddings, speakers, 200, 0)
    targets = np.array([trial.target for trial in trials])
    assert summary["eer_percent"] == verification.eer(scores, targets)
    assert summary["min_dcf_p005"] == detection_cost.min_dcf(scores, targets, 0.05)
    assert summary["min_dcf_p001"] == detection_cost.min_dcf(scores, targets, 0.01)
    assert summary["d_prime"] == detection_cost.d_prime(scores, targets)
    # Six speakers.
    assert "over 6 speakers" in summary["interval_note"]
    assert "reason" not in summary


def test_enough_speakers_need_no_note():
    rng = np.random.default_rng(1)
    embeddings = {f"s{i:02d}-{n}": rng.normal(size=4) for i in range(20) for n in "ab"}
    speakers = {utt: utt[:3] for utt in embeddings}
    trials = sample_trials(speakers, 40, seed=0)
    summary = score_trials(trials, embeddings, speakers, 100, 0)[1]
    assert summary["eer_percent_ci95"] is not None
    assert "interval_note" not in summary


def test_without_one_kind_there_is_a_reason(embeddings):
    trials = [Trial("s0-0", "s0-1", True), Trial("s0-0", "s1-0", False)]
    speakers = {utt: utt[:2] for utt in embeddings}
    half = {utt: one for utt, one in embeddings.items() if utt != "s1-0"}
    scores, summary = score_trials(trials, half, speakers, 200, 0)
    assert np.isfinite(scores[0]) and np.isnan(scores[1])
    for name in ("eer_percent", "eer_percent_ci95", "min_dcf_p005", "d_prime"):
        assert summary[name] is None
    assert "1 target and 0 non-target" in summary["reason"]
    assert "1 of 2 trials have an utterance without embedding" in summary["reason"]
    assert summary["excluded_trials"] == 1
    scores, summary = score_trials(trials, {}, speakers, 200, 0)
    assert np.isnan(scores).all() and summary["num_trials"] == 0
    assert "0 target and 0 non-target" in summary["reason"]


def test_enrolments_may_be_others(embeddings):
    speakers = {utt: utt[:2] for utt in embeddings}
    trials = sample_trials(speakers, 60, seed=0)
    rng = np.random.default_rng(3)
    originals = {utt: rng.normal(size=16) for utt in embeddings}
    scores, summary = score_trials(
        trials, embeddings, speakers, 200, 0, enrolments=originals
    )
    for trial, score in zip(trials, scores):
        a, b = originals[trial.enrolment], embeddings[trial.test].astype(float)
        assert score == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert summary["num_trials"] == 60
    # An utterance without original cannot enrol, but be tested.
    del originals[trials[0].enrolment]
    scores, summary = score_trials(
        trials, embeddings, speakers, 200, 0, enrolments=originals
    )
    lost = sum(trial.enrolment == trials[0].enrolment for trial in trials)
    assert summary["excluded_trials"] == lost == np.isnan(scores).sum()


def test_many_trials_take_seconds():
    rng = np.random.default_rng(4)
    embeddings = {f"s{i % 200}-{i}": rng.normal(size=64) for i in range(4000)}
    utts = list(embeddings)
    speakers = {utt: utt.split("-")[0] for utt in utts}
    first = rng.integers(0, 4000, 100_000)
    second = (first + 200 * rng.integers(1, 20, 100_000)) % 4000
    other = (first + 1 + rng.integers(0, 199, 100_000)) % 4000
    trials = [Trial(utts[a], utts[b], True) for a, b in zip(first, second)]
    trials += [Trial(utts[a], utts[b], False) for a, b in zip(first, other)]
    start = time.process_time()
    _, summary = score_trials(trials, embeddings, speakers, 1000, 0)
    spent = time.process_time() - start
    print(f"{len(trials)} trials: {spent:.1f} CPU s")
    assert summary["num_trials"] == 200_000
    assert spent < 3.0


def test_cosine_to_reference(embeddings):
    half = dict(list(embeddings.items())[:10])
    same = cosine_to_reference(half, embeddings)
    assert same["mean"] == pytest.approx(1.0)
    assert same["count"] == 10 and same["excluded"] == 20
    opposite = {utt: -vector for utt, vector in embeddings.items()}
    assert cosine_to_reference(embeddings, opposite)["mean"] == pytest.approx(-1.0)
    with pytest.raises(ProbeError, match="none of 30 utterances"):
        cosine_to_reference({}, embeddings)
