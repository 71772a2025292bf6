"""Plots over the layers: points with intervals, the controls as lines with bands."""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.files import replacing, slug
from espnet_probe.report.results import OPTIONAL_CONTROLS, Row, SetResults
from espnet_probe.report.values import (
    COSINE,
    EER,
    ESTOI,
    L1,
    PESQ,
    STOI,
    Metric,
    Value,
    printable,
)

METRICS = (EER, COSINE, STOI, ESTOI, PESQ, L1)


@dataclass(frozen=True)
class Theme:
    """Colours of a plot."""

    ink: str
    faint: str
    layers: str
    controls: Dict[str, str]


# Okabe and Ito's colours, which most colour-blind people tell apart.
LIGHT = Theme(
    ink="#22262b",
    faint="#d5d9de",
    layers="#0072b2",
    controls={
        "natural": "#00785a",
        "oracle": "#c24e00",
        "random": "#9a4f80",
        "shuffled": "#6d6d6d",
    },
)
LINES = {"natural": "-", "oracle": "--", "random": ":", "shuffled": "-."}


@dataclass(frozen=True)
class FigureFiles:
    """The file of one plot.

    Attributes:
        title: What it shows.
        png: The file.
    """

    title: str
    png: Path


def save_figure(
    draw: Callable[[Theme], Optional[Figure]], path: Path, title: str
) -> Optional[FigureFiles]:
    """Write a plot as PNG.

    Args:
        draw: Draws it in the given colours, or returns None if there is nothing.
        path: The file without its suffix.
        title: What it shows.

    Returns:
        The file; None if there is nothing to draw.
    """
    figure = draw(LIGHT)
    if figure is None:
        return None
    files = FigureFiles(title, path.with_name(f"{path.name}.png"))
    with replacing(files.png) as temporary:
        figure.savefig(temporary, dpi=150, facecolor="white")
    return files


def save_for_print(figure: Figure, path: Path, dpi: int) -> Path:
    """Write a figure as PNG and as PDF, which keeps lines and letters at any size.

    Args:
        figure: The figure.
        path: A PNG; the PDF lies beside it.
        dpi: Pixels of the PNG per inch.

    Returns:
        The path of the PNG.
    """
    # Fonts as TrueType: publishers' checks refuse Type 3, matplotlib's default.
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        for target in (path, path.with_suffix(".pdf")):
            # No date and no version: the same numbers give the same bytes.
            unsaid = (
                {"Software": None}
                if target is path
                else {"CreationDate": None, "Producer": None, "Creator": None}
            )
            with replacing(target) as temporary:
                figure.savefig(temporary, dpi=dpi, facecolor="white", metadata=unsaid)
            # Everything has its place now: arranging it again takes as long.
            figure.set_layout_engine("none")
    return path


def dress(axes: Axes, theme: Theme) -> None:
    """Give axes the look of all plots: two spines, a faint grid, the theme's ink.

    Args:
        axes: The axes, drawn already.
        theme: The colours.
    """
    axes.tick_params(colors=theme.ink)
    axes.grid(axis="y", color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=theme.ink)


def name_layers(axes: Axes, names: Sequence[str], room: int = 50) -> None:
    """Write the layers' names under axes, aslant where there are many.

    Args:
        axes: The axes; layer ``n`` is at ``n``.
        names: In network order.
        room: How many letters stand side by side.
    """
    axes.set_xticks(range(len(names)))
    # Names come from data: "$" in them is a character and starts no formula.
    labels = axes.set_xticklabels([printable(n) for n in names], parse_math=False)
    if sum(len(name) + 2 for name in names) > room:
        for text in labels:
            text.set(rotation=35, horizontalalignment="right")
        if sum(len(name) + 2 for name in names) > 2 * room:
            axes.tick_params(axis="x", labelsize="small")
    axes.set_xlim(-0.5, len(names) - 0.5)


def draw_level(axes: Axes, value: Value, name: str, theme: Theme) -> None:
    """Draw a control of the whole set as a line across, its interval as a band.

    Args:
        axes: Where to.
        value: Nothing is drawn without a number.
        name: The control, such as ``natural``.
        theme: The colours.
    """
    if value.mean is None:
        return
    colour = theme.controls.get(name, theme.ink)
    if value.ci95 is not None:
        axes.axhspan(*value.ci95, color=colour, alpha=0.15, linewidth=0)
    style = LINES.get(name, "-")
    axes.axhline(value.mean, color=colour, linestyle=style, label=name)


def draw_curve(
    axes: Axes,
    values: Sequence[Optional[Value]],
    colour: str,
    label: str,
    marker: str = "o",
    shift: float = 0.0,
) -> None:
    """Draw numbers over the layers as points with their intervals, joined by a line.

    Args:
        axes: Where to.
        values: One per layer; None, or without a number, is left out.
        colour: Of points, intervals and line.
        label: For the legend.
        marker: Of the points.
        shift: How many layers to the right of its place each point stands.
    """
    places, means, lower, upper = [], [], [], []
    for place, value in enumerate(values):
        if value is None or value.mean is None:
            continue
        low, high = value.ci95 or (value.mean, value.mean)
        places.append(place + shift)
        means.append(value.mean)
        # A bootstrap interval need not hold the estimate; an arm has no
        # negative length.
        lower.append(max(0.0, value.mean - low))
        upper.append(max(0.0, high - value.mean))
    if not places:
        return
    axes.plot(places, means, color=colour, linewidth=1, alpha=0.5)
    axes.errorbar(
        places,
        means,
        yerr=[lower, upper],
        fmt=marker,
        markersize=5,
        capsize=3,
        color=colour,
        label=label,
    )


def draw_band(
    axes: Axes, values: Sequence[Optional[Value]], colour: str, style: str, label: str
) -> None:
    """Draw a control experiment's numbers as a broken line, intervals as a band.

    Args:
        axes: Where to.
        values: One per layer; None, or without a number, interrupts the line.
        colour: Of line and band.
        style: Of the line.
        label: For the legend.
    """
    numbers = [value if value is not None else Value(None) for value in values]
    if all(value.mean is None for value in numbers):
        return
    means = [math.nan if v.mean is None else v.mean for v in numbers]
    pairs = [v.ci95 or (mean, mean) for v, mean in zip(numbers, means)]
    places = list(range(len(means)))
    low, high = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(places, means, color=colour, linestyle=style, marker=".", label=label)


def values_of(rows: Sequence[Row], metric: Metric) -> List[Optional[Value]]:
    """Return a score of each row."""
    return [row.values.get(metric.key) for row in rows]


def draw(results: SetResults, metric: Metric, theme: Theme) -> Optional[Figure]:
    """Draw one score over the layers in network order.

    Args:
        results: The rows of a set.
        metric: The score.
        theme: The colours; the background is transparent.

    Returns:
        None if no layer has this score.
    """
    rows = results.layers
    if all(row.values[metric.key].mean is None for row in rows):
        return None
    figure = Figure(figsize=(4.4, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for row in results.rows:
        if row.layer is None:
            draw_level(axes, row.values[metric.key], row.name, theme)
    for name in OPTIONAL_CONTROLS:
        own = {row.layer: row.values.get(metric.key) for row in results.layers_of(name)}
        values = [own.get(row.layer) for row in rows]
        draw_band(axes, values, theme.controls[name], LINES[name], name)
    draw_curve(axes, values_of(rows, metric), theme.layers, "layers")
    name_layers(axes, [row.name for row in rows])
    axes.set_ylabel(metric.title, color=theme.ink)
    dress(axes, theme)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(frameon=False, fontsize="small", labelcolor=theme.ink)
    return figure


def write_figures(results: SetResults, folder: Path) -> List[FigureFiles]:
    """Draw every score that some layer of a set has.

    Args:
        results: The rows of a set.
        folder: Where the PNGs go.
    """
    written = []
    for metric in METRICS:
        path = folder / f"{slug(results.name)}_{metric.key}"
        files = save_figure(partial(draw, results, metric), path, metric.title)
        written += [] if files is None else [files]
    return written
