"""Figures for print: their size, their fonts, one look per model, all its numbers."""

import re
from pathlib import Path
from typing import List

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from verified_case import LAYERS, make_controls, make_verified

from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.curves import Shown, shown_metrics
from espnet_probe.page.experiments import Experiment, make_experiments
from espnet_probe.page.print_figures import (
    COLUMN,
    DPI,
    SETTINGS,
    draw_score,
    families,
    style_of,
    write_figures,
)
from espnet_probe.report.collect import collect
from espnet_probe.study.measure_figure import draw_panels

SETS = ("test", "test_snr10")


def experiments_of(root: Path, *layers: List[str]) -> List[Experiment]:
    """Write a model for each list of layers; return them with their results."""
    found = [
        make_verified(root / f"m{n}", one, SETS)[0] for n, one in enumerate(layers)
    ]
    names = [f"model{place}" for place in range(len(found))]
    return make_experiments([collect(one) for one in found], names)


def scores(experiments: List[Experiment], *names: str) -> List[Shown]:
    return [one for one in shown_metrics(experiments) if one.id in names]


def test_a_figure_is_a_column_with_its_fonts(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path, sets=SETS)
    experiments = make_experiments([collect(probe_exp)])
    conditions = find_conditions(experiments)
    shown = scores(experiments, "stoi", "eer_percent:ge2e")
    folder = tmp_path / "figures"
    written = write_figures(experiments, conditions, shown, folder)
    assert [title for title, _ in written] == ["EER (%), ge2e", "STOI"]
    names = [path.name for _, path in written]
    assert names == ["column_eer_percent_ge2e.png", "column_stoi.png"]
    for _, path in written:
        with Image.open(path) as image:
            assert image.size[0] == pytest.approx(DPI * COLUMN.width, abs=2)
        data = path.with_suffix(".pdf").read_bytes()
        # TrueType inside, nothing of Type 3, no picture instead of lines.
        assert b"/FontFile2" in data
        assert b"/Type3" not in data and b"/Subtype /Image" not in data
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", data)
        assert box and float(box[1]) == pytest.approx(72 * COLUMN.width, abs=0.5)
    before = written[1][1].with_suffix(".pdf").read_bytes()
    again = write_figures(experiments, conditions, shown[1:], folder)
    assert again[0][1].with_suffix(".pdf").read_bytes() == before


def test_a_long_name_stays_within_the_figure() -> None:
    title = "EER (%), thin_resnet-spk_train_thin_resnet_raw_copy"
    with matplotlib.rc_context(SETTINGS):
        figure = draw_panels(["clean"], ["a", "b"], title, lambda *_: None, COLUMN)
        FigureCanvasAgg(figure).draw()
    (label,) = [text for text in figure.texts if text.get_text().startswith("EER")]
    assert label.get_text().replace("\n", "") == title
    box = label.get_window_extent()
    assert 0 <= box.y0 and box.y1 <= figure.bbox.height
    assert all(line[-1] in "_-,y" for line in label.get_text().split("\n"))


def test_lines_show_the_numbers_and_the_controls(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    results = collect(probe_exp, controls=make_controls(probe_exp))
    experiments = make_experiments([results])
    conditions = find_conditions(experiments)
    (shown,) = scores(experiments, "stoi")
    figure = draw_score(experiments, conditions, shown, [0])
    assert figure is not None
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert set(labels) == {"natural", "oracle", "random", "shuffled", "layers"}
    rows = results.sets[0].layers
    expected = [row.values["stoi"].mean for row in rows]
    lines = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert expected in lines
    assert [text.get_text() for text in axes.get_xticklabels()] == list(LAYERS)


def test_models_with_like_layers_share_an_axis(tmp_path: Path) -> None:
    short, long, other = ["blstm1"], ["cnn1", "blstm1"], ["block1", "block2"]
    experiments = experiments_of(tmp_path, short, long, other)
    groups = [[one.id for one in group] for group in families(experiments)]
    assert groups == [["m0", "m1"], ["m2"]]
    (shown,) = scores(experiments, "eer_percent:ge2e")
    conditions = find_conditions(experiments)
    figure = draw_score(experiments[:2], conditions, shown, [0, 1])
    assert figure is not None and len(figure.axes) == len(SETS)
    axes = figure.axes[-1]
    assert [text.get_text() for text in axes.get_xticklabels()] == long
    labels = axes.get_legend_handles_labels()[1]
    assert {"model0", "model1", "natural", "chance"} == set(labels)
    # Nothing is cut off: the highest interval is inside.
    low, high = axes.get_ylim()
    rows = experiments[1].results.sets[1].layers
    bounds = [shown.value(row).ci95 for row in rows]
    assert low == 0.0 and high >= max(pair[1] for pair in bounds if pair)
    stoi = scores(experiments, "stoi")
    written = write_figures(experiments, conditions, stoi, tmp_path / "figures")
    titles = ["STOI: model0, model1", "STOI: model2"]
    assert [title for title, _ in written] == titles
    names = [path.name for _, path in written]
    assert names == ["column_stoi_1.png", "column_stoi_2.png"]


def test_eight_models_look_different_without_colours() -> None:
    looks = [style_of(place)[1:] for place in range(8)]
    assert len({str(look) for look in looks}) == 8
    assert style_of(1).colour == style_of(5).colour
