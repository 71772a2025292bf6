"""The plots over the layers: every cell at its place, models apart, doubts marked."""

from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
from matplotlib.axes import Axes

from espnet_probe.report.values import EER as EER_METRIC
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.scores.claim_table import BASELINE, EER, ROBUST, STOI, Key, Table
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.measure_figure import (
    draw_drop,
    draw_measure,
    stoi_drop,
    write_measure,
)

LAYERS = ("cnn1", "cnn2", "blstm10", "blstm2")
CONDITIONS = ("clean", "snr20", "snr10", "snr0")


def make_table() -> Table:
    """Two trainings in four conditions; values tell where they belong."""
    cells: Dict[Key, Cell] = {}
    random = np.random.default_rng(0)
    speakers = {f"utt{i}": f"spk{i % 8}" for i in range(40)}
    for number, training in enumerate((BASELINE, ROBUST)):
        easy = random.uniform(0.0, 0.02, len(speakers))
        for place, condition in enumerate(CONDITIONS):
            for depth, layer in enumerate(LAYERS):
                value = 5.0 + 10 * depth + 3 * place - number
                key = Key("net", training, condition, layer, EER)
                cells[key] = Cell(value, (value - 1.0, value + 2.0))
                lost = 0.04 * place * (2 - number)
                loud = 0.9 - 0.1 * depth - lost + easy
                loud = loud + 1e-3 * random.standard_normal(len(speakers))
                cells[key._replace(measure=STOI)] = Cell(
                    float(loud.mean()),
                    (float(loud.min()), float(loud.max())),
                    units=dict(zip(speakers, loud.tolist())),
                    speakers=speakers,
                )
    return Table(cells, {"net": LAYERS}, {("net", BASELINE): "baseline, WER 61.5 %"})


@pytest.fixture(name="table", scope="module")
def table_fixture() -> Table:
    return make_table()


def lines_of(axes: Axes) -> Dict[str, List[Tuple[float, float]]]:
    """The points of the lines over the layers by name."""
    return {
        str(one.get_label()): [tuple(point) for point in one.lines[0].get_xydata()]
        for one in axes.containers
    }


def test_each_condition_has_its_panel_with_layers_in_network_order(
    table: Table,
) -> None:
    figure = draw_measure(table, "net", EER, EER_METRIC)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["clean", "20 dB", "10 dB", "0 dB"]
    for axes in figure.axes[2:]:  # the last of each column
        labels = [text.get_text() for text in axes.get_xticklabels()]
        assert labels == list(LAYERS)
    for place, axes in enumerate(figure.axes):
        lines = lines_of(axes)
        assert list(lines) == ["baseline † (not trained enough)", "robust"]
        for depth, (x, y) in enumerate(lines["robust"]):
            assert round(x) == depth and y == 4.0 + 10 * depth + 3 * place
    assert figure.axes[0].get_ylim() == figure.axes[3].get_ylim()
    assert figure.axes[0].get_ylim()[0] == 0.0
    # Chance is drawn where guessing has a known rate, and there only.
    assert [line.get_ydata()[0] for line in figure.axes[0].lines].count(50.0) == 1
    stoi = draw_measure(table, "net", STOI, STOI_METRIC)
    assert len(stoi.axes) == 4 and stoi.axes[0].get_ylim()[1] < 2


def test_intervals_are_the_cells_and_lie_apart(table: Table) -> None:
    axes = draw_measure(table, "net", EER, EER_METRIC).axes[2]
    found = [one.lines[2][0].get_segments() for one in axes.containers]
    for number, segments in enumerate(found):
        for depth, segment in enumerate(segments):
            value = 5.0 + 10 * depth + 6 - number
            assert np.allclose(segment[:, 1], (value - 1.0, value + 2.0))
    assert abs(found[0][0][0, 0] - found[1][0][0, 0]) > 0.1


def test_a_model_that_is_not_trained_enough_has_empty_markers(table: Table) -> None:
    baseline, robust = draw_measure(table, "net", EER, EER_METRIC).axes[0].containers
    assert baseline.lines[0].get_markerfacecolor() == "white"
    assert robust.lines[0].get_markerfacecolor() != "white"


def test_the_models_differ_in_more_than_colour(table: Table) -> None:
    lines = [
        one.lines[0]
        for one in draw_measure(table, "net", EER, EER_METRIC).axes[0].containers
    ]
    assert len({line.get_marker() for line in lines}) == 2
    assert len({line.get_linestyle() for line in lines}) == 2


def test_the_drop_is_clean_minus_noisy_with_paired_intervals(table: Table) -> None:
    figure = draw_drop(table, "net")
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["20 dB", "10 dB", "0 dB"]
    for place, axes in enumerate(figure.axes, start=1):
        lines = lines_of(axes)
        for name, lost in (("baseline † (not trained enough)", 0.08), ("robust", 0.04)):
            assert np.allclose([y for _, y in lines[name]], lost * place, atol=1e-3)
        # Between utterances STOI differs by 0.02, the losses by 0.001.
        for container in axes.containers:
            for segment in container.lines[2][0].get_segments():
                assert 0 < np.ptp(segment[:, 1]) < 4e-3
    value = stoi_drop(table, "net", ROBUST, "snr0", "cnn2")
    assert value is not None and value.mean == lines_of(figure.axes[2])["robust"][1][1]


def test_no_interval_is_cut_off_in_a_later_panel() -> None:
    made = make_table()
    key = Key("net", ROBUST, "snr0", "blstm2", EER)
    cells = {**made.cells, key: Cell(60.0, (50.0, 70.0))}
    table = Table(cells, made.layers, made.untrained)
    for axes in draw_measure(table, "net", EER, EER_METRIC).axes:
        assert axes.get_ylim()[0] == 0.0 and axes.get_ylim()[1] >= 70.0


def test_a_figure_is_also_written_for_print(table: Table, tmp_path: Path) -> None:
    path = write_measure(table, "net", STOI, STOI_METRIC, tmp_path)
    assert path.name == "net_stoi.png" and path.read_bytes()[1:4] == b"PNG"
    data = path.with_suffix(".pdf").read_bytes()
    assert data.startswith(b"%PDF") and b"/FontFile2" in data and b"/Type3" not in data


def test_no_drop_without_clean_or_noisy_speech(table: Table) -> None:
    for keep in ({"clean"}, {"snr10", "snr0"}):
        cells = {k: c for k, c in table.cells.items() if k.condition in keep}
        assert draw_drop(Table(cells, table.layers), "net") is None
    assert stoi_drop(Table({}, table.layers), "net", ROBUST, "snr0", "cnn1") is None


def test_a_missing_cell_is_left_out_at_its_place(table: Table) -> None:
    gone = Key("net", ROBUST, "snr10", "cnn2", EER)
    cells = {key: cell for key, cell in table.cells.items() if key != gone}
    axes = draw_measure(Table(cells, table.layers), "net", EER, EER_METRIC).axes[2]
    assert [round(x) for x, _ in lines_of(axes)["robust"]] == [0, 2, 3]
