"""From embeddings and trials to the numbers of a verification test.

Conventions
-----------
A trial's score is the cosine of its two embeddings. Two designs use the same trials:
both sides from the set itself (reconstruction against reconstruction, the paper's),
or the enrolment from the originals and the test from the set. The first asks whether
voices can still be told apart, the second also whether they are still the same ones.

Beside the equal error rates of ``verification`` stands a smoother statistic: the mean
cosine between each utterance and its original, which moves where an equal error rate
of few trials does not.
"""

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores import detection_cost, speaker_draws, verification
from espnet_probe.scores.coverage import interval_note
from espnet_probe.scores.intervals import summarise
from espnet_probe.scores.trials import Trial

Embeddings = Mapping[str, NDArray[np.float32]]

#: What is null in a summary where no equal error rate exists.
RATES = (
    "eer_percent",
    "eer_percent_ci95",
    "eer_espnet_percent",
    "min_dcf_p005",
    "min_dcf_p001",
    "min_dcf_espnet_p005",
    "d_prime",
)
#: Pairs of embeddings that are compared at once: few enough to stay in the cache.
BLOCK = 1000


def cosines(
    trials: Sequence[Trial], enrolments: Embeddings, tests: Embeddings
) -> NDArray[np.float64]:
    """Score trials by the cosine of their embeddings.

    Args:
        trials: The trials.
        enrolments: An embedding ``(dim,)`` for the enrolment of every trial.
        tests: An embedding ``(dim,)`` for the test of every trial.

    Returns:
        ``(trials,)``, between -1 and 1.
    """
    first, left = _numbered([trial.enrolment for trial in trials], enrolments)
    second, right = _numbered([trial.test for trial in trials], tests)
    scores = np.empty(len(trials))
    for start in range(0, len(trials), BLOCK):
        cut = slice(start, start + BLOCK)
        np.einsum("td,td->t", left[first[cut]], right[second[cut]], out=scores[cut])
    return np.clip(scores, -1.0, 1.0)


def _numbered(
    utts: Sequence[str], embeddings: Embeddings
) -> Tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each utterance's row in a matrix of embeddings of length 1, and that."""
    rows = {utt: row for row, utt in enumerate(dict.fromkeys(utts))}
    matrix = np.stack([embeddings[utt] for utt in rows]).astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.array([rows[utt] for utt in utts], dtype=np.int64), matrix


def summarise_trials(
    trials: Sequence[Trial],
    scores: NDArray[np.float64],
    speakers: Mapping[str, str],
    num_draws: int,
    seed: int,
) -> Dict[str, Any]:
    """Summarise scored trials.

    Args:
        trials: The trials.
        scores: ``(trials,)``, finite.
        speakers: The person who speaks each utterance.
        num_draws: Number of bootstrap samples.
        seed: Seed of the bootstrap.

    Returns:
        Error rates, costs, d-prime, interval and counts. Where one kind of trial is
        missing, the rates are None, with a ``reason``; so is an interval of too few
        speakers. Of fewer than 20, an ``interval_note`` says how wrong it is.

    Raises:
        ProbeError: If a label contradicts the speakers.
    """
    targets = np.array([trial.target for trial in trials], dtype=np.bool_)
    enrolments = [speakers[trial.enrolment] for trial in trials]
    tests = [speakers[trial.test] for trial in trials]
    number = {name: index for index, name in enumerate(sorted({*enrolments, *tests}))}
    summary: Dict[str, Any] = dict.fromkeys(RATES)
    summary["num_trials"] = len(trials)
    summary["num_target"] = int(targets.sum())
    summary["num_nontarget"] = int((~targets).sum())
    summary["num_utterances"] = len({u for t in trials for u in (t.enrolment, t.test)})
    summary["num_speakers"] = len(number)
    try:
        verification.validate(scores, targets)
    except ProbeError as error:
        summary["reason"] = str(error)
        return summary
    summary["eer_percent"] = verification.eer(scores, targets)
    summary["eer_espnet_percent"] = verification.eer_espnet(scores, targets)
    summary["min_dcf_p005"] = detection_cost.min_dcf(scores, targets, 0.05)
    summary["min_dcf_p001"] = detection_cost.min_dcf(scores, targets, 0.01)
    summary["min_dcf_espnet_p005"] = detection_cost.min_dcf_espnet(
        scores, targets, 0.05
    )
    summary["d_prime"] = detection_cost.d_prime(scores, targets)
    interval = speaker_draws.eer_interval(
        scores,
        targets,
        np.array([number[name] for name in enrolments], dtype=np.int64),
        np.array([number[name] for name in tests], dtype=np.int64),
        num_draws,
        seed,
    )
    summary["eer_percent_ci95"] = interval.as_list()
    if interval.reason is not None:
        summary["reason"] = interval.reason
    else:
        note = interval_note(len(number))
        if note is not None:
            summary["interval_note"] = note
    return summary


def score_trials(
    trials: Sequence[Trial],
    embeddings: Embeddings,
    speakers: Mapping[str, str],
    num_draws: int,
    seed: int,
    enrolments: Optional[Embeddings] = None,
) -> Tuple[NDArray[np.float64], Dict[str, Any]]:
    """Score the trials whose embeddings are there, and summarise them.

    Args:
        trials: The trials.
        embeddings: Those of the set; utterances without one are left out.
        speakers: The person who speaks each utterance.
        num_draws: Number of bootstrap samples.
        seed: Seed of the bootstrap.
        enrolments: Those of the enrolments, if not the set's own.

    Returns:
        The scores ``(trials,)``, NaN where a trial was left out, and the summary of
        the others (:func:`summarise_trials`), with ``excluded_trials``.
    """
    enrolled = embeddings if enrolments is None else enrolments
    there = [t.enrolment in enrolled and t.test in embeddings for t in trials]
    scored = [trial for trial, both in zip(trials, there) if both]
    scores = np.full(len(trials), np.nan)
    if scored:
        scores[np.array(there)] = cosines(scored, enrolled, embeddings)
    summary = summarise_trials(
        scored, scores[np.array(there, dtype=np.bool_)], speakers, num_draws, seed
    )
    summary["excluded_trials"] = len(trials) - len(scored)
    if summary["eer_percent"] is None and summary["excluded_trials"]:
        summary["reason"] += (
            f"; {summary['excluded_trials']} of {len(trials)} trials have an "
            "utterance without embedding"
        )
    return scores, summary


def cosine_to_reference(
    originals: Embeddings, embeddings: Embeddings
) -> Dict[str, Any]:
    """Average the cosine between each utterance and its original.

    Args:
        originals: Utterance id to the original's embedding ``(dim,)``.
        embeddings: Utterance id to the embedding ``(dim,)``.

    Returns:
        ``mean``, ``ci95``, ``count`` of the utterances that have both, ``excluded``;
        ``reason`` without interval.

    Raises:
        ProbeError: If there is no utterance that has both.
    """
    both = [utt for utt in sorted(embeddings) if utt in originals]
    if not both and embeddings:
        raise ProbeError(
            f"none of {len(embeddings)} utterances has an embedding of its original: "
            "expected the originals' embeddings.npz"
        )
    values: Dict[str, float] = {}
    if both:
        found = verification.cosine_scores(
            np.stack([originals[utt] for utt in both]).astype(np.float64),
            np.stack([embeddings[utt] for utt in both]).astype(np.float64),
        )
        values = dict(zip(both, found.tolist()))
    return summarise([values.get(utt) for utt in sorted(embeddings)])
