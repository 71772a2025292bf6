"""What every speaker embedder says of one layer or control.

Stage 10 writes ``verification.json`` for the first embedder, and
``verification_<label>.json`` for each further one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping

from espnet_probe.report.documents import (
    checked,
    mean_values,
    read_counts,
    read_document,
)
from espnet_probe.report.values import (
    COSINE,
    D_PRIME,
    EER,
    EER_ESPNET,
    MIN_DCF_001,
    MIN_DCF_005,
    Value,
    missing,
)

FIRST = "verification"
PLAIN = (MIN_DCF_005, MIN_DCF_001, D_PRIME)
#: The second design's numbers: the recording enrols, the reconstruction is the test.
ORIGINAL = "original_enrolment"
VERIFICATION_COUNTS = {
    "num_trials": "trials",
    "num_target": "target",
    "num_nontarget": "non-target",
    "num_utterances": "utterances",
    "num_speakers": "speakers",
}


@dataclass(frozen=True)
class EmbedderScores:
    """The verification of one row by one embedder.

    Attributes:
        label: The embedder's name; of a broken file what its own name says.
        path: The file; the scores of the trials lie beside it, as CSV.
        values: By :attr:`Metric.key`, with the cosine to the recording.
        original: The same where the recordings enrol; empty if not scored so.
        model: What the file says of the embedder's weights.
        note: What the file says of the width of its intervals; may be empty.
    """

    label: str
    path: Path
    values: Mapping[str, Value]
    original: Mapping[str, Value] = field(default_factory=dict)
    model: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def trials(self) -> Path:
        """The table of the trials' scores, which need not exist."""
        return self.path.with_suffix(".csv")

    @property
    def in_detail(self) -> bool:
        """Whether there is more than the equal error rates and the cosine."""
        return bool(self.original) or any(
            self.values[metric.key].mean is not None for metric in PLAIN
        )


def _values(document: Mapping[str, Any], path: Path) -> Dict[str, Value]:
    counts = read_counts(document, VERIFICATION_COUNTS)
    reason = str(document.get("reason") or "")
    values = {}
    for metric in (EER, EER_ESPNET, *PLAIN):
        pair = document.get(f"{metric.key}_ci95")
        why = reason
        if metric is not EER and pair is None:
            why = reason or "the interval is given for the interpolated EER"
        values[metric.key] = checked(document.get(metric.key), pair, counts, path, why)
    return values


def read_scores(path: Path) -> EmbedderScores:
    """Read what one embedder says.

    Args:
        path: ``verification.json`` or ``verification_<label>.json``. If it is missing
            or broken, the numbers are missing with that reason.
    """
    named = path.stem[len(FIRST) :].lstrip("_")
    document, problem = read_document(path)
    if document is None:
        metrics = (EER, EER_ESPNET, *PLAIN, COSINE)
        return EmbedderScores(named, path, {m.key: missing(problem) for m in metrics})
    values = {**_values(document, path), **mean_values(path, [COSINE.key])}
    second, about = document.get(ORIGINAL), document.get("embedder_model")
    return EmbedderScores(
        str(document.get("embedder") or named),
        path,
        values,
        _values(second, path) if isinstance(second, dict) else {},
        {str(k): str(v) for k, v in about.items()} if isinstance(about, dict) else {},
        str(document.get("interval_note") or ""),
    )


def read_embedders(folder: Path) -> List[EmbedderScores]:
    """Read what all embedders say of a row.

    Args:
        folder: Of the layer or control.

    Returns:
        The first embedder's, also if it is missing; then the others', sorted.
    """
    others = sorted(folder.glob(f"{FIRST}_*.json"))
    return [read_scores(path) for path in (folder / f"{FIRST}.json", *others)]
