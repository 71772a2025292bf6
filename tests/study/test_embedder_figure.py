"""The figure of the embedders: a line per embedder that was scored, and the paper's."""

import json
from pathlib import Path
from typing import Callable, Dict, Tuple

import numpy as np
import pytest
from matplotlib.axes import Axes

from espnet_probe.study.embedder_figure import Place, draw_embedders, read_embedders
from espnet_probe.study.paper_values import EerCell

LAYERS = ("cnn1", "cnn2", "blstm1")
SETS = {"clean": "test", "snr10": "test_snr10"}
Made = Callable[..., Tuple[Path, Path]]


def lines_of(axes: Axes) -> Dict[str, Tuple[float, ...]]:
    """The values of the lines over the layers by name."""
    return {
        str(one.get_label()): tuple(float(y) for y in one.lines[0].get_ydata())
        for one in axes.containers
    }


@pytest.fixture
def reconstruct(make_experiment: Made, tmp_path: Path) -> Path:
    """Results of one embedder on a clean and a noisy set."""
    exp, _ = make_experiment(tmp_path, layers=LAYERS, sets=tuple(SETS.values()))
    return exp / "reconstruct_gl"


def add_embedder(reconstruct: Path, name: str, shift: float) -> None:
    """Put an embedder's scores beside those that are there."""
    for path in list(reconstruct.rglob("verification.json")):
        document = json.loads(path.read_text())
        pair = [end + shift for end in document["eer_percent_ci95"]]
        other = {
            **document,
            "embedder": name,
            "eer_percent": document["eer_percent"] + shift,
            "eer_percent_ci95": pair,
        }
        path.with_name(f"verification_{name}.json").write_text(json.dumps(other))


def test_one_embedder_is_one_line(reconstruct: Path) -> None:
    rates = read_embedders(reconstruct, SETS, LAYERS)
    assert list(rates) == ["ge2e"]
    axes = draw_embedders(rates, list(SETS), LAYERS).axes[0]
    path = reconstruct / "test" / "blstm1" / "verification.json"
    said = json.loads(path.read_text())
    assert list(lines_of(axes)) == ["ge2e"]
    assert lines_of(axes)["ge2e"][2] == said["eer_percent"]
    bars = axes.containers[0].lines[2][0].get_segments()
    assert np.allclose(bars[2][:, 1], said["eer_percent_ci95"])
    flat = {str(one.get_label()): one.get_ydata()[0] for one in axes.lines}
    natural = path.parents[1] / "natural" / "verification.json"
    assert flat["ge2e, recordings"] == json.loads(natural.read_text())["eer_percent"]


def test_each_embedder_has_its_line(reconstruct: Path) -> None:
    add_embedder(reconstruct, "thin_resnet", -1.5)
    (reconstruct / "test_snr10" / "cnn2" / "verification_thin_resnet.json").unlink()
    rates = read_embedders(reconstruct, SETS, LAYERS)
    assert list(rates) == ["ge2e", "thin_resnet"]
    figure = draw_embedders(rates, list(SETS), LAYERS)
    assert [axes.get_title() for axes in figure.axes] == ["clean", "10 dB"]
    clean, noisy = (lines_of(axes) for axes in figure.axes)
    assert np.allclose(np.add(clean["ge2e"], -1.5), clean["thin_resnet"])
    assert len(noisy["ge2e"]) == 3 and len(noisy["thin_resnet"]) == 2
    looks = {
        (one.lines[0].get_color(), one.lines[0].get_linestyle())
        for one in figure.axes[0].containers
    }
    assert len(looks) == 2


def test_the_papers_line_is_dashed_and_only_on_request(reconstruct: Path) -> None:
    rates = read_embedders(reconstruct, SETS, LAYERS)
    cell = EerCell("vgg_blstm", "robust", "clean", "")
    axes = draw_embedders(rates, list(SETS), LAYERS, cell).axes[1]
    assert lines_of(axes)["paper's ThinResNet"] == (9.81, 10.75, 20.87)
    assert axes.containers[-1].lines[0].is_dashed()
    assert len(draw_embedders(rates, list(SETS), LAYERS).axes[1].containers) == 1


def test_what_cannot_be_read_is_no_rate(reconstruct: Path) -> None:
    (reconstruct / "test" / "cnn1" / "verification.json").write_text("{")
    rates = read_embedders(reconstruct, SETS, LAYERS)["ge2e"]
    assert Place("clean", "cnn1") not in rates and Place("snr10", "cnn1") in rates
