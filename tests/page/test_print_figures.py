"""Figures for print: their size, their fonts, one look per model, all its numbers."""

import re
import zlib
from pathlib import Path
from typing import List

import pytest
from PIL import Image
from verified_case import LAYERS, make_controls, make_verified

from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.curves import shown_metrics
from espnet_probe.page.experiments import Experiment, make_experiments
from espnet_probe.page.print_figures import (
    COLUMN,
    draw_score,
    families,
    file_name,
    style_of,
    write_figures,
)
from espnet_probe.report.collect import collect

SETS = ("test", "test_snr10")


def experiments_of(root: Path, *layers: List[str]) -> List[Experiment]:
    """Write a model for each list of layers; return them with their results."""
    found = [
        make_verified(root / f"m{n}", one, SETS)[0] for n, one in enumerate(layers)
    ]
    names = [f"model{place}" for place in range(len(found))]
    return make_experiments([collect(one) for one in found], names)


def test_every_score_has_a_column_with_its_fonts(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path, sets=SETS)
    experiments = make_experiments([collect(probe_exp)])
    folder = tmp_path / "figures"
    written = write_figures(experiments, find_conditions(experiments), folder)
    shown = shown_metrics(experiments)
    assert [title for title, _ in written] == [one.label for one in shown]
    names = [f"column_{file_name(one)}.png" for one in shown]
    assert [path.name for _, path in written] == names
    for _, path in written:
        assert re.fullmatch(r"[\w-]+\.png", path.name)
        with Image.open(path) as image:
            assert image.size[0] == pytest.approx(300 * COLUMN.width, abs=2)
        data = path.with_suffix(".pdf").read_bytes()
        # TrueType inside, nothing of Type 3, no picture instead of lines.
        assert b"/FontFile2" in data
        assert b"/Type3" not in data and b"/Subtype /Image" not in data
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", data)
        assert box and float(box[1]) == pytest.approx(72 * COLUMN.width, abs=0.5)
    before = [path.with_suffix(".pdf").read_bytes() for _, path in written]
    again = write_figures(experiments, find_conditions(experiments), folder)
    assert [path.with_suffix(".pdf").read_bytes() for _, path in again] == before
    assert sum(one.startswith(b"%PDF") for one in before) == len(shown)
    assert zlib.decompress(_stream(before[0]))


def _stream(data: bytes) -> bytes:
    found = re.search(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    assert found
    return found[1]


def test_lines_show_the_numbers_and_the_controls(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    results = collect(probe_exp, controls=make_controls(probe_exp))
    experiments = make_experiments([results])
    conditions = find_conditions(experiments)
    (shown,) = [one for one in shown_metrics(experiments) if one.id == "stoi"]
    figure = draw_score(experiments, conditions, shown, [0])
    assert figure is not None
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert set(labels) == {"natural", "oracle", "random", "shuffled", "layers"}
    rows = results.sets[0].layers
    expected = [row.values["stoi"].mean for row in rows]
    lines = [list(line.get_ydata()) for line in axes.lines]
    assert expected in lines
    assert [text.get_text() for text in axes.get_xticklabels()] == list(LAYERS)


def test_models_with_like_layers_share_an_axis(tmp_path: Path) -> None:
    short, long, other = ["blstm1"], ["cnn1", "blstm1"], ["block1", "block2"]
    experiments = experiments_of(tmp_path, short, long, other)
    groups = [[one.id for one in group] for group in families(experiments)]
    assert groups == [["m0", "m1"], ["m2"]]
    (shown,) = [
        one for one in shown_metrics(experiments) if one.id == "eer_percent:ge2e"
    ]
    conditions = find_conditions(experiments)
    figure = draw_score(experiments[:2], conditions, shown, [0, 1])
    assert figure is not None and len(figure.axes) == len(SETS)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == long
    labels = axes.get_legend_handles_labels()[1]
    assert {"model0", "model1", "natural", "chance"} == set(labels)
    # Nothing is cut off: the highest interval is inside.
    low, high = axes.get_ylim()
    rows = experiments[1].results.sets[1].layers
    bounds = [shown.value(row).ci95 for row in rows]
    assert low == 0.0 and high >= max(pair[1] for pair in bounds if pair)
    written = write_figures(experiments, conditions, tmp_path / "figures")
    names = [path.name for _, path in written if "stoi" in path.name]
    assert names[:2] == ["column_stoi_1.png", "column_stoi_2.png"]


def test_eight_models_look_different_without_colours() -> None:
    looks = [style_of(place)[1:] for place in range(8)]
    assert len({str(look) for look in looks}) == 8
    assert style_of(1).colour == style_of(5).colour
