"""Mel-spectrograms of one noisy utterance: recording, noise and what layers keep."""

import math
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from espnet_probe.features.log_mel import LogMelConfig, mel_filterbank
from espnet_probe.report.mels import RANGE_DB, Mel, colour_limits
from espnet_probe.report.values import printable
from espnet_probe.scores.claim_table import NOT_TRAINED
from espnet_probe.study.measure_figure import MARK, WIDTH
from espnet_probe.study.mel_example import MelExample, Panel

ROW_HEIGHT = 1.15
#: Frequencies at the ticks, in kHz.
TICKS = (0.5, 1, 2, 4)
DECIBELS = 20 / math.log(10)


class Box(NamedTuple):
    """A part of a spectrogram: its first frame and band, and how many of each."""

    frame: int
    band: int
    frames: int
    bands: int


def noise_box(clean: Mel, noisy: Mel, floor: float) -> Box:
    """Find where the noise is seen best: the box in which it lifts the mel most.

    Its size is fixed, a quarter of the time and of the bands, so that it depends on
    nothing but the two recordings.

    Args:
        clean: ``(frames, n_mels)``, natural-log mel of the clean recording.
        noisy: Of the noisy one.
        floor: The darkest value shown; below it nothing is seen.
    """
    frames, bands = (max(1, size // 4) for size in clean.shape)
    seen = np.maximum(noisy, floor) - np.maximum(clean, floor)
    lifted: NDArray[np.float64] = np.clip(seen, 0.0, None).astype(np.float64)
    sums = np.pad(lifted, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = (
        sums[frames:, bands:]
        - sums[:-frames, bands:]
        - sums[frames:, :-bands]
        + sums[:-frames, :-bands]
    )
    frame, band = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return Box(int(frame), int(band), frames, bands)


def band_places(config: LogMelConfig, kilohertz: Sequence[float]) -> List[float]:
    """Return which band a frequency lies at, counted from 0, between bands too.

    Args:
        config: The settings of the mels.
        kilohertz: The frequencies.
    """
    filters = mel_filterbank(config).numpy()
    hertz = np.linspace(0, config.fs / 2, len(filters))
    # A filter narrower than the bins is empty: it has no centre of its own.
    there = np.flatnonzero(filters.sum(axis=0) > 0)
    weights = filters[:, there]
    centres = hertz @ weights / weights.sum(axis=0)
    wanted = 1000 * np.asarray(kilohertz, dtype=np.float64)
    return [float(place) for place in np.interp(wanted, centres, there)]


def _text(scores: Mapping[str, float]) -> str:
    words = []
    for name, value in scores.items():
        shown = f"{100 * value:.0f} %" if name == "noise kept" else f"{value:.2f}"
        words.append(f"{name} {shown}")
    return ", ".join(words)


def draw_mels(
    example: MelExample,
    trainings: Sequence[str],
    layers: Sequence[str],
    untrained: Sequence[str] = (),
) -> Figure:
    """Draw the recordings in the first row and a row per layer below, one scale.

    The colours are dB below the loudest point of the figure. A box, at the same place
    in every picture, marks where the noise lifts the recording's mel most.

    Args:
        example: The mels.
        trainings: One column each.
        layers: One row each, in network order.
        untrained: Trainings whose model decides nothing; they are marked.
    """
    columns = max(2, len(trainings))
    rows = 1 + len(layers)
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    limits = colour_limits([example.clean.mel, example.noisy.mel])
    box = noise_box(example.clean.mel, example.noisy.mel, limits[0])
    images = [
        _draw(grid[0][0], example.clean, "clean reference", example, limits, box),
        _draw(grid[0][1], example.noisy, "noisy input", example, limits, box),
    ]
    for row, layer in enumerate(layers, start=1):
        for column, training in enumerate(trainings):
            panel = example.reconstructions[layer, training]
            mark = f" {MARK}" if training in untrained else ""
            title = f"{layer}, {training}{mark}"
            axes = grid[row][column]
            images.append(_draw(axes, panel, title, example, limits, box))
    for axes in grid.flat:
        if not axes.images:
            axes.set_visible(False)
    places = band_places(example.config, TICKS)
    grid[0][0].set_yticks(places, [f"{one:g}" for one in TICKS])
    figure.supxlabel("time (s)", fontsize="small")
    figure.supylabel("frequency (kHz)", fontsize="small")
    bar = figure.colorbar(images[0], ax=grid, fraction=0.03, aspect=40, pad=0.01)
    bar.set_label("dB (loudest point: 0)", fontsize="small")
    bar.ax.tick_params(labelsize="x-small")
    title = printable(f"{example.utterance} of {example.name}: {example.noise}")
    if untrained:
        title += f"\n{MARK} {NOT_TRAINED}"
    figure.suptitle(title, fontsize="medium", parse_math=False)
    return figure


def _draw(
    axes: Axes,
    panel: Panel,
    title: str,
    example: MelExample,
    limits: Tuple[float, float],
    box: Optional[Box],
) -> AxesImage:
    shift = example.config.frame_shift
    frames, bands = panel.mel.shape
    image = axes.imshow(
        (panel.mel.T - limits[1]) * DECIBELS,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="magma",
        vmin=-RANGE_DB,
        vmax=0.0,
        # A frame is centred on its time, a band on its number.
        extent=(-0.5 * shift, (frames - 0.5) * shift, -0.5, bands - 0.5),
    )
    if box is not None:
        corner = ((box.frame - 0.5) * shift, box.band - 0.5)
        size = (box.frames * shift, box.bands)
        axes.add_patch(
            Rectangle(corner, *size, fill=False, edgecolor="#7fe3ff", linewidth=1.0)
        )
    axes.set_title(
        printable(title), loc="left", fontsize="small", pad=2, parse_math=False
    )
    axes.set_title(_text(panel.scores), loc="right", fontsize="x-small", pad=2)
    axes.tick_params(labelsize="x-small", length=2)
    return image
