"""The word error rates of the weights that were probed, not of just any checkpoint.

ESPnet's recipe names a decoding after the weights it was made with:
``<options>_asr_model_<weights without .pth>``. Only such a name says what a rate is of,
so every other decoding comes with a remark.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from espnet_probe.report.collect import read_wer, upstream_facts
from espnet_probe.report.documents import read_config
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


class _Decoded(NamedTuple):
    """A decoding of a set: its folder, how well it fits, its rate and what is said."""

    place: str
    rank: Tuple[int, bool]
    rate: float
    value: Value
    remark: str


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


def read_errors(probe_exp: Path, decoding: Optional[str] = None) -> WordErrors:
    """Read the word error rates of a probed model, by set.

    Of several decodings one that names the probed weights comes before one that names
    none, and that before one that names others; then one of as many utterances and
    words as the test set has, before one of another or older set. Of those that are
    left the highest rate counts, so that none lifts a model, and a remark says so.

    Args:
        probe_exp: The probe experiment; its ``config.yaml`` names model and weights.
        decoding: The folder of the decoding that counts, in the recogniser's; None to
            choose as above.
    """
    folder = upstream_folder(probe_exp)
    if folder is None:
        return WordErrors(reason="the recogniser's folder is not here")
    weights = read_config(probe_exp / "config.yaml").get("upstream_model")
    weights = weights if isinstance(weights, str) else None
    names = _same_weights(folder, weights)
    found: Dict[str, List[_Decoded]] = {}
    for one in read_wer(folder):
        place, _, name = one.decoding.rpartition("/")
        if one.value.mean is None or decoding not in (None, place):
            continue
        rank, remark = _judge(place, names, weights)
        fits = decoding is not None or _fits(one.value, folder.resolve(), name)
        decoded = _Decoded(place, (rank, not fits), one.value.mean, one.value, remark)
        found.setdefault(name, []).append(decoded)
    values: Dict[str, Value] = {}
    remarks: Dict[str, str] = {}
    for name, decodings in found.items():
        taken = min(decodings, key=lambda one: (one.rank, -one.rate))
        said = [taken.remark, _passed_over(taken, decodings)]
        values[name] = taken.value
        if any(said):
            remarks[name] = "; ".join(part for part in said if part)
    where = folder if decoding is None else folder / decoding
    reason = "" if values else f"no score_wer/wer.json below {where}"
    return WordErrors(values, remarks, reason)


def _passed_over(taken: _Decoded, decodings: Sequence[_Decoded]) -> str:
    """Say which decodings of the same weights there are besides; empty if none."""
    others = [
        f"{one.place} ({one.rate:.1f} %)"
        for one in decodings
        if one is not taken and one.rank[0] == taken.rank[0]
    ]
    if not others:
        return ""
    return f"it is that of {taken.place}; there are others: {', '.join(others)}"


def _fits(value: Value, folder: Path, name: str) -> bool:
    """Return whether a rate is of the test set as it is; true if that is not there."""
    text = folder.parents[1] / "dump" / "raw" / name / "text"
    if not text.is_file():
        return True
    lines = [line.split() for line in text.read_text("utf-8", "replace").splitlines()]
    size = {"utterances": 0, "words": 0}
    for line in filter(None, lines):
        size["utterances"] += 1
        size["words"] += len(line) - 1
    return all(value.counts.get(unit) == number for unit, number in size.items())


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
