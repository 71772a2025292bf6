"""Human error over the layers, beside that of each embedder on the same triplets."""

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.embedder_curves import colour_of
from espnet_probe.report.figures import (
    LINES,
    Theme,
    draw_curve,
    dress,
    name_layers,
)
from espnet_probe.report.human import CONTROLS, Human, HumanRate
from espnet_probe.report.values import Value, printable

#: The theme's colour and the marker of each embedder, and again from the first.
LOOKS = (("random", "s"), ("shuffled", "^"), ("oracle", "D"), ("natural", "v"))
#: Layers between the points of one curve and the next.
SHIFT = 0.1
#: Error of guessing, in percent.
CHANCE = 50.0
PANEL = (4.4, 2.9)
COLUMNS = 3


def _panel(axes: Axes, rates: Sequence[HumanRate], theme: Theme) -> None:
    """Draw one experiment and set: layers as points, controls as lines with bands."""
    for control in (one for one in rates if one.layer in CONTROLS):
        _control(axes, control, theme)
    rates = [one for one in rates if one.layer not in CONTROLS]
    names = list(dict.fromkeys(name for one in rates for name in one.embedders))
    axes.axhline(CHANCE, color=theme.ink, alpha=0.6, linewidth=1, linestyle=":")
    middle = len(names) / 2
    errors: List[Optional[Value]] = [one.error for one in rates]
    draw_curve(axes, errors, theme.layers, "listeners", "o", -SHIFT * middle)
    for number, name in enumerate(names):
        look, marker = LOOKS[number % len(LOOKS)]
        colour, label = colour_of(theme, look), printable(name)
        pairs = [one.embedders.get(name) for one in rates]
        own = [None if pair is None else pair[0] for pair in pairs]
        shift = SHIFT * (number + 1 - middle)
        draw_curve(axes, own, colour, f"{label}, same triplets", marker, shift)
        found = [
            (place, pair[1].mean)
            for place, pair in enumerate(pairs)
            if pair is not None and pair[1].mean is not None
        ]
        if found:
            places, means = zip(*found)
            words = f"{label}, EER of their pairs"
            axes.plot(places, means, color=colour, linestyle="--", label=words)
    name_layers(axes, [one.layer for one in rates])
    axes.set_ylim(bottom=0.0)
    dress(axes, theme)


def _control(axes: Axes, rate: HumanRate, theme: Theme) -> None:
    if rate.error.mean is None:
        return
    colour = theme.controls[rate.layer]
    if rate.error.ci95 is not None:
        axes.axhspan(*rate.error.ci95, color=colour, alpha=0.12, linewidth=0)
    words, style = f"listeners, {rate.layer}", LINES[rate.layer]
    axes.axhline(rate.error.mean, color=colour, linestyle=style, label=words)


def draw_human(rates: Sequence[HumanRate], theme: Theme) -> Optional[Figure]:
    """Draw the human error of all layers of one experiment and set, and the embedders'.

    Args:
        rates: In network order.
        theme: The colours; the background is transparent.

    Returns:
        None if there is nothing to draw.
    """
    return _draw({"": rates}, theme, "") if rates else None


def draw_test(human: Human, theme: Theme) -> Optional[Figure]:
    """Draw a whole listening test, a panel per experiment and set.

    Args:
        human: Its results.
        theme: The colours; the background is transparent.

    Returns:
        None if it has no rates.
    """
    panels: Dict[Tuple[str, str], List[HumanRate]] = {}
    for one in human.rates:
        panels.setdefault((one.exp, one.set), []).append(one)
    several = len({exp for exp, _ in panels}) > 1
    titled = {
        f"{printable(exp)}\n{printable(name)}" if several else printable(name): rates
        for (exp, name), rates in panels.items()
    }
    if not titled:
        return None
    return _draw(titled, theme, printable(human.warning))


def _draw(
    panels: Mapping[str, Sequence[HumanRate]],
    theme: Theme,
    warning: str,
) -> Figure:
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    size = (PANEL[0] * columns, PANEL[1] * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    handles: Dict[str, Artist] = {}
    for axes, (title, rates) in zip(grid.flat, panels.items()):
        _panel(axes, rates, theme)
        if title:
            axes.set_title(title, fontsize="small", color=theme.ink, parse_math=False)
        for handle, label in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    figure.supylabel("error rate (%)", fontsize="medium", color=theme.ink)
    if warning:
        figure.suptitle(warning, color="#c00000", fontsize="small", wrap=True)
    # Beside the axes: rising curves leave no corner free.
    legend = figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(2 * columns, len(handles)),
        frameon=False,
        fontsize="small",
        labelcolor=theme.ink,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure
