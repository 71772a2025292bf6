"""Where the numbers of a page come from: commands, versions, settings, sizes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.documents import read_config, read_document
from espnet_probe.report.results import SetResults
from espnet_probe.report.values import EER, L1, finite

#: Name, what is said, and the address of a file; None for none.
Item = Tuple[str, str, Optional[str]]

#: Settings of the probes' training that a reader asks for first; the file has all.
SETTINGS = ("probe", "seed", "max_epoch", "batch_size", "optim", "upstream_init")
#: Where the command lines of an experiment's stages are.
COMMANDS = ("run.sh", "*/run.sh", "*/*/run.sh")


@dataclass(frozen=True)
class Block:
    """Facts under one heading.

    Attributes:
        title: The heading.
        items: The facts.
    """

    title: str
    items: Sequence[Item]


def provenance(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
    environment: Mapping[str, str],
    command: str,
    files: Sequence[Path] = (),
) -> List[Block]:
    """Return what is known of the report, the models and the sets.

    Args:
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the files.
        environment: Versions, machine and date, by name.
        command: The command line that made the page.
        files: Further files of the report as a whole, such as a study's.
    """
    about: List[Item] = [(name, text, None) for name, text in environment.items()]
    about.append(("command", command, None))
    for path in files:
        address = assets.copy(path)
        if address is not None:
            about.append(("file", path.name, address))
    blocks = [
        Block("This report", about),
        Block("Sets", _sets(experiments, conditions, assets)),
    ]
    return blocks + [_model(experiment, assets) for experiment in experiments]


def _sets(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
) -> List[Item]:
    items: List[Item] = []
    for condition in conditions:
        sizes: Dict[str, List[str]] = {}
        address: Dict[str, Optional[str]] = {}
        for experiment in experiments:
            results = set_results(experiment, condition)
            if results is not None:
                size, source = _size(results)
                sizes.setdefault(size, []).append(experiment.label)
                if address.get(size) is None:
                    place = (experiment.id, condition.id)
                    address[size] = assets.copy(source, *place)
        for text, labels in sizes.items():
            name = condition.name
            name += f" ({', '.join(labels)})" if len(sizes) > 1 else ""
            items.append((name, text, address[text]))
    return items


def _size(results: SetResults) -> Tuple[str, Optional[Path]]:
    """Say how large a set is, from what was scored and vocoded, and which file."""
    most: Dict[str, int] = {}
    source: Optional[Path] = None
    for row in results.rows:
        for key in (EER.key, L1.key):
            value = row.values[key]
            for name, number in value.counts.items():
                if name in ("utterances", "speakers", "trials"):
                    if number > most.get(name, 0):
                        source = source or value.source
                    most[name] = max(number, most.get(name, 0))
    parts = [f"{most[name]} {name}" for name in sorted(most, reverse=True)]
    oracle = results.control("oracle")
    document = None
    if oracle is not None:
        path = oracle.folder / "vocode.json"
        document, _ = read_document(path)
        source = source or (path if document else None)
    seconds = finite((document or {}).get("seconds"))
    if seconds is not None:
        parts.append(f"{seconds / 60:.1f} min")
    return ", ".join(parts) or "not known", source


def _model(experiment: Experiment, assets: Assets) -> Block:
    results, name = experiment.results, experiment.id
    items: List[Item] = [("probe experiment", str(results.probe_exp), None)]
    items += [(key, text, None) for key, text in results.upstream.items()]
    config = read_config(results.probe_exp / "config.yaml")
    items += [(key, str(config[key]), None) for key in SETTINGS if _plain(config, key)]
    items.append(("reconstructions", results.reconstruct.name, None))
    for kind, folder in results.controls.items():
        items.append((f"control {kind}", str(folder), None))
    items += _versions(experiment, assets)
    for owner, folder in _folders(experiment):
        paths = [folder / "config.yaml"]
        for pattern in COMMANDS:
            paths += sorted(folder.glob(pattern))
        for path in paths:
            inside = path.relative_to(folder)
            address = assets.copy(path, name, owner, *inside.parts[:-1])
            if address is not None:
                items.append(("file", f"{folder.name}/{inside.as_posix()}", address))
    for path in (results.layers_file, results.reconstruct / "mel.yaml"):
        address = assets.copy(path, name)
        if address is not None:
            items.append(("file", path.name, address))
    if experiment.note:
        items.append(("note", experiment.note, None))
    return Block(experiment.label, items)


def _folders(experiment: Experiment) -> List[Tuple[str, Path]]:
    """Return the folders whose settings and commands a page has, by short names."""
    results = experiment.results
    found = [("probe", results.probe_exp)]
    if results.asr_exp is not None:
        found.append(("recogniser", results.asr_exp))
    return [*found, *results.controls.items()]


def _plain(config: Mapping[str, Any], key: str) -> bool:
    return isinstance(config.get(key), (str, int, float, bool))


def _versions(experiment: Experiment, assets: Assets) -> List[Item]:
    """Return the versions that the result files say they were made with.

    A package and version leads to the first file that names it.
    """
    found: Dict[Tuple[str, str], Optional[str]] = {}
    for results in experiment.results.sets:
        for row in results.rows:
            for path, document in row.documents.items():
                versions = document.get("versions")
                if not isinstance(versions, dict):
                    continue
                for package, text in versions.items():
                    key = str(package), str(text)
                    if key not in found:
                        place = (experiment.id, results.name, row.name)
                        found[key] = assets.copy(path, *place)
    return [
        ("scored with", f"{package} {text}", address)
        for (package, text), address in found.items()
    ]
