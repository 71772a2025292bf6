"""Probes of a study's models that have not learnt, for the joined report's notes."""

from typing import List, Optional, Sequence

from espnet_probe.report.results import read_layers, read_sets
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.report.verdict import unlearnt_probes
from espnet_probe.study.study import Model


def doubted_probes(
    models: Sequence[Model], name: str, inference_tag: Optional[str]
) -> List[str]:
    """Say which layers recover less than the next one, on one set.

    Args:
        models: The models.
        name: The set; a model without it is passed over, as other notes tell.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
    """
    said = []
    for model in models:
        folder = find_reconstruct(model.probe_exp, inference_tag)
        if not (folder / name / "oracle").is_dir():
            continue
        file = folder / "layers.json"
        layers = read_layers(file if file.is_file() else model.probe_exp / file.name)
        for results in read_sets(folder, layers, [name]):
            said += [
                f"{model.architecture}, {model.training}, {name}: {statement.text}"
                for statement in unlearnt_probes(results)
            ]
    return said
