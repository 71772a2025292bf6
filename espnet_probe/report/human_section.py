"""Human listeners in a report: error per layer beside the embedders' on the same."""

from functools import partial
from pathlib import Path
from typing import List, Optional, Sequence

from espnet_probe.report.figures import save_figure
from espnet_probe.report.files import slug
from espnet_probe.report.human import (
    CONTROLS,
    HUMAN,
    PAIRS,
    Human,
    HumanRate,
    no_value,
)
from espnet_probe.report.human_figure import draw_human
from espnet_probe.report.human_tests import HumanTests
from espnet_probe.report.sections import Line, Section
from espnet_probe.report.values import full_text

TITLE = "Human listeners"
ABOUT = (
    "Share of the triplets (A and B of different speakers, X of one of them, all from "
    "one layer) in which listeners named the wrong speaker; guessing gives 50 %. "
    "Columns 'same triplets': the share of them in which the embedder scores X and the "
    "wrong speaker higher, and the equal error rate of their pairs."
)


def _line(one: HumanRate, names: Sequence[str], path: Path) -> Line:
    counts = one.error.counts
    cells = [
        full_text(one.error, HUMAN),
        *(str(counts.get(name, "-")) for name in ("answers", "listeners", "triplets")),
        one.over or f"none: {one.error.reason}",
        "-" if one.kappa is None else f"{one.kappa:.2f}",
    ]
    for name in names:
        error, pairs = one.embedders.get(name, (no_value(), no_value()))
        cells += [full_text(error, HUMAN), full_text(pairs, PAIRS)]
    return Line(one.layer, cells, [path], one.layer not in CONTROLS)


def human_section(
    human: Human, rates: Sequence[HumanRate], folder: Optional[Path]
) -> Section:
    """Return the section of one experiment and set.

    Args:
        human: The results of the listening test.
        rates: Those of the experiment and set, in network order.
        folder: Where the plot goes; None for no plot.
    """
    names = list(dict.fromkeys(name for one in rates for name in one.embedders))
    head = [HUMAN.title, "answers", "listeners", "triplets", "interval over", "kappa"]
    for name in names:
        head += [f"{name}, same triplets (%)", f"{name}, {PAIRS.title}"]
    lines = [_line(one, names, human.path) for one in rates]
    figure = None
    if folder is not None:
        path = folder / f"{slug(rates[0].set)}_human"
        figure = save_figure(partial(draw_human, rates), path, TITLE)
    warning = [f"{human.warning}."] if human.warning else []
    about = [*warning, ABOUT, *human.facts]
    figures = [] if figure is None else [figure]
    return Section(TITLE, about, head, lines, figures)


def human_sections(
    tests: HumanTests, probe_exp: Path, subset: str, folder: Optional[Path]
) -> List[Section]:
    """Return what listeners said of a set of an experiment.

    Args:
        tests: The tests that may be of it.
        probe_exp: The probe experiment.
        subset: The name of the set.
        folder: Where the plot goes; None for no plot.

    Returns:
        The section, if a test was held on this set.
    """
    found = tests.of(probe_exp, subset)
    return [human_section(*found[0], folder)] if found else []
