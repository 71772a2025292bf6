"""All rows of all models of a study, with those of their controls."""

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.report.control_rows import open_control, with_controls
from espnet_probe.report.results import (
    SetResults,
    find_layers,
    read_layers,
    read_sets,
)
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.study.study import Model, Study, set_of

#: Architecture, training and condition.
Place = Tuple[str, str, str]
Rows = Mapping[Place, SetResults]


def read_rows(
    study: Study, models: Sequence[Model], inference_tag: Optional[str]
) -> Tuple[Dict[Place, SetResults], List[str]]:
    """Read the rows of every model in every condition of a study.

    Args:
        study: The cells, for the conditions and the layers that are shown.
        models: The models with their controls.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.

    Returns:
        The rows by place, of the layers that the study shows; and what controls lack,
        in words.

    Raises:
        ProbeError: If a control does not belong to its model.
    """
    found: Dict[Place, SetResults] = {}
    notes = []
    for model in models:
        folder = find_reconstruct(model.probe_exp, inference_tag)
        shown = study.table.layers[model.architecture]
        every = read_layers(find_layers(folder, model.probe_exp))
        layers = [layer for layer in every if layer.name in shown]
        controls = [
            open_control(kind, exp, model.probe_exp, folder)
            for kind, exp in model.controls.items()
        ]
        for condition in study.conditions:
            name = set_of(study.base, condition)
            if not (folder / name / "oracle").is_dir():
                continue
            own = read_sets(folder, layers, [name])[0]
            place = (model.architecture, model.training, condition)
            found[place], lacking = with_controls(own, controls, folder)
            notes += [f"{model.title}: {note}" for note in lacking]
    return found, notes


def of_architecture(rows: Rows, architecture: str) -> Dict[Tuple[str, str], SetResults]:
    """Return the rows of an architecture by condition and training, in table order.

    Args:
        rows: As :func:`read_rows` returns them.
        architecture: Of the models.
    """
    conditions = dict.fromkeys(condition for _, _, condition in rows)
    trainings = dict.fromkeys(training for one, training, _ in rows if one)
    return {
        (condition, training): rows[architecture, training, condition]
        for condition in conditions
        for training in trainings
        if (architecture, training, condition) in rows
    }
