"""From embeddings and trials to the numbers of a verification test.

Conventions
-----------
A trial's score is the cosine of its two embeddings. Beside the equal error rates of
``verification`` stands a smoother statistic: the mean cosine between each utterance
and its original, which moves where an equal error rate of few trials does not.
"""

from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores import verification
from espnet_probe.scores.intervals import summarise
from espnet_probe.scores.trials import Trial


def score_trials(
    trials: Sequence[Trial],
    embeddings: Mapping[str, NDArray[np.float32]],
    speakers: Mapping[str, str],
    num_draws: int,
    seed: int,
) -> Tuple[NDArray[np.float64], Dict[str, Any]]:
    """Score trials and summarise them.

    Args:
        trials: Trials of utterances that all have an embedding.
        embeddings: The embeddings.
        speakers: The person who speaks each utterance.
        num_draws: Number of bootstrap samples.
        seed: Seed of the bootstrap.

    Returns:
        The scores ``(trials,)``, and error rates, interval and counts.

    Raises:
        ProbeError: If one kind of trial is missing.
    """
    number = {name: index for index, name in enumerate(sorted(set(speakers.values())))}
    enrolment = [trial.enrolment for trial in trials]
    test = [trial.test for trial in trials]
    targets = np.array([trial.target for trial in trials], dtype=np.bool_)
    utts = {utt: index for index, utt in enumerate(sorted({*enrolment, *test}))}
    if not utts:
        raise ProbeError("no trial is left: none of the utterances has an embedding")
    matrix = np.stack([embeddings[utt] for utt in utts]).astype(np.float64)
    scores = verification.cosine_scores(
        matrix[[utts[utt] for utt in enrolment]], matrix[[utts[utt] for utt in test]]
    )
    summary: Dict[str, Any] = {
        "eer_percent": verification.eer(scores, targets),
        "eer_percent_ci95": None,
        "eer_espnet_percent": verification.eer_espnet(scores, targets),
        "num_trials": len(trials),
        "num_target": int(targets.sum()),
        "num_nontarget": int((~targets).sum()),
        "num_utterances": len(utts),
        "num_speakers": len({speakers[utt] for utt in utts}),
    }
    interval = verification.eer_interval(
        scores,
        targets,
        np.array([number[speakers[utt]] for utt in enrolment], dtype=np.int64),
        np.array([number[speakers[utt]] for utt in test], dtype=np.int64),
        num_draws,
        seed,
    )
    summary["eer_percent_ci95"] = interval.as_list()
    if interval.reason is not None:
        summary["reason"] = interval.reason
    return scores, summary


def cosine_to_reference(
    originals: Mapping[str, NDArray[np.float32]],
    embeddings: Mapping[str, NDArray[np.float32]],
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
    if not both:
        raise ProbeError(
            f"none of {len(embeddings)} utterances has an embedding of its original: "
            "expected the originals' embeddings.npz"
        )
    cosines = verification.cosine_scores(
        np.stack([originals[utt] for utt in both]).astype(np.float64),
        np.stack([embeddings[utt] for utt in both]).astype(np.float64),
    )
    values: Dict[str, float] = dict(zip(both, cosines.tolist()))
    return summarise([values.get(utt) for utt in sorted(embeddings)])
