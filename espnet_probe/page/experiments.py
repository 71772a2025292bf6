"""Whose results a page shows: the experiments with their names and what is said."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

from espnet_probe.errors import ProbeError
from espnet_probe.report.control_rows import open_control, parse_control
from espnet_probe.report.results import OPTIONAL_CONTROLS, Results
from espnet_probe.report.tags import find_reconstruct

#: How the folders of probe experiments begin.
PROBE = "probe_"


@dataclass(frozen=True)
class Experiment:
    """One model on a page.

    Attributes:
        id: As the page's data call it, such as ``m0``.
        label: As people call it.
        results: Its numbers.
        note: What has to be said of it wherever it is shown, such as that it is not
            trained enough; may be empty.
    """

    id: str
    label: str
    results: Results
    note: str = ""

    @property
    def recipe(self) -> Path:
        """The recipe's folder, which the paths in its files start from."""
        above = self.results.probe_exp.resolve().parents
        return above[min(1, len(above) - 1)]


def make_experiments(
    results: Sequence[Results],
    labels: Optional[Sequence[str]] = None,
    notes: Optional[Sequence[str]] = None,
) -> List[Experiment]:
    """Give experiments their names.

    Args:
        results: Of each experiment.
        labels: As people call them; None to make them of the folders' names.
        notes: What has to be said of each; None for nothing.
    """
    labels = labels or _labels(results)
    said = notes or [""] * len(labels)
    return [
        Experiment(f"m{place}", labels[place], one, said[place])
        for place, one in enumerate(results)
    ]


def _labels(results: Sequence[Results]) -> List[str]:
    if len(results) == 1:
        # The name of the folder says also how the probes were trained.
        (label,) = labels_of([results[0].probe_exp])
        upstream = results[0].upstream.get("upstream_exp")
        name = Path(upstream).name if upstream else ""
        control = label.endswith(OPTIONAL_CONTROLS)
        return [
            name if name and label.startswith(f"{name}_") and not control else label
        ]
    return labels_of([one.probe_exp for one in results])


def labels_of(folders: Sequence[Path]) -> List[str]:
    """Return what is different in the names of experiments.

    Args:
        folders: The probe experiments.

    Returns:
        The folders' names without the words that all of them begin or end with; the
        whole names where that leaves nothing of one. Folders of one name are told
        apart by where they lie.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        return [os.path.normpath(folder) for folder in folders]
    words = [name.removeprefix(PROBE).split("_") for name in names]
    if len(words) == 1:
        return ["_".join(words[0])]
    head = len(os.path.commonprefix(words))
    tail = len(os.path.commonprefix([one[head:][::-1] for one in words]))
    short = ["_".join(one[head : len(one) - tail]) for one in words]
    return short if all(short) else ["_".join(one) for one in words]


def share_controls(
    folders: Sequence[Path], texts: Sequence[str], inference_tag: Optional[str] = None
) -> List[Dict[str, Path]]:
    """Find out which control belongs to which experiment.

    Args:
        folders: The probe experiments.
        texts: ``random=DIR`` and ``shuffled=DIR``, as given to ``--control``.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.

    Returns:
        For each experiment its controls by kind.

    Raises:
        ProbeError: If one is malformed, belongs to none of them or may belong to
            several, or an experiment gets two of a kind.
    """
    found: List[Dict[str, Path]] = [{} for _ in folders]
    for text in texts:
        kind, control = parse_control(text)
        place = (
            0 if len(folders) == 1 else _owner(kind, control, folders, inference_tag)
        )
        if kind in found[place]:
            raise ProbeError(f"--control {kind} is given twice; expected once")
        found[place][kind] = control
    return found


def _owner(
    kind: str, control: Path, folders: Sequence[Path], tag: Optional[str]
) -> int:
    """Return the place of the experiment that a control is of."""
    named = control.resolve().name.removesuffix(f"_{kind}")
    places = [i for i, one in enumerate(folders) if one.resolve().name == named]
    if not places:
        places = [i for i, one in enumerate(folders) if _fits(kind, control, one, tag)]
    if len(places) == 1:
        return places[0]
    which = "none" if not places else f"{len(places)}"
    raise ProbeError(
        f"--control {kind}={control} can belong to {which} of the {len(folders)} "
        f"experiments; expected a folder named <experiment>_{kind}"
    )


def _fits(kind: str, control: Path, folder: Path, tag: Optional[str]) -> bool:
    try:
        open_control(kind, control, folder, find_reconstruct(folder, tag))
    except ProbeError:
        return False
    return True


def counted(documents: Mapping[Path, Mapping[str, object]], name: str) -> List[str]:
    """Return the different values of a setting in result files, as texts.

    Args:
        documents: The files' contents.
        name: The setting.
    """
    return list(dict.fromkeys(str(d[name]) for d in documents.values() if name in d))
