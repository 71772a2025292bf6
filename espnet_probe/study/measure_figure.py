"""Plots over the layers of an architecture: a panel per condition, a line per model."""

import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.figures import LIGHT, save_for_print
from espnet_probe.report.files import slug
from espnet_probe.report.values import Metric, Value, printable
from espnet_probe.scores.claim_table import (
    BASELINE,
    CLEAN,
    EER,
    NOT_TRAINED,
    ROBUST,
    STOI,
    Key,
    Table,
)
from espnet_probe.scores.contrasts import contrast

#: What a figure shows, beside the measures ``eer`` and ``stoi``.
DROP = "drop"
EMBEDDERS = "embedders"
MELS = "mels"

#: Inches; a page's width, so that the letters have their size in print.
WIDTH = 7.0
#: Of a label, at its size.
LETTERS_PER_INCH = 10
PANEL_HEIGHT = 2.2


class Size(NamedTuple):
    """How large a figure is, in inches.

    Attributes:
        width: Of the figure.
        panel_height: Of each row of panels.
        columns: Panels side by side; 0 to choose by their number.
        legend_columns: Entries of the legend side by side.
    """

    width: float = WIDTH
    panel_height: float = PANEL_HEIGHT
    columns: int = 0
    legend_columns: int = 4


#: How a model that decides nothing is marked.
MARK = "†"
#: Error rate in percent of one who guesses.
CHANCE = 50.0


class Style(NamedTuple):
    """How a line is drawn; lines differ in colour, dashes and marker at once."""

    colour: str
    dashes: Any
    marker: str


#: Okabe and Ito's colours, darkened until they read on white.
STYLES: Dict[str, Style] = {
    BASELINE: Style("#c24e00", "--", "s"),
    ROBUST: Style("#0072b2", "-", "o"),
}
OTHERS = (
    Style("#0072b2", "-", "o"),
    Style("#c24e00", "-.", "s"),
    Style("#00785a", "--", "^"),
    Style("#9a4f80", ":", "D"),
)
#: Layers between a line and the next on the axis, so that intervals can be told apart.
SHIFT = 0.14


def condition_title(condition: str) -> str:
    """Return a condition in words: ``clean``, or ``10 dB`` for ``snr10``."""
    return f"{condition[3:]} dB" if condition.startswith("snr") else condition


def draw_line(
    axes: Axes,
    values: Sequence[Optional[Value]],
    style: Style,
    label: str,
    shift: float = 0.0,
    hollow: bool = False,
) -> None:
    """Draw a line over the layers, with intervals where there are any.

    Args:
        axes: Where to.
        values: One per layer in network order; None, or without a mean, is left out.
        style: Its look.
        label: Its name in the legend.
        shift: Layers to the right of the tick.
        hollow: Whether the markers are empty, as for a model that decides nothing.
    """
    where, means, below, above = [], [], [], []
    for place, value in enumerate(values):
        if value is None or value.mean is None:
            continue
        low, high = value.ci95 or (value.mean, value.mean)
        where.append(place + shift)
        means.append(value.mean)
        # A bootstrap interval need not hold the estimate; an arm has no
        # negative length.
        below.append(max(0.0, value.mean - low))
        above.append(max(0.0, high - value.mean))
    if not where:
        return
    axes.errorbar(
        where,
        means,
        yerr=[below, above],
        color=style.colour,
        linestyle=style.dashes,
        marker=style.marker,
        markersize=4,
        markerfacecolor="white" if hollow else style.colour,
        capsize=2,
        linewidth=1.2,
        elinewidth=0.9,
        label=label,
    )


def draw_panels(
    conditions: Sequence[str],
    layers: Sequence[str],
    title: str,
    draw: Callable[[Axes, str], None],
    size: Size = Size(),
) -> Figure:
    """Draw a panel per condition over the same layers, on one scale.

    Args:
        conditions: In table order.
        layers: In network order.
        title: Of the axis of values.
        draw: Draws the lines of one condition.
        size: Of the figure.
    """
    # Four stand two by two; three side by side leave no hole.
    columns = size.columns
    columns = columns or (2 if len(conditions) == 4 else min(3, len(conditions)))
    rows = -(-len(conditions) // columns)
    figure = Figure(
        figsize=(size.width, size.panel_height * rows + 0.4), layout="constrained"
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    handles: Dict[str, Artist] = {}
    for axes, condition in zip(grid.flat, conditions):
        draw(axes, condition)
        axes.set_title(condition_title(condition), fontsize="medium", parse_math=False)
        axes.grid(axis="y", color=LIGHT.faint, linewidth=0.6)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
        axes.set_xticks(range(len(layers)))
        # Names come from data: "$" in them is a character and starts no formula.
        names = axes.set_xticklabels(
            [printable(name) for name in layers], parse_math=False
        )
        axes.tick_params(labelsize="small")
        if sum(len(name) + 2 for name in layers) * columns > 96 * size.width / WIDTH:
            for text in names:
                text.set(rotation=40, horizontalalignment="right")
        axes.set_xlim(-0.5, len(layers) - 0.5)
        for handle, label in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    for axes in list(grid.flat)[len(conditions) :]:
        axes.set_visible(False)
    # A panel with none below it is the last of its column.
    for axes in list(grid.flat)[max(0, len(conditions) - columns) : len(conditions)]:
        axes.tick_params(labelbottom=True)
    # A name may be longer than the figure is high; it is parted after "-" and "_".
    room = max(20, round(LETTERS_PER_INCH * figure.get_figheight()))
    lines = textwrap.wrap(title.replace("_", "_ "), room)
    label = "\n".join(line.replace("_ ", "_") for line in lines)
    figure.supylabel(label, fontsize="medium", parse_math=False)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=min(size.legend_columns, max(1, len(handles))),
        frameon=False,
        fontsize="small",
    )
    return figure


def _models(
    table: Table,
    architecture: str,
    axes: Axes,
    value_of: Callable[[str, str], Optional[Value]],
) -> None:
    """Draw a line per training; ``value_of`` gives the value of training and layer."""
    trainings = table.trainings(architecture)
    for number, training in enumerate(trainings):
        untrained = (architecture, training) in table.untrained
        draw_line(
            axes,
            [value_of(training, layer) for layer in table.layers[architecture]],
            STYLES[training],
            f"{training} {MARK} ({NOT_TRAINED})" if untrained else training,
            SHIFT * (number - (len(trainings) - 1) / 2),
            untrained,
        )


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

    def draw(axes: Axes, condition: str) -> None:
        def value_of(training: str, layer: str) -> Optional[Value]:
            key = Key(architecture, training, condition, layer, measure)
            cell = table.cells.get(key)
            return None if cell is None else Value(cell.value, cell.ci95)

        if measure == EER:
            draw_chance(axes)
        _models(table, architecture, axes, value_of)

    layers = table.layers[architecture]
    figure = draw_panels(table.conditions(measure), layers, metric.title, draw)
    return from_zero(figure) if measure == EER else figure


def from_zero(figure: Figure) -> Figure:
    """Let the panels of a figure begin at 0; return it.

    Args:
        figure: As :func:`draw_panels` makes it. Only when all lines are there is it
            known how high they reach.
    """
    figure.axes[0].set_ylim(bottom=0.0)
    return figure


def draw_chance(axes: Axes) -> None:
    """Draw where the equal error rate of guessing lies."""
    axes.axhline(CHANCE, color="#6d6d6d", linestyle=":", linewidth=0.9, label="chance")


def stoi_drop(
    table: Table, architecture: str, training: str, condition: str, layer: str
) -> Optional[Value]:
    """Return how much STOI a noise takes from a layer: clean minus noisy.

    Args:
        table: The cells.
        architecture: Of the model.
        training: Of the model.
        condition: The noisy one.
        layer: The layer.

    Returns:
        The difference of the same utterances with its interval, where the cells have
        them; None if a cell is missing.
    """
    pair = [
        table.cells.get(Key(architecture, training, one, layer, STOI))
        for one in (CLEAN, condition)
    ]
    if pair[0] is None or pair[1] is None:
        return None
    found = contrast([(1.0, pair[0]), (-1.0, pair[1])])
    return Value(found.value, found.bounds())


def draw_drop(table: Table, architecture: str) -> Optional[Figure]:
    """Draw the STOI that each noise takes from each layer, a panel per noise.

    Args:
        table: The cells.
        architecture: Of the models.

    Returns:
        None if no condition is noisy, or clean speech was not scored.
    """
    found = table.conditions(STOI)
    noisy: List[str] = [one for one in found if one != CLEAN]
    if not noisy or CLEAN not in found:
        return None

    def draw(axes: Axes, condition: str) -> None:
        axes.axhline(0.0, color=LIGHT.ink, linewidth=0.8)
        _models(
            table,
            architecture,
            axes,
            lambda training, layer: stoi_drop(
                table, architecture, training, condition, layer
            ),
        )

    layers = table.layers[architecture]
    return draw_panels(noisy, layers, "STOI, clean minus noisy", draw)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, and for print as PDF; return the path of the first.

    Args:
        figure: The figure.
        path: A PNG; the PDF lies beside it.
    """
    return save_for_print(figure, path, dpi=150)


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
    return save(figure, folder / f"{slug(architecture)}_{measure}.png")
