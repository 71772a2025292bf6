import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_scores import cosine_to_reference, score_trials
from espnet_probe.scores.trials import Trial, sample_trials


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


def test_no_trials_left(embeddings):
    with pytest.raises(ProbeError, match="no trial is left"):
        score_trials([], embeddings, {}, 200, 0)
    only = [Trial("s0-0", "s0-1", True)]
    with pytest.raises(ProbeError, match="needs both kinds"):
        score_trials(only, embeddings, {"s0-0": "s0", "s0-1": "s0"}, 200, 0)


def test_cosine_to_reference(embeddings):
    half = dict(list(embeddings.items())[:10])
    same = cosine_to_reference(half, embeddings)
    assert same["mean"] == pytest.approx(1.0)
    assert same["count"] == 10 and same["excluded"] == 20
    opposite = {utt: -vector for utt, vector in embeddings.items()}
    assert cosine_to_reference(embeddings, opposite)["mean"] == pytest.approx(-1.0)
    with pytest.raises(ProbeError, match="none of 30 utterances"):
        cosine_to_reference({}, embeddings)
