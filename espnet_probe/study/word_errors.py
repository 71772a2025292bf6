"""The word error rates of the weights that were probed, not of just any checkpoint.

ESPnet's recipe names a decoding after the weights it was made with:
``<options>_asr_model_<weights without .pth>``. Only such a name says what a rate is of,
so every other decoding comes with a remark.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Mapping, Optional, Set, Tuple

from espnet_probe.report.collect import read_config, read_wer, upstream_facts
from espnet_probe.report.values import Value

#: What stands before the name of the weights in the name of a decoding.
NAMED = "asr_model_"


@dataclass(frozen=True)
class WordErrors:
    """The word error rates of a probed model.

    Attributes:
        values: The rate by set.
        remarks: By set, why its rate may not be that of the probed weights.
        reason: Why there is no rate at all, in words; else empty.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def upstream_folder(probe_exp: Path) -> Optional[Path]:
    """Return the experiment of the probed recogniser; None if it is not here.

    Args:
        probe_exp: The probe experiment, ``<recipe>/exp/probe_…``.
    """
    facts = upstream_facts(read_config(probe_exp / "config.yaml"))
    said = facts.get("upstream_exp", "")
    for folder in (Path(said), probe_exp.resolve().parents[1] / said):
        if said and folder.is_dir():
            return folder
    return None


def read_errors(probe_exp: Path) -> WordErrors:
    """Read the word error rates of a probed model, by set.

    A decoding that names the probed weights comes before one that names none, and that
    before one that names others. Of several alike the lowest rate counts.

    Args:
        probe_exp: The probe experiment; its ``config.yaml`` names model and weights.
    """
    folder = upstream_folder(probe_exp)
    if folder is None:
        return WordErrors(reason="the recogniser's folder is not here")
    weights = read_config(probe_exp / "config.yaml").get("upstream_model")
    weights = weights if isinstance(weights, str) else None
    names = _same_weights(folder, weights)
    best: Dict[str, Tuple[int, float]] = {}
    values: Dict[str, Value] = {}
    remarks: Dict[str, str] = {}
    for one in read_wer(folder):
        decoding, _, name = one.decoding.rpartition("/")
        if one.value.mean is None:
            continue
        rank, remark = _judge(decoding, names, weights)
        if name in best and best[name] <= (rank, one.value.mean):
            continue
        best[name], values[name] = (rank, one.value.mean), one.value
        remarks.pop(name, None)
        if remark:
            remarks[name] = remark
    reason = "" if values else f"no score_wer/wer.json below {folder}"
    return WordErrors(values, remarks, reason)


def _same_weights(folder: Path, weights: Optional[str]) -> Set[str]:
    """Return all names, without suffix, of the probed weights: some are links."""
    if weights is None:
        return set()
    file = (folder / weights).resolve()
    return {Path(weights).stem} | {
        path.stem for path in folder.glob("*.pth") if path.resolve() == file
    }


def _judge(decoding: str, names: Set[str], weights: Optional[str]) -> Tuple[int, str]:
    """Return the rank of a decoding, 0 being the best, and a remark on it."""
    last = decoding.rsplit("/", 1)[-1]
    if any(f"_{last}".endswith(f"_{NAMED}{name}") for name in names):
        return 0, ""
    probed = f"probed: {weights}" if weights else "the probe names none either"
    if NAMED not in last or weights is None:
        return 1, f"{decoding} does not say of which weights it is ({probed})"
    return 2, f"{decoding} is of other weights ({probed})"
