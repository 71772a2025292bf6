"""A score of every speaker embedder over the layers of a set, in one plot."""

from typing import Mapping, Optional

from matplotlib.figure import Figure

from espnet_probe.report.embedders import EmbedderScores
from espnet_probe.report.figures import Theme, draw_curve, dress, name_layers
from espnet_probe.report.results import SetResults
from espnet_probe.report.values import Metric, printable

#: The theme's colour and the marker of each embedder, and again from the first.
LOOKS = (("layers", "o"), ("oracle", "s"), ("natural", "^"), ("random", "D"))
#: Layers between the points of one embedder and the next.
SHIFT = 0.12


def colour_of(theme: Theme, name: str) -> str:
    """Return a colour of a theme: ``layers``, or that of a control."""
    return theme.controls.get(name, theme.layers)


def draw_embedder_curves(
    results: SetResults,
    found: Mapping[str, Mapping[str, EmbedderScores]],
    metric: Metric,
    theme: Theme,
) -> Optional[Figure]:
    """Draw a curve per embedder; its flat line is what it says of the recordings.

    Args:
        results: The rows of a set.
        found: The scores by embedder and by the name of the row.
        metric: Which of its numbers.
        theme: The colours; the background is transparent.

    Returns:
        None if no embedder has this number of any layer.
    """
    rows = results.layers
    figure = Figure(figsize=(4.4, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for number, (label, by_row) in enumerate(found.items()):
        name, marker = LOOKS[number % len(LOOKS)]
        values = [
            by_row[row.name].values.get(metric.key) if row.name in by_row else None
            for row in rows
        ]
        shift = SHIFT * (number - (len(found) - 1) / 2)
        colour = colour_of(theme, name)
        draw_curve(axes, values, colour, printable(label), marker, shift)
        natural = by_row.get("natural")
        value = natural.values.get(metric.key) if natural is not None else None
        if value is not None and value.mean is not None:
            axes.axhline(value.mean, color=colour, linewidth=0.9, alpha=0.6)
    if not axes.containers:
        return None
    name_layers(axes, [row.name for row in rows])
    axes.set_ylabel(metric.title, color=theme.ink)
    dress(axes, theme)
    legend = axes.legend(frameon=False, fontsize="small", labelcolor=theme.ink)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure
