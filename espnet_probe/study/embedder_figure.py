"""Equal error rates of every speaker embedder over the layers of one model."""

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.documents import checked, read_document
from espnet_probe.report.values import EER, Value, printable
from espnet_probe.study.measure_figure import (
    OTHERS,
    SHIFT,
    Style,
    draw_chance,
    draw_line,
    draw_panels,
    from_zero,
)
from espnet_probe.study.paper_values import PAPER_EMBEDDER, EerCell, paper_eer

#: The paper's values: another corpus and another embedder, so no colour of its own.
PAPER_STYLE = Style("#6d6d6d", (0, (4, 2)), "x")
NATURAL = "natural"


class Place(NamedTuple):
    """Which row of which condition a value is of.

    Attributes:
        condition: Such as ``snr10``.
        row: A layer, or ``natural``.
    """

    condition: str
    row: str


Rates = Mapping[str, Mapping[Place, Value]]


def read_embedders(
    folder: Path, sets: Mapping[str, str], layers: Sequence[str]
) -> Dict[str, Dict[Place, Value]]:
    """Read the equal error rates of a model by embedder.

    Every ``verification*.json`` of a row's folder counts, by the embedder that it
    names itself: stage 10 writes one, ``verification.json``, and scores of other
    embedders can stand beside it, such as ``verification_NAME.json``.

    Args:
        folder: The model's ``reconstruct_<tag>``.
        sets: The set of each condition.
        layers: The layers; the recordings' rates are read beside them.

    Returns:
        The rates by embedder, sorted by name. Of two files of one embedder the first
        by name counts.
    """
    found: Dict[str, Dict[Place, Value]] = {}
    for condition, name in sets.items():
        for row in (NATURAL, *layers):
            for path in sorted((folder / name / row).glob("verification*.json")):
                document, _ = read_document(path)
                if document is None:
                    continue
                pair = document.get(f"{EER.key}_ci95")
                value = checked(document.get(EER.key), pair, {}, path, "")
                if value.mean is not None:
                    embedder = str(document.get("embedder"))
                    place = Place(condition, row)
                    found.setdefault(embedder, {}).setdefault(place, value)
    return {name: found[name] for name in sorted(found)}


def draw_embedders(
    rates: Rates,
    conditions: Sequence[str],
    layers: Sequence[str],
    paper: Optional[EerCell] = None,
    untrained: bool = False,
) -> Figure:
    """Draw a line per embedder over the layers, a panel per condition.

    The flat line of an embedder's colour is its error rate on the recordings.

    Args:
        rates: The rates by embedder.
        conditions: In table order.
        layers: In network order.
        paper: A cell of the model whose printed values are drawn too, dashed; its
            condition and layer do not matter.
        untrained: Whether the model is not trained enough: its markers are empty.
    """
    printed = {} if paper is None else paper_eer()

    def draw(axes: Axes, condition: str) -> None:
        draw_chance(axes)
        for number, (name, found) in enumerate(rates.items()):
            style = OTHERS[number % len(OTHERS)]
            values: List[Optional[Value]] = [
                found.get(Place(condition, layer)) for layer in layers
            ]
            shift = SHIFT * (number - (len(rates) - 1) / 2)
            draw_line(axes, values, style, printable(name), shift, untrained)
            recording = found.get(Place(condition, NATURAL))
            if recording is not None and recording.mean is not None:
                axes.axhline(
                    recording.mean,
                    color=style.colour,
                    linewidth=0.9,
                    alpha=0.6,
                    label=f"{printable(name)}, recordings",
                )
        if paper is not None:
            cells = [
                printed.get(paper._replace(condition=condition, layer=layer))
                for layer in layers
            ]
            values = [None if cell is None else Value(cell) for cell in cells]
            draw_line(axes, values, PAPER_STYLE, f"paper's {PAPER_EMBEDDER}")

    return from_zero(draw_panels(conditions, layers, EER.title, draw))
