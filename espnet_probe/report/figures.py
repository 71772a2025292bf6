"""Plots over the layers: points with intervals, the controls as lines with bands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.files import replacing, slug
from espnet_probe.report.results import Row, SetResults
from espnet_probe.report.values import (
    COSINE,
    EER,
    ESTOI,
    L1,
    PESQ,
    STOI,
    Metric,
    printable,
)

METRICS = (EER, COSINE, STOI, ESTOI, PESQ, L1)


@dataclass(frozen=True)
class Theme:
    """Colours for a light or a dark page."""

    ink: str
    faint: str
    layers: str
    controls: Dict[str, str]


# Okabe and Ito's colours, which most colour-blind people tell apart, made
# lighter where the page is dark.
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
DARK = Theme(
    ink="#e4e7eb",
    faint="#3c434b",
    layers="#6cb8f0",
    controls={
        "natural": "#3fc79a",
        "oracle": "#f0954d",
        "random": "#dd9bc4",
        "shuffled": "#b0b0b0",
    },
)
LINES = {"natural": "-", "oracle": "--", "random": ":", "shuffled": "-."}


@dataclass(frozen=True)
class FigureFiles:
    """The files of one plot."""

    metric: Metric
    light_svg: Path
    dark_svg: Path
    png: Path


def _control(axes: Axes, row: Row, metric: Metric, theme: Theme) -> None:
    value = row.values[metric.key]
    if value.mean is None:
        return
    colour = theme.controls.get(row.name, theme.ink)
    if value.ci95 is not None:
        axes.axhspan(*value.ci95, color=colour, alpha=0.15, linewidth=0)
    style = LINES.get(row.name, "-")
    axes.axhline(value.mean, color=colour, linestyle=style, label=row.name)


def _layers(axes: Axes, rows: List[Row], metric: Metric, theme: Theme) -> None:
    places, means, lower, upper = [], [], [], []
    for place, row in enumerate(rows):
        value = row.values[metric.key]
        if value.mean is None:
            continue
        low, high = value.ci95 or (value.mean, value.mean)
        places.append(place)
        means.append(value.mean)
        # A bootstrap interval need not hold the estimate; an arm has no
        # negative length.
        lower.append(max(0.0, value.mean - low))
        upper.append(max(0.0, high - value.mean))
    axes.plot(places, means, color=theme.layers, linewidth=1, alpha=0.5)
    axes.errorbar(
        places,
        means,
        yerr=[lower, upper],
        fmt="o",
        markersize=5,
        capsize=3,
        color=theme.layers,
        label="layers",
    )


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
            _control(axes, row, metric, theme)
    _layers(axes, rows, metric, theme)
    axes.set_xticks(range(len(rows)))
    # Names come from data: "$" in them is a character and starts no formula.
    labels = [printable(row.name) for row in rows]
    names = axes.set_xticklabels(labels, parse_math=False)
    if sum(len(row.name) + 2 for row in rows) > 50:
        for text in names:
            text.set(rotation=35, horizontalalignment="right")
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylabel(metric.title, color=theme.ink)
    axes.tick_params(colors=theme.ink)
    axes.grid(axis="y", color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=theme.ink)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(frameon=False, fontsize="small", labelcolor=theme.ink)
    return figure


def write_figures(results: SetResults, folder: Path) -> List[FigureFiles]:
    """Draw every score that some layer of a set has.

    Args:
        results: The rows of a set.
        folder: Where the files go; SVG for a light and a dark page, and a PNG.
    """
    written = []
    # Text stays text, so that any script of a name can be shown; a fixed salt
    # and no date give the same bytes for the same numbers.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "espnet_probe"}
    with matplotlib.rc_context(settings):
        for metric in METRICS:
            light = draw(results, metric, LIGHT)
            dark = draw(results, metric, DARK)
            if light is None or dark is None:
                continue
            stem = f"{slug(results.name)}_{metric.key}"
            files = FigureFiles(
                metric,
                folder / f"{stem}.svg",
                folder / f"{stem}_dark.svg",
                folder / f"{stem}.png",
            )
            for figure, path in ((light, files.light_svg), (dark, files.dark_svg)):
                with replacing(path) as temporary:
                    nodate = {"Date": None}
                    figure.savefig(temporary, transparent=True, metadata=nodate)
            with replacing(files.png) as temporary:
                light.savefig(temporary, dpi=150, facecolor="white")
            written.append(files)
    return written
