"""Speaker verification in detail: a table and plots for every embedder of a set."""

from functools import partial
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.det_figure import draw_det
from espnet_probe.report.embedder_curves import draw_embedder_curves
from espnet_probe.report.embedders import EmbedderScores
from espnet_probe.report.figures import FigureFiles, save_figure
from espnet_probe.report.files import slug
from espnet_probe.report.results import Row, SetResults
from espnet_probe.report.score_distribution_figure import draw_distributions
from espnet_probe.report.sections import Line, Section
from espnet_probe.report.trial_tables import TrialScores, read_trial_scores
from espnet_probe.report.values import (
    COSINE,
    D_PRIME,
    EER,
    EER_ESPNET,
    MIN_DCF_001,
    MIN_DCF_005,
    Metric,
    full_text,
)

DETAILS = (EER, EER_ESPNET, MIN_DCF_005, MIN_DCF_001, D_PRIME, COSINE)
#: Of the second design, where the recording enrols and the reconstruction is the test.
SECOND = (EER, MIN_DCF_005, MIN_DCF_001, D_PRIME)
SECOND_TEXT = (
    "Columns 'original enrolment': the recording of one utterance against the "
    "reconstruction of the other; the other columns compare reconstructions with "
    "reconstructions."
)
#: What an embedder's description says that the table tells in words of its own.
WEIGHTS = "trained_on"
_SAID = (WEIGHTS, "embedder")


def embedders_of(results: SetResults) -> List[str]:
    """Return the names of all embedders of a set, the first one of stage 10 first."""
    return list(
        dict.fromkeys(
            scores.label
            for row in results.rows
            for scores in row.embedders
            if scores.label
        )
    )


def scores_by(results: SetResults, label: str) -> Dict[str, EmbedderScores]:
    """Return what one embedder says, by the name of the row.

    Args:
        results: The rows of a set.
        label: The embedder.
    """
    found: Dict[str, EmbedderScores] = {}
    for row in results.rows:
        for scores in row.embedders:
            if scores.label == label:
                found.setdefault(row.name, scores)
    return found


def trained_on(scores: Sequence[EmbedderScores]) -> str:
    """Say what the weights of an embedder were trained on, as its files do."""
    said = dict.fromkeys(one.model.get(WEIGHTS, "") for one in scores)
    texts = [text for text in said if text not in ("", "unknown")]
    return "; ".join(texts) or "unknown data (its files do not say)"


def about_embedder(label: str, scores: Sequence[EmbedderScores]) -> List[str]:
    """Return the sentences that a table of one embedder needs.

    Args:
        label: The embedder.
        scores: Of all rows.
    """
    said = [f"Embedder {label}, its weights trained on: {trained_on(scores)}."]
    # The label's, and what its weights were trained on, are said already.
    models = dict.fromkeys(
        ", ".join(f"{k} {v}" for k, v in one.model.items() if k not in _SAID)
        for one in scores
    )
    said += [f"{text}." for text in models if text]
    said += [note for note in dict.fromkeys(one.note for one in scores) if note]
    return said


def _line(row: Row, scores: EmbedderScores, second: bool) -> Line:
    cells = [full_text(scores.values[m.key], m) for m in DETAILS]
    if second:
        cells += [
            full_text(scores.original[m.key], m) if m.key in scores.original else "-"
            for m in SECOND
        ]
    sources = [scores.path] if scores.values[EER.key].source is not None else []
    return Line(row.name, cells, sources, row.is_layer)


def read_tables(
    results: SetResults, found: Mapping[str, EmbedderScores]
) -> Tuple[Dict[str, TrialScores], List[str]]:
    """Read the trials' scores of a set by one embedder.

    Args:
        results: The rows of a set.
        found: The embedder's scores by row.

    Returns:
        The scored trials by row, without those of control experiments; and which
        tables cannot be read, in words.
    """
    tables: Dict[str, TrialScores] = {}
    notes = []
    # Of scores alone, which one set has for all rows, nothing is missing.
    any_table = any(scores.trials.is_file() for scores in found.values())
    for row in results.rows:
        scores = found.get(row.name)
        if scores is None or not scores.path.is_file() or not any_table:
            continue
        try:
            trials = read_trial_scores(scores.trials)
        except ProbeError as error:
            text = f"{results.name}, {row.name}: no scores of trials: {error}"
            notes.append(text)
            continue
        if not row.control:
            tables[row.name] = trials
    return tables, notes


def _figures(
    results: SetResults,
    label: str,
    tables: Mapping[str, TrialScores],
    folder: Optional[Path],
) -> List[FigureFiles]:
    if folder is None:
        return []
    stem = f"{slug(results.name)}_{slug(label)}"
    drawn = [
        save_figure(
            partial(draw_det, tables),
            folder / f"{stem}_det",
            f"Misses over false alarms, {label}",
        ),
        save_figure(
            partial(draw_distributions, tables),
            folder / f"{stem}_scores",
            f"Scores of target and non-target trials, {label}",
        ),
    ]
    return [files for files in drawn if files is not None]


def _comparison(
    results: SetResults, labels: Sequence[str], folder: Optional[Path]
) -> List[Section]:
    """Return the curves of all embedders in one plot, where there are several."""
    if len(labels) < 2:
        return []
    found = {label: scores_by(results, label) for label in labels}
    figures: List[Optional[FigureFiles]] = []
    if folder is not None:
        figures = [
            save_figure(
                partial(draw_embedder_curves, results, found, metric),
                folder / f"{slug(results.name)}_embedders_{metric.key}",
                f"{metric.title} by embedder",
            )
            for metric in (EER, COSINE)
        ]
    lines = []
    for row in results.rows:
        own = [found[label].get(row.name) for label in labels]
        cells, sources = [], []
        for scores in own:
            text = "-"
            if scores is not None:
                text = full_text(scores.values[EER.key], EER)
                sources += [scores.path] if text != "-" else []
            cells.append(text)
        lines.append(Line(row.name, cells, sources, row.is_layer))
    about = [
        f"{label}: weights trained on {trained_on(list(found[label].values()))}."
        for label in labels
    ]
    title = "Equal error rate (%) by embedder"
    kept = [files for files in figures if files is not None]
    return [Section(title, about, labels, lines, kept)]


def verification_sections(
    results: SetResults, folder: Optional[Path]
) -> Tuple[List[Section], List[str]]:
    """Return the sections on speaker verification of a set.

    Args:
        results: The rows of a set.
        folder: Where the plots go; None for no plots.

    Returns:
        The sections; and what is missing, in words.
    """
    labels = embedders_of(results)
    sections, notes = _comparison(results, labels, folder), []
    for label in labels:
        found = scores_by(results, label)
        tables, lacking = read_tables(results, found)
        notes += lacking
        figures = _figures(results, label, tables, folder)
        scored = list(found.values())
        second = any(scores.original for scores in scored)
        in_detail = any(scores.in_detail for scores in scored)
        if not (in_detail or figures or len(labels) > 1):
            continue
        metrics: Tuple[Metric, ...] = DETAILS
        head = [metric.title for metric in metrics]
        head += [f"{m.title}, original enrolment" for m in SECOND] if second else []
        lines = [
            _line(row, found[row.name], second)
            for row in results.rows
            if row.name in found
        ]
        about = about_embedder(label, scored) + ([SECOND_TEXT] if second else [])
        shown = lines if in_detail or len(labels) > 1 else []
        title = f"Speaker verification by {label}"
        sections.append(
            Section(title, about, head if shown else (), shown, figures, False)
        )
    notes += [
        f"{results.name}, {row.name}: {scores.values[EER.key].reason}"
        for row in results.rows
        for scores in row.embedders[1:]
        if scores.values[EER.key].mean is None
    ]
    return sections, notes
