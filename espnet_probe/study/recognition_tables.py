"""What a recogniser makes of a study's reconstructions, beside the speakers' EER."""

from pathlib import Path
from typing import List, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.files import slug
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.report.recognition import FILE, judge_text, over_text
from espnet_probe.report.results import CONTROLS, Row, SetResults
from espnet_probe.report.values import CER, EER, WER, Metric, Value, full_text
from espnet_probe.study.measure_figure import (
    SHIFT,
    STYLES,
    draw_chance,
    draw_line,
    draw_panels,
    save,
)
from espnet_probe.study.rows import Rows, of_architecture
from espnet_probe.study.study import Study
from espnet_probe.study.tables import marked

RECOGNITION = "recognition"
#: Content, and the speaker: how their lines differ, within a training's colour.
KINDS = ((WER, "-", "o"), (EER, ":", "s"))
CAPTION = (
    "WER: content lost, by a recogniser; EER: speaker lost, by speaker verification. "
    "Bars: 95 % intervals. Empty markers: the model is not trained enough. Dotted at "
    "50 %: guessing who speaks."
)


def was_recognised(rows: Rows) -> bool:
    """Return whether any layer of a study was recognised."""
    return any(
        row.values[WER.key].mean is not None
        for results in rows.values()
        for row in results.layers
    )


def _judges(rows: Rows) -> str:
    """Say who judged, and what the intervals are over."""
    documents = [
        row.documents[row.folder / FILE]
        for results in rows.values()
        for row in results.rows
        if row.folder / FILE in row.documents
    ]
    judges = dict.fromkeys(judge_text(document) for document in documents)
    over = dict.fromkeys(over_text(document) for document in documents)
    listed = "".join(f"- judge: {escape(judge)}\n" for judge in judges)
    return f"{listed}- 95 % intervals over {escape(' or '.join(over))}\n"


def _row(results: SetResults, name: str) -> Optional[Row]:
    return next((row for row in results.rows if row.name == name), None)


def _text(row: Optional[Row], metric: Metric) -> str:
    if row is None or row.values[metric.key].mean is None:
        return "-"
    value = row.values[metric.key]
    text = full_text(value, metric)
    counts = value.counts
    units = "words" if metric is WER else "characters"
    if {"errors", units} <= set(counts):
        text += f" ({counts['errors']}/{counts[units]})"
    return text


def recognition_table(
    study: Study, rows: Rows, architecture: str, metric: Metric
) -> str:
    """Return an error rate of an architecture: a row per condition and training.

    Args:
        study: The cells.
        rows: All rows.
        architecture: Of the models.
        metric: Of words or of characters.
    """
    layers, lines = study.table.layers[architecture], []
    for (condition, training), results in of_architecture(rows, architecture).items():
        cells = [_text(_row(results, name), metric) for name in CONTROLS]
        for layer in layers:
            text = _text(_row(results, layer), metric)
            cells.append(marked(study, architecture, training, text))
        lines.append([condition, training, *cells])
    head = ["input", "training", *CONTROLS, *map(escape, layers)]
    return markdown_table(head, lines)


def draw_recognition(study: Study, rows: Rows, architecture: str) -> Optional[Figure]:
    """Draw word and equal error rates over the layers, a panel per condition.

    Args:
        study: The cells.
        rows: All rows.
        architecture: Of the models.

    Returns:
        None if no layer of the architecture was recognised.
    """
    own = of_architecture(rows, architecture)
    conditions = list(dict.fromkeys(condition for condition, _ in own))
    layers = study.table.layers[architecture]
    if not was_recognised(
        {(architecture, training, one): own[one, training] for one, training in own}
    ):
        return None

    def draw(axes: Axes, condition: str) -> None:
        draw_chance(axes)
        axes.set_ylim(bottom=0.0)
        trainings = [training for one, training in own if one == condition]
        lines = [(training, kind) for training in trainings for kind in KINDS]
        for number, (training, (metric, dashes, marker)) in enumerate(lines):
            results = own[condition, training]
            values = [_value(_row(results, layer), metric) for layer in layers]
            style = STYLES[training]._replace(dashes=dashes, marker=marker)
            shift = SHIFT * (number - (len(lines) - 1) / 2)
            name = f"{metric.title.split()[0]}, {training}"
            untrained = (architecture, training) in study.table.untrained
            draw_line(axes, values, style, name, shift, untrained)

    return draw_panels(conditions, layers, "error rate (%)", draw)


def _value(row: Optional[Row], metric: Metric) -> Optional[Value]:
    return None if row is None else row.values[metric.key]


def recognition_section(study: Study, rows: Rows, figures: Optional[Path]) -> str:
    """Return the tables and plots of what was recognised.

    Args:
        study: The cells.
        rows: All rows.
        figures: Where the plots go; None for none. They are linked by the folder's
            name, as it lies beside the text.

    Returns:
        Markdown; empty where nothing was recognised.
    """
    if not was_recognised(rows):
        return ""
    text = "\nHow much content survives, next to how much speaker: the "
    text += "reconstructions are recognised, and compared with what was said. In round "
    text += f"brackets errors and words, or characters.\n\n{_judges(rows)}"
    for architecture in study.table.layers:
        text += f"\n### {escape(architecture)}\n"
        for metric in (WER, CER):
            table = recognition_table(study, rows, architecture, metric)
            text += f"\n{metric.title} of the reconstructions\n\n{table}"
        drawn = draw_recognition(study, rows, architecture) if figures else None
        if drawn is not None and figures is not None:
            path = save(drawn, figures / f"{slug(architecture)}_{RECOGNITION}.png")
            title = escape(f"{architecture} {RECOGNITION}")
            text += f"\n![{title}]({figures.name}/{path.name})\n\n{CAPTION}\n"
    return text


def missing_notes(rows: Rows) -> List[str]:
    """Say what was not recognised, where something was.

    Args:
        rows: All rows.
    """
    if not was_recognised(rows):
        return []
    notes = []
    for (architecture, training, condition), results in rows.items():
        lacking = _lacking(results.rows)
        if lacking:
            notes.append(
                f"{architecture}, {training}: {condition}: no WER of {lacking}"
            )
    return notes


def _lacking(rows: Sequence[Row]) -> str:
    reasons: dict[str, List[str]] = {}
    for row in rows:
        value = row.values[WER.key]
        if value.mean is None:
            reasons.setdefault(value.reason, []).append(row.name)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
