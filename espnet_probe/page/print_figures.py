"""Figures for print: every score over the layers, as wide as a column of a paper.

Lines differ in colour, dashes and marker at once, so that they are told apart in grey
too. The colours are Okabe and Ito's, darkened until they read on white.
"""

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.curves import LAYERS, Shown, rows_of
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.figures import (
    LIGHT,
    LINES,
    draw_band,
    draw_level,
    save_for_print,
)
from espnet_probe.report.files import slug
from espnet_probe.report.results import CONTROLS, OPTIONAL_CONTROLS
from espnet_probe.report.values import EER, Value, printable
from espnet_probe.study.measure_figure import (
    MARK,
    OTHERS,
    SHIFT,
    Size,
    Style,
    draw_chance,
    draw_line,
    draw_panels,
    from_zero,
)

#: A column of the usual two-column layouts; letters keep their size in print.
COLUMN = Size(width=3.35, panel_height=1.55, columns=1, legend_columns=2)
DPI = 200
SETTINGS = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    # A word processor or a publisher may have other fonts than this machine.
    "font.family": "DejaVu Sans",
}
#: Markers of the models behind the fourth, which have the first ones' colours.
MORE_MARKERS = ("v", "P", "X", "<")


def style_of(place: int) -> Style:
    """Return the look of a model's line; the first eight are different.

    Args:
        place: Of the model.
    """
    style = OTHERS[place % len(OTHERS)]
    again = place // len(OTHERS)
    if again % 2 == 0:
        return style
    return style._replace(marker=MORE_MARKERS[place % len(MORE_MARKERS)])


def file_name(shown: Shown) -> str:
    """Return the name of a score for files: letters, digits, ``-`` and ``_``."""
    return slug(shown.id.replace(":", "_"))


def families(experiments: Sequence[Experiment]) -> List[List[Experiment]]:
    """Put together experiments whose layers can stand on one axis.

    Args:
        experiments: The models.

    Returns:
        Groups in the order of the experiments. The layers of each model of a group
        are among those of its member with the most, in their order.
    """
    groups: Dict[Tuple[str, ...], List[Experiment]] = {}
    for one in sorted(experiments, key=lambda one: -len(_layers(one))):
        own = _layers(one)
        wide = next((names for names in groups if _within(own, names)), own)
        groups.setdefault(wide, []).append(one)
    order = {one.id: place for place, one in enumerate(experiments)}
    sorted_groups = [
        sorted(group, key=lambda one: order[one.id]) for group in groups.values()
    ]
    return sorted(sorted_groups, key=lambda group: order[group[0].id])


def _layers(experiment: Experiment) -> Tuple[str, ...]:
    return tuple(layer.name for layer in experiment.results.layers)


def _within(names: Sequence[str], others: Sequence[str]) -> bool:
    return [name for name in others if name in names] == list(names)


def draw_score(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    shown: Shown,
    places: Sequence[int],
) -> Optional[Figure]:
    """Draw a score over the layers, a panel per condition, a line per model.

    Args:
        experiments: Models of one family. Of one alone the controls are drawn too,
            of several the recordings'.
        conditions: What they heard.
        shown: The score.
        places: Of each model's style, so that it has one look in all figures.

    Returns:
        None if no layer has the score.
    """
    layers = max((_layers(one) for one in experiments), key=len)
    lines = {
        (one.id, condition.id): _line(one, condition, shown, layers)
        for one in experiments
        for condition in conditions
    }
    scored = [
        condition
        for condition in conditions
        if any(
            value is not None and value.mean is not None
            for one in experiments
            for value in lines[one.id, condition.id]
        )
    ]
    if not scored:
        return None
    titles = {printable(condition.label): condition for condition in scored}

    def draw(axes: Axes, title: str) -> None:
        condition = titles[title]
        if shown.metric is EER:
            draw_chance(axes)
        _draw_controls(axes, experiments, condition, shown)
        for number, (one, place) in enumerate(zip(experiments, places)):
            label = printable(one.label) if len(experiments) > 1 else LAYERS
            draw_line(
                axes,
                lines[one.id, condition.id],
                style_of(place),
                f"{label} {MARK}" if one.note else label,
                SHIFT * (number - (len(experiments) - 1) / 2),
                bool(one.note),
            )

    figure = draw_panels(list(titles), layers, shown.label, draw, COLUMN)
    return from_zero(figure) if shown.metric is EER else figure


def _line(
    experiment: Experiment, condition: Condition, shown: Shown, layers: Sequence[str]
) -> List[Optional[Value]]:
    results = set_results(experiment, condition)
    rows = [] if results is None else results.layers
    values = {row.name: shown.value(row) for row in rows}
    return [values.get(name) for name in layers]


def _draw_controls(
    axes: Axes, experiments: Sequence[Experiment], condition: Condition, shown: Shown
) -> None:
    """Draw the controls of one model, or what all models heard."""
    alone = len(experiments) == 1
    results = set_results(experiments[0], condition)
    if results is None:
        return
    for name in CONTROLS if alone else CONTROLS[:1]:
        row = results.control(name)
        if row is not None:
            draw_level(axes, shown.value(row), name, LIGHT)
    for kind in OPTIONAL_CONTROLS if alone else ():
        rows = rows_of(results, kind)
        values = [None if row is None else shown.value(row) for row in rows]
        draw_band(axes, values, LIGHT.controls[kind], LINES[kind], kind)


def write_figures(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    metrics: Sequence[Shown],
    folder: Path,
) -> List[Tuple[str, Path]]:
    """Write a figure for every score and family, as PNG and PDF.

    Args:
        experiments: The models.
        conditions: What they heard.
        metrics: The scores.
        folder: Where the files go.

    Returns:
        Title and PNG of each; the PDF lies beside it.
    """
    groups, written = families(experiments), []
    order = {one.id: place for place, one in enumerate(experiments)}
    with matplotlib.rc_context(SETTINGS):
        for shown in metrics:
            for number, group in enumerate(groups, 1):
                places = [order[one.id] for one in group]
                figure = draw_score(group, conditions, shown, places)
                if figure is None:
                    continue
                many = len(groups) > 1
                name = f"column_{file_name(shown)}{f'_{number}' if many else ''}"
                path = save_for_print(figure, folder / f"{name}.png", dpi=DPI)
                of = f": {', '.join(one.label for one in group)}" if many else ""
                written.append((f"{shown.label}{of}", path))
    return written
