"""What listeners said of the layers, where a listening test has been held."""

from typing import Any, Dict, List, Sequence, Tuple

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition
from espnet_probe.page.curves import LAYERS, Entry, each_set, point
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.files import slug
from espnet_probe.report.human import FILE, HUMAN, read_human

METRIC = "human_error"


def human_curves(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
) -> Tuple[List[Entry], List[Entry], List[str]]:
    """Return the human error rates as the page's data.

    Args:
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the result files.

    Returns:
        What the page has to know of the score, if there is any; its curves; and what
        must be said of them, such as that no person has answered.
    """
    found: List[Entry] = []
    notes: Dict[str, None] = {}
    for experiment, condition, results in each_set(experiments, conditions):
        path = experiment.results.probe_exp / FILE
        human = read_human(path)[0] if path.is_file() else None
        if human is None:
            continue
        rates = human.of(experiment.results.probe_exp, condition.name)
        by_layer = {one.layer: one for one in rates}
        address = assets.copy(path, experiment.id)
        points: List[Dict[str, Any]] = [
            {
                "layer": slug(row.name),
                **point(by_layer[row.name].error, address),
            }
            for row in results.layers
            if row.name in by_layer
        ]
        if not points:
            continue
        if human.warning:
            notes[f"{experiment.label}: listening test: {human.warning}"] = None
        found.append(
            {
                "metric": METRIC,
                "model": experiment.id,
                "condition": condition.id,
                "kind": LAYERS,
                "points": points,
            }
        )
    metric = {
        "id": METRIC,
        "label": f"{HUMAN.title}, simulated" if notes else HUMAN.title,
        "digits": HUMAN.digits,
        "better": "lower",
    }
    return ([metric] if found else []), found, list(notes)
