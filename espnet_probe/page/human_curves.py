"""What listeners said of the layers, where a listening test has been held."""

from dataclasses import dataclass
from typing import Dict, List, Sequence

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition
from espnet_probe.page.curves import LAYERS, Entry, each_set, join_levels, point
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.files import slug
from espnet_probe.report.human import CONTROLS, HUMAN
from espnet_probe.report.human_tests import HumanTests

#: Ids of the score: answered by people, and by nobody.
METRIC = "human_error"
SIMULATED = "human_error_simulated"
TITLES = {METRIC: HUMAN.title, SIMULATED: f"{HUMAN.title}, simulated"}


@dataclass(frozen=True)
class HumanData:
    """The human error rates as the page's data.

    Attributes:
        metrics: What the page has to know of the scores that there are.
        curves: The rates over the layers.
        levels: Those of the recordings and of the oracle.
        notes: What must be said of them, such as that no person has answered.
    """

    metrics: Sequence[Entry]
    curves: Sequence[Entry]
    levels: Sequence[Entry]
    notes: Sequence[str]


def human_data(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
) -> HumanData:
    """Return the human error rates.

    Args:
        experiments: The models; a test in one of them may be of others.
        conditions: What they heard.
        assets: Takes copies of the result files.
    """
    curves: List[Entry] = []
    levels: List[Entry] = []
    notes: Dict[str, None] = {}
    tests = HumanTests([one.results.probe_exp for one in experiments])
    for experiment, condition, results in each_set(experiments, conditions):
        held = tests.of(experiment.results.probe_exp, condition.name)
        if not held:
            continue
        human, rates = held[0]
        if human.warning:
            notes[f"{experiment.label}: listening test: {human.warning}"] = None
        by_layer = {one.layer: one.error for one in rates}
        address = assets.copy(human.path, experiment.id)
        common = {
            "metric": SIMULATED if human.simulated else METRIC,
            "model": experiment.id,
            "condition": condition.id,
        }
        points = [
            {"layer": slug(row.name), **point(by_layer[row.name], address)}
            for row in results.layers
            if row.name in by_layer
        ]
        if points:
            curves.append({**common, "kind": LAYERS, "points": points})
        levels += [
            {**common, "control": control, **point(by_layer[control], address)}
            for control in CONTROLS
            if control in by_layer and by_layer[control].mean is not None
        ]
    metrics = [
        {"id": name, "label": title, "digits": HUMAN.digits, "better": "lower"}
        for name, title in TITLES.items()
        if any(curve["metric"] == name for curve in curves)
    ]
    return HumanData(metrics, curves, join_levels(levels), list(notes))
