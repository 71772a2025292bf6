"""What makes the numbers of several experiments on one page hard to compare."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from espnet_probe.page.experiments import Experiment
from espnet_probe.report.documents import read_config, read_document
from espnet_probe.report.results import SetResults

#: What is looked at → what is said of experiments in which it differs.
SAID = {
    "the target mel": "compare each with its own oracle",
    "the vocoder": "scores of sounds differ for that alone",
    "the utterances": "scores are of different recordings",
    "the trials": "their EERs are of different pairs",
}
#: The same of a speaker embedder, which is called by its name.
SAID_OF_EMBEDDER = "their EERs by it are of different systems"
#: What stands for weights that nobody knows.
UNKNOWN = ("None", "unknown")


def differences(experiments: Sequence[Experiment]) -> List[str]:
    """Return in words what was not the same in all experiments.

    Args:
        experiments: The models of a page.
    """
    found: Dict[Tuple[str, str], Tuple[List[str], List[str]]] = {}
    first: Dict[Tuple[str, str], Tuple[str, Any]] = {}
    for experiment in experiments:
        for one in experiment.results.sets:
            folder = experiment.results.reconstruct / one.name
            settings = {**_settings(folder), **_embedders(one)}
            for what, value in settings.items():
                if value is None:
                    continue
                label, other = first.setdefault(
                    (what, one.name), (experiment.label, value)
                )
                if value != other:
                    labels, sets = found.setdefault((label, what), ([], []))
                    labels += [experiment.label] * (experiment.label not in labels)
                    sets += [one.name] * (one.name not in sets)
    return [
        f"{', '.join(labels)} and {label} differ in {what} of {', '.join(sets)}: "
        f"{SAID.get(what, SAID_OF_EMBEDDER)}"
        for (label, what), (labels, sets) in found.items()
    ]


def _settings(folder: Path) -> Dict[str, Optional[Any]]:
    """Return what a set's sounds and scores rest on; None where it is not known."""
    document, _ = read_document(folder / "oracle" / "vocode.json")
    config = (document or {}).get("config")
    vocoder = config.get("vocoder") if isinstance(config, dict) else None
    return {
        "the target mel": read_config(folder / "mel.yaml") or None,
        "the vocoder": vocoder,
        "the utterances": _ids(folder / "natural" / "wav.scp"),
        "the trials": _text(folder / "trials"),
    }


def _embedders(results: SetResults) -> Dict[str, Optional[Any]]:
    """Return the weights behind the name of each embedder; None where not known."""
    weights: Dict[str, Optional[Any]] = {}
    for row in results.rows:
        for scores in row.embedders:
            what = f"the weights of the embedder {scores.label}"
            known = scores.model.get("weights_sha256")
            known = None if known in UNKNOWN else known
            weights[what] = weights.get(what) or known
    return weights


def _ids(path: Path) -> Optional[List[str]]:
    text = _text(path)
    return None if text is None else sorted(line.split(None, 1)[0] for line in text)


def _text(path: Path) -> Optional[List[str]]:
    """Return the lines of a file that hold something; None if it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return None
    return [line for line in lines if line.strip()]
