"""Plots over the layers of an architecture: a line per training and condition."""

from pathlib import Path
from typing import List, Tuple

from matplotlib.figure import Figure

from espnet_probe.report.figures import LIGHT
from espnet_probe.report.files import replacing, slug
from espnet_probe.report.values import Metric, printable
from espnet_probe.scores.claim_table import BASELINE, CLEAN, ROBUST, Key, Table

#: Okabe and Ito's colours, which most colour-blind people tell apart; clean is dark.
COLOURS = ("#22262b", "#0072b2", "#00785a", "#c24e00", "#9a4f80")
STYLES = {BASELINE: "--", ROBUST: "-"}
#: Layers apart on the axis between a line and the next, so that intervals can be seen.
SHIFT = 0.05


def draw_measure(
    table: Table, architecture: str, measure: str, metric: Metric
) -> Figure:
    """Draw a measure over the layers, for all models of an architecture.

    Args:
        table: The cells.
        architecture: Of the models.
        measure: Name of the measure in the table.
        metric: How it is called.
    """
    layers = table.layers[architecture]
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    lines = [
        (place, condition, training)
        for place, condition in enumerate(table.conditions(measure))
        for training in table.trainings(architecture)
    ]
    for number, (place, condition, training) in enumerate(lines):
        points: List[Tuple[float, float, float, float]] = []
        for index, layer in enumerate(layers):
            key = Key(architecture, training, condition, layer, measure)
            cell = table.cells.get(key)
            if cell is not None:
                low, high = cell.ci95 or (cell.value, cell.value)
                x = index + SHIFT * (number - (len(lines) - 1) / 2)
                below, above = max(0.0, cell.value - low), max(0.0, high - cell.value)
                points.append((x, cell.value, below, above))
        if not points:
            continue
        where, means, lower, upper = zip(*points)
        untrained = (architecture, training) in table.untrained
        axes.errorbar(
            where,
            means,
            yerr=[lower, upper],
            color=COLOURS[place % len(COLOURS)],
            linestyle=STYLES.get(training, ":"),
            marker="o" if condition == CLEAN else "s",
            markersize=3.5,
            capsize=2,
            linewidth=1.2,
            label=f"{condition}, {training}{' (not learnt)' if untrained else ''}",
        )
    axes.set_xticks(range(len(layers)))
    axes.set_xticklabels([printable(name) for name in layers], parse_math=False)
    axes.set_ylabel(metric.title)
    axes.grid(axis="y", color=LIGHT.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
    axes.legend(frameon=False, fontsize="x-small", ncols=2)
    return figure


def write_measure(
    table: Table, architecture: str, measure: str, metric: Metric, folder: Path
) -> Path:
    """Write the plot of a measure as PNG and return its path.

    Args:
        table: The cells.
        architecture: Of the models.
        measure: Name of the measure in the table.
        metric: How it is called.
        folder: Where the file goes.
    """
    figure = draw_measure(table, architecture, measure, metric)
    path = folder / f"{slug(architecture)}_{measure}.png"
    with replacing(path) as temporary:
        # No date: the same numbers give the same bytes.
        figure.savefig(
            temporary, dpi=150, facecolor="white", metadata={"Software": None}
        )
    return path
