"""The detection error trade-off of the layers of a set: misses over false alarms.

Both rates are drawn on normal deviate scales, on which the curve of normally
distributed scores is a straight line: A. Martin et al., "The DET curve in assessment of
detection task performance", Eurospeech 1997.
"""

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtri

from espnet_probe.report.figures import Theme, dress
from espnet_probe.report.trial_tables import TrialScores
from espnet_probe.report.values import printable

#: Rates in percent that the axes name.
TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 95)
#: The axes' ends as fractions; rates beyond them lie on the edge.
LOWEST, HIGHEST = 0.0005, 0.97
#: Deviates nearer than this are one point of a line.
FINEST = 0.01
#: Lines in the colours of controls.
NAMED = ("natural", "oracle")
#: More lines than these stand beside the plot, in two columns.
BESIDE = 14


def error_rates(
    scores: NDArray[np.float64], targets: NDArray[np.bool_]
) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the operating points of scored trials.

    Args:
        scores: ``(trials,)``, finite.
        targets: ``(trials,)``; both kinds.

    Returns:
        False alarms and misses, ``(distinct scores + 1,)`` each, as fractions; from
        accepting everything to rejecting everything.
    """
    order = np.argsort(scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) > 0, True))
    misses = np.append(0, np.cumsum(targets[order])[last]) / max(1, targets.sum())
    rejected = np.append(0, np.cumsum(~targets[order])[last])
    alarms = 1 - rejected / max(1, (~targets).sum())
    return alarms, misses


def deviate(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal deviates of rates, those beyond the axes on their edge."""
    found: NDArray[np.float64] = ndtri(np.clip(rates, LOWEST, HIGHEST))
    return found


def curve(trials: TrialScores) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line of a row on the axes, without points that the eye cannot tell.

    Args:
        trials: Scored trials of both kinds.

    Returns:
        Deviates of false alarms and of misses, ``(points,)`` each.
    """
    rates = error_rates(trials.scores, trials.targets)
    alarms, misses = (deviate(one) for one in rates)
    # A million trials have a million points, and a plot has hundreds of dots.
    seen = np.round(np.stack([alarms, misses]) / FINEST)
    kept = np.append(True, np.any(np.diff(seen, axis=1) != 0, axis=0))
    kept[-1] = True
    return alarms[kept], misses[kept]


def layer_colours(names: List[str], theme: Theme) -> Dict[str, object]:
    """Return a colour per row: the controls' own, the layers' in order of depth.

    Args:
        names: The rows, controls and layers.
        theme: The colours of the page.
    """
    layers = [name for name in names if name not in NAMED]
    # The ends of the scale are too near to the colours of the page.
    shades = colormaps["viridis"](np.linspace(0.05, 0.85, max(1, len(layers))))
    return {
        **{name: theme.controls[name] for name in names if name in NAMED},
        **dict(zip(layers, shades)),
    }


def _axes(axes: Axes, theme: Theme) -> None:
    ticks = [ndtri(percent / 100) for percent in TICKS]
    labels = [f"{percent:g}" for percent in TICKS]
    axes.set_xticks(ticks, labels, fontsize="small")
    axes.set_yticks(ticks, labels, fontsize="small")
    ends = [float(one) for one in deviate(np.array([0.0, 1.0]))]
    axes.set(xlim=(ends[0], ends[1]), ylim=(ends[0], ends[1]), aspect="equal")
    axes.plot(ends, ends, color=theme.faint, linewidth=0.8)
    axes.set_xlabel("false alarms (%)", color=theme.ink)
    axes.set_ylabel("misses (%)", color=theme.ink)
    dress(axes, theme)
    axes.grid(axis="x", color=theme.faint, linewidth=0.6)


def draw_det(rows: Mapping[str, TrialScores], theme: Theme) -> Optional[Figure]:
    """Draw a line per row: misses over false alarms at every threshold.

    Args:
        rows: The scored trials by layer or control, in table order.
        theme: The colours; the background is transparent.

    Returns:
        None if no row has trials of both kinds.
    """
    drawn = {n: t for n, t in rows.items() if 0 < t.targets.sum() < len(t.targets)}
    if not drawn:
        return None
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    _axes(axes, theme)
    colours = layer_colours(list(drawn), theme)
    for name, trials in drawn.items():
        axes.plot(
            *curve(trials),
            color=colours[name],
            linewidth=1.2,
            linestyle="--" if name in NAMED else "-",
            label=printable(name),
        )
    legend = axes.legend(
        frameon=False,
        fontsize="small",
        labelcolor=theme.ink,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        ncols=1 if len(drawn) <= BESIDE else 2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure
