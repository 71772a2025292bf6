"""How the scores of target and non-target trials are distributed, layer by layer."""

from typing import Mapping, Optional

import numpy as np
from matplotlib.figure import Figure

from espnet_probe.report.figures import Theme, dress
from espnet_probe.report.trial_tables import TrialScores
from espnet_probe.report.values import printable

COLUMNS = 4
BINS = 40
#: Of target and of non-target trials: the theme's names of the colours.
KINDS = (("non-target", "oracle"), ("target", "natural"))


def draw_distributions(
    rows: Mapping[str, TrialScores], theme: Theme
) -> Optional[Figure]:
    """Draw a small histogram per row, all with the same axis of scores.

    Args:
        rows: The scored trials by layer or control, in table order.
        theme: The colours; the background is transparent.

    Returns:
        None if there is no row.
    """
    if not rows:
        return None
    columns = min(COLUMNS, len(rows))
    height = -(-len(rows) // columns)
    figure = Figure(
        figsize=(1.9 * columns + 0.3, 1.35 * height + 0.7), layout="constrained"
    )
    grid = figure.subplots(height, columns, sharex=True, squeeze=False)
    low = min(float(trials.scores.min()) for trials in rows.values())
    high = max(float(trials.scores.max()) for trials in rows.values())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    places = list(grid.flat)
    for axes, (name, trials) in zip(places, rows.items()):
        for kind, colour in KINDS:
            scores = trials.scores[trials.targets == (kind == "target")]
            if not scores.size:
                continue
            # Shares, not counts: the two kinds need not be of one number.
            shares = np.histogram(scores, edges)[0] / scores.size
            axes.stairs(
                shares,
                edges,
                fill=True,
                alpha=0.45,
                color=theme.controls[colour],
                label=kind,
            )
        title = printable(name)
        axes.set_title(title, fontsize="small", color=theme.ink, parse_math=False)
        dress(axes, theme)
        axes.set_yticks([])
        axes.tick_params(labelsize="x-small")
        axes.spines["left"].set_visible(False)
    for axes in places[len(rows) :]:
        axes.set_visible(False)
    for axes in places[max(0, len(rows) - columns) : len(rows)]:
        axes.tick_params(labelbottom=True)
    handles = {
        label: handle
        for axes in places[: len(rows)]
        for handle, label in zip(*axes.get_legend_handles_labels())
    }
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=2,
        frameon=False,
        fontsize="small",
        labelcolor=theme.ink,
    )
    figure.supxlabel("score (cosine)", fontsize="small", color=theme.ink)
    return figure
