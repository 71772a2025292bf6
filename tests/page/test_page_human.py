"""Human error rates on a page: whose test they are from, and who answered."""

from pathlib import Path

from experiment_case import make_experiment
from human_case import write_test

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.experiments import make_experiments
from espnet_probe.page.human_curves import HumanData, human_data
from espnet_probe.report.collect import collect

LAYERS = ("natural", "blstm1", "blstm2")


def make_pair(root: Path) -> tuple[Path, Path]:
    """Two experiments of different names."""
    first, _ = make_experiment(root / "a", LAYERS[1:], ("test",))
    second, _ = make_experiment(root / "b", LAYERS[1:], ("test",))
    return first, second.rename(second.with_name("probe_other"))


def data_of(root: Path, *folders: Path) -> HumanData:
    experiments = make_experiments([collect(folder) for folder in folders])
    assets = Assets(root / "page")
    return human_data(experiments, find_conditions(experiments), assets)


def test_a_test_that_lies_in_another_experiment_is_shown(tmp_path: Path) -> None:
    first, second = make_pair(tmp_path)
    write_test(first, "exp/probe_other", (1.0, 20.0, 30.0), layers=LAYERS)
    found = data_of(tmp_path, first, second)
    assert [one["id"] for one in found.metrics] == ["human_error"]
    (curve,) = found.curves
    assert curve["model"] == "m1" and curve["kind"] == "layers"
    assert [one["value"] for one in curve["points"]] == [20.0, 30.0]
    file = tmp_path / "page" / curve["points"][0]["file"]
    assert file.read_bytes() == (first / "listening/listening.json").read_bytes()
    (level,) = found.levels
    assert (level["control"], level["value"]) == ("natural", 1.0)
    assert found.notes == []
    assert data_of(tmp_path, second).curves == []


def test_people_come_before_simulated_listeners(tmp_path: Path) -> None:
    first, second = make_pair(tmp_path)
    rates = (1.0, 20.0, 30.0)
    write_test(first, second.name, rates, layers=LAYERS)
    write_test(second, second.name, rates[::-1], simulated=["ge2e"], layers=LAYERS)
    found = data_of(tmp_path, first, second)
    assert [(one["metric"], one["model"]) for one in found.curves] == [
        ("human_error", "m1")
    ]
    assert [one["value"] for one in found.curves[0]["points"]] == [20.0, 30.0]


def test_simulated_listeners_have_a_score_of_their_own(tmp_path: Path) -> None:
    first, second = make_pair(tmp_path)
    rates = (1.0, 20.0, 30.0)
    write_test(first, first.name, rates, layers=LAYERS)
    write_test(second, second.name, rates, simulated=["ge2e"], layers=LAYERS)
    found = data_of(tmp_path, first, second)
    labels = {one["id"]: one["label"] for one in found.metrics}
    assert list(labels) == ["human_error", "human_error_simulated"]
    assert "simulated" not in labels["human_error"]
    assert labels["human_error_simulated"].endswith("simulated")
    shown = [(one["metric"], one["model"]) for one in found.curves]
    assert shown == [("human_error", "m0"), ("human_error_simulated", "m1")]
    # Not one level of both: people did not say the second.
    assert [one["model"] for one in found.levels] == ["m0", "m1"]
    assert len(found.notes) == 1 and "SIMULATED" in found.notes[0]
