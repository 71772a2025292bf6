"""How much content survives, next to how much speaker: WER, CER, EER."""

from functools import partial
from pathlib import Path
from typing import Any, List, Mapping, Optional

from matplotlib.figure import Figure

from espnet_probe.report.figures import (
    LINES,
    Theme,
    draw_band,
    draw_curve,
    dress,
    name_layers,
    save_figure,
    values_of,
)
from espnet_probe.report.files import slug
from espnet_probe.report.recognition import FILE, judge_text, over_text
from espnet_probe.report.results import OPTIONAL_CONTROLS, Row, SetResults
from espnet_probe.report.sections import Line, Section
from espnet_probe.report.values import CER, EER, WER, full_text
from espnet_probe.report.verification_section import embedders_of

#: The curves: a score, the theme's name of its colour, its marker and its words.
CURVES = (
    (WER, "layers", "o", "WER: content lost"),
    (CER, "natural", "^", "CER: content lost"),
    (EER, "oracle", "s", "EER: speaker lost"),
)
SHIFT = 0.1
#: Equal error rate of guessing, in percent.
CHANCE = 50.0


def draw_survival(results: SetResults, theme: Theme) -> Optional[Figure]:
    """Draw word, character and equal error rates over the layers on one scale.

    The recordings' rates are flat lines of the same colours.

    Args:
        results: The rows of a set.
        theme: The colours; the background is transparent.

    Returns:
        None if no layer was recognised.
    """
    rows = results.layers
    if all(value is None or value.mean is None for value in values_of(rows, WER)):
        return None
    figure = Figure(figsize=(5.6, 3.9), layout="constrained")
    axes = figure.add_subplot()
    natural = results.control("natural")
    for number, (metric, name, marker, words) in enumerate(CURVES):
        colour = theme.controls.get(name, theme.layers)
        shift = SHIFT * (number - 1)
        draw_curve(axes, values_of(rows, metric), colour, words, marker, shift)
        value = natural.values.get(metric.key) if natural is not None else None
        if value is not None and value.mean is not None:
            axes.axhline(value.mean, color=colour, linewidth=0.9, alpha=0.6)
    for control in OPTIONAL_CONTROLS:
        own = {row.layer: row.values.get(WER.key) for row in results.layers_of(control)}
        values = [own.get(row.layer) for row in rows]
        colour, style = theme.controls[control], LINES[control]
        draw_band(axes, values, colour, style, f"WER, {control}")
    axes.axhline(CHANCE, color=theme.ink, alpha=0.6, linewidth=1, linestyle=":")
    name_layers(axes, [row.name for row in rows], room=64)
    axes.set_ylabel("error rate (%)", color=theme.ink)
    axes.set_ylim(bottom=0.0)
    dress(axes, theme)
    # Beside the axes: curves that rise and bands leave no corner free.
    figure.legend(
        loc="outside upper center",
        ncols=3,
        frameon=False,
        fontsize="small",
        labelcolor=theme.ink,
    )
    return figure


def _document(row: Row) -> Mapping[str, Any]:
    return row.documents.get(row.folder / FILE, {})


def _errors(row: Row) -> str:
    counts = row.values[WER.key].counts
    if not {"errors", "words"} <= set(counts):
        return "-"
    kinds = ("substitutions", "deletions", "insertions")
    parts = ", ".join(f"{counts[kind]} {kind[:3]}" for kind in kinds if kind in counts)
    return f"{counts['errors']}/{counts['words']}" + (f" ({parts})" if parts else "")


def recognition_section(results: SetResults, folder: Optional[Path]) -> List[Section]:
    """Return the section on recognition of a set; none where nothing was recognised.

    Args:
        results: The rows of a set.
        folder: Where the plot goes; None for no plot.
    """
    scored = [row for row in results.rows if row.values[WER.key].mean is not None]
    if not scored:
        return []
    lines = []
    for row in results.rows:
        counts = row.values[CER.key].counts
        letters = "-"
        if {"errors", "characters"} <= set(counts):
            letters = f"{counts['errors']}/{counts['characters']}"
        cells = [
            full_text(row.values[WER.key], WER),
            _errors(row),
            full_text(row.values[CER.key], CER),
            letters,
            str(row.values[WER.key].counts.get("utterances", "-")),
            full_text(row.values[EER.key], EER),
        ]
        sources = [row.folder / FILE] if _document(row) else []
        lines.append(Line(row.name, cells, sources, row.is_layer))
    documents = [_document(row) for row in scored]
    judges = dict.fromkeys(judge_text(document) for document in documents)
    over = dict.fromkeys(over_text(document) for document in documents)
    about = [
        f"Recognised by: {'; '.join(judges)}.",
        f"95 % intervals of WER and CER over {' or '.join(over)}.",
        f"EER by {', '.join(embedders_of(results)[:1]) or 'an unnamed embedder'}.",
    ]
    short = [str(document.get("too_short_utterances") or 0) for document in documents]
    if any(number != "0" for number in short):
        parts = (f"{row.name} {number}" for row, number in zip(scored, short))
        about.append(f"Too short for it, counted as empty: {', '.join(parts)}.")
    head = [WER.title, "errors/words", CER.title, "errors/characters"]
    head += ["utterances", EER.title]
    figure = None
    if folder is not None:
        figure = save_figure(
            partial(draw_survival, results),
            folder / f"{slug(results.name)}_recognition",
            "What survives: content (WER, CER) and speaker (EER; dotted: guessing)",
        )
    title = "Recognition of the reconstructions"
    return [Section(title, about, head, lines, [figure] if figure else [])]


def missing_recognition(results: SetResults) -> List[str]:
    """Say which rows were not recognised, where others were.

    Args:
        results: The rows of a set.
    """
    if all(row.values[WER.key].mean is None for row in results.rows):
        return []
    said = []
    for metric in (WER, CER):
        reasons: dict[str, List[str]] = {}
        for row in results.rows:
            value = row.values[metric.key]
            if value.mean is None:
                reasons.setdefault(value.reason, []).append(row.name)
            elif value.ci95 is None:
                reasons.setdefault(f"no interval: {value.reason}", []).append(row.name)
        said += [
            f"{results.name}, {', '.join(names)}: {metric.title}: {reason}"
            for reason, names in reasons.items()
        ]
    return said
