"""Equal error rates of a study by every speaker embedder, in both designs of trials."""

from typing import Dict, List, Optional, Sequence

from espnet_probe.report.embedders import EmbedderScores
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.report.results import CONTROLS, SetResults
from espnet_probe.report.values import EER, Value, full_text
from espnet_probe.report.verification_section import (
    embedders_of,
    scores_by,
    trained_on,
)
from espnet_probe.study.rows import Rows, of_architecture
from espnet_probe.study.study import Study
from espnet_probe.study.tables import marked

SECOND = "original enrolment"


def all_embedders(rows: Rows) -> List[str]:
    """Return the names of all embedders of a study, the first one first."""
    named = (label for results in rows.values() for label in embedders_of(results))
    return list(dict.fromkeys(named))


def embedder_facts(rows: Rows) -> List[str]:
    """Say of each embedder what its weights were trained on, and of its intervals.

    Args:
        rows: All rows.
    """
    facts = []
    for label in all_embedders(rows):
        scores: List[EmbedderScores] = []
        for results in rows.values():
            scores += scores_by(results, label).values()
        facts.append(f"embedder {label}: weights trained on {trained_on(scores)}")
        notes = dict.fromkeys(one.note for one in scores if one.note)
        facts += [f"intervals of {label}: {note}" for note in notes]
    return facts


def _second(scores: Optional[EmbedderScores]) -> Optional[Value]:
    return None if scores is None else scores.original.get(EER.key)


def _first(scores: Optional[EmbedderScores]) -> Optional[Value]:
    return None if scores is None else scores.values.get(EER.key)


def _texts(values: Sequence[Optional[Value]]) -> List[str]:
    return ["-" if value is None else full_text(value, EER) for value in values]


def _lines(
    results: SetResults, labels: Sequence[str], layers: Sequence[str]
) -> Dict[str, List[str]]:
    """Return the texts of a model in one condition by embedder and design."""
    lines: Dict[str, List[str]] = {}
    names = [*CONTROLS, *layers]
    for label in labels:
        found = scores_by(results, label)
        own = [found.get(name) for name in names]
        lines[label] = _texts([_first(scores) for scores in own])
        second = _texts([_second(scores) for scores in own])
        if any(text != "-" for text in second):
            lines[f"{label}, {SECOND}"] = second
    return lines


def embedder_section(study: Study, rows: Rows) -> str:
    """Return a table per architecture: a row per condition, training and embedder.

    Args:
        study: The cells.
        rows: All rows.

    Returns:
        Markdown; empty where there is one embedder, in one design.
    """
    labels = all_embedders(rows)
    text, further = "", len(labels) > 1
    for architecture, layers in study.table.layers.items():
        lines = []
        for (condition, training), results in of_architecture(
            rows, architecture
        ).items():
            for name, cells in _lines(results, labels, layers).items():
                further = further or name not in labels
                shown = [marked(study, architecture, training, one) for one in cells]
                # The recordings have no model that could be trained too little.
                shown[: len(CONTROLS)] = cells[: len(CONTROLS)]
                lines.append([condition, training, escape(name), *shown])
        head = ["input", "training", "embedder", *CONTROLS, *map(escape, layers)]
        text += f"\n#### {escape(architecture)}\n\n{markdown_table(head, lines)}"
    if not further:
        return ""
    return (
        f"\n'{SECOND}': the recording of one utterance against the reconstruction of "
        f"the other; else reconstructions against reconstructions.\n{text}"
    )
