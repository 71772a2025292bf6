"""The scores of single trials, as ``verification.csv`` has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.report.documents import read_document
from espnet_probe.report.speaker_map import find_map
from espnet_probe.report.unit_scores import number_of, read_csv
from espnet_probe.scores.trials import Trial, speakers_from_trials

COLUMNS = ("enrolment", "test", "label", "score")
FROM_TRIALS = "target trials"


@dataclass(frozen=True)
class TrialScores:
    """Scored trials.

    Attributes:
        trials: The trials, in the table's order.
        scores: ``(trials,)``, finite.
    """

    trials: List[Trial]
    scores: NDArray[np.float64]

    @property
    def targets(self) -> NDArray[np.bool_]:
        """``(trials,)``, True for pairs of one speaker."""
        return np.array([trial.target for trial in self.trials], dtype=np.bool_)

    def pairs(self, speakers: Mapping[str, str]) -> List[Tuple[str, str]]:
        """Return the speakers of the enrolment and of the test, by trial."""
        return [(speakers[t.enrolment], speakers[t.test]) for t in self.trials]


def read_trial_scores(path: Path) -> TrialScores:
    """Read a table of scored trials.

    Args:
        path: ``verification.csv``; how many trials there were is in the document
            beside it, if there is one.

    Raises:
        ProbeError: If it is missing, broken, or not of all trials.
    """
    rows = read_csv(path, COLUMNS)
    document, _ = read_document(path.with_suffix(".json"))
    expected = (document or {}).get("num_trials")
    if isinstance(expected, int) and len(rows) != expected:
        raise ProbeError(
            f"{path} has {len(rows)} trials, the scores beside it are of {expected}; "
            "score again"
        )
    trials = [Trial(r["enrolment"], r["test"], r["label"] == "target") for r in rows]
    return TrialScores(trials, np.array([number_of(r["score"], path) for r in rows]))


def speakers_of_trials(
    document: Mapping[str, Any], recipe: Path, trials: List[Trial]
) -> Tuple[Mapping[str, str], str]:
    """Return who speaks what, as the scores' own interval took it.

    Args:
        document: The content of ``verification.json``.
        recipe: The recipe's folder.
        trials: The trials.

    Returns:
        Speaker by utterance; and why they are not those of the file that the scores
        name, or an empty text.
    """
    bootstrap = document.get("bootstrap")
    said = bootstrap.get("speakers_from") if isinstance(bootstrap, dict) else None
    needed = {utt for trial in trials for utt in (trial.enrolment, trial.test)}
    found = find_map(str(said), recipe, needed)
    if found is not None:
        return found, ""
    reason = f"none in {said}, taken from the trials"
    return speakers_from_trials(trials), "" if said == FROM_TRIALS else reason
