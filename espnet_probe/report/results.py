"""The numbers of one probe experiment: their shape, and reading them from files.

The files and their folders are those that the stages of ``probe.sh`` leave (the
file formats are in ``docs/``). Nothing is computed here: a number is taken over
with its interval, its counts and its path, and a number that is not there is a
:class:`~espnet_probe.report.values.Value` with the reason in words.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.values import (
    COSINE,
    EER,
    EER_ESPNET,
    ESTOI,
    L1,
    NOT_DEFINED,
    PESQ,
    STOI,
    Value,
    finite,
    interval,
    missing,
)

CONTROLS = ("natural", "oracle")  # always in the table
OPTIONAL_CONTROLS = ("random", "shuffled")  # in the table where they exist
VERIFICATION_COUNTS = {
    "num_trials": "trials",
    "num_target": "target",
    "num_nontarget": "non-target",
    "num_utterances": "utterances",
    "num_speakers": "speakers",
}


@dataclass(frozen=True)
class Layer:
    """One line of ``layers.json``: a probed layer, in network order.

    Attributes:
        name: The canonical name.
        width: Features per state.
        stride: Input frames per state.
        frame_shift: Seconds per state.
        tap: The module it is read from, in words.
        batch_independent: Whether a state does not depend on its batch; None if
            the file does not say.
    """

    name: str
    width: Optional[int]
    stride: Optional[int]
    frame_shift: Optional[float]
    tap: str
    batch_independent: Optional[bool]


@dataclass(frozen=True)
class Row:
    """The scores of one layer or control on one set.

    Attributes:
        name: The layer or control.
        folder: Where its files are (it need not exist).
        layer: The layer's description; None for a control.
        values: The numbers by :attr:`Metric.key`.
        documents: The result files that were read, with their content.
    """

    name: str
    folder: Path
    layer: Optional[Layer]
    values: Mapping[str, Value]
    documents: Mapping[Path, Mapping[str, Any]]


@dataclass(frozen=True)
class SetResults:
    """All rows of one set: the controls first, then the layers in order."""

    name: str
    rows: Sequence[Row]

    @property
    def layers(self) -> List[Row]:
        """The rows that are layers, in network order."""
        return [row for row in self.rows if row.layer is not None]

    def control(self, name: str) -> Optional[Row]:
        """Return the row of a control, or None if the set has none."""
        for row in self.rows:
            if row.layer is None and row.name == name:
                return row
        return None


@dataclass(frozen=True)
class WerResult:
    """One word error rate: which decoding of which set, and the number."""

    decoding: str
    value: Value


@dataclass(frozen=True)
class StageTime:
    """How long a stage took, summed over its runs.

    Attributes:
        stage: The stage's number, as the script writes it.
        name: What it does.
        exp: The experiment the line names, as written.
        seconds: One entry per run.
    """

    stage: str
    name: str
    exp: str
    seconds: Sequence[float]


@dataclass(frozen=True)
class Results:
    """Everything that one report shows.

    Attributes:
        probe_exp: The probe experiment.
        asr_exp: The recogniser's experiment, if one was given.
        reconstruct: The ``reconstruct_<tag>`` folder.
        layers_file: Where the layers' descriptions were read from.
        layers: The layers in network order.
        sets: One entry per set.
        wer: The recogniser's word error rates.
        stage_times: Seconds per stage.
        upstream: What the configuration says of the probed model.
        notes: What is missing as a whole, in words.
    """

    probe_exp: Path
    asr_exp: Optional[Path]
    reconstruct: Path
    layers_file: Path
    layers: Sequence[Layer]
    sets: Sequence[SetResults]
    wer: Sequence[WerResult] = ()
    stage_times: Sequence[StageTime] = ()
    upstream: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def read_document(path: Path) -> Tuple[Optional[Dict[str, Any]], str]:
    """Read a JSON file that holds one mapping.

    Returns:
        The mapping and an empty string, or None and the reason in words.
    """
    if not path.is_file():
        return None, f"not scored: no file {path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        return None, f"{path.name} cannot be read: {error}"
    if not isinstance(document, dict):
        return None, f"{path.name} cannot be read: it holds no mapping"
    return document, ""


def read_counts(
    document: Mapping[str, Any], names: Mapping[str, str]
) -> Dict[str, int]:
    """Return the counts of a result file under the names that a report shows.

    Args:
        document: What the file holds.
        names: The shown name by the file's key; keys that are absent, or hold no
            finite number, are left out.
    """
    found = {}
    for key, name in names.items():
        number = finite(document.get(key))
        if number is not None:
            found[name] = int(number)
    return found


def checked(
    mean: Any, pair: Any, counts: Dict[str, int], source: Path, reason: str
) -> Value:
    """Make a value of what a file says, with a reason for each thing it lacks.

    Args:
        mean: The file's number.
        pair: Its interval, ``[low, high]`` or null.
        counts: What the number was computed from.
        source: The file.
        reason: The file's own words for what is missing; may be empty.
    """
    number, ci95 = finite(mean), interval(pair)
    if number is None:
        reason = reason or "the file holds no finite number"
        return Value(None, None, counts, source, f"not scored: {reason}")
    if ci95 is None:
        return Value(number, None, counts, source, reason or "the file has no interval")
    return Value(number, ci95, counts, source, reason)


def _mean_values(path: Path, keys: Sequence[str]) -> Dict[str, Value]:
    """Read the means of ``quality.json`` or ``l1.json``."""
    document, problem = read_document(path)
    values = {}
    for key in keys:
        entry = None if document is None else document.get(key)
        if document is None:
            values[key] = missing(problem)
        elif not isinstance(entry, dict):
            values[key] = missing(f"not scored: {path.name} has no {key}", path)
        else:
            counts = read_counts(entry, {"count": "utterances", "excluded": "excluded"})
            reason = str(entry.get("reason") or "")
            pair = entry.get("ci95")
            values[key] = checked(entry.get("mean"), pair, counts, path, reason)
    return values


def _verification_values(path: Path) -> Dict[str, Value]:
    # The mean cosine to the originals' embeddings stands in the same file.
    values = _mean_values(path, [COSINE.key])
    document, problem = read_document(path)
    if document is None:
        return {metric.key: missing(problem) for metric in (COSINE, EER, EER_ESPNET)}
    counts = read_counts(document, VERIFICATION_COUNTS)
    reason = str(document.get("reason") or "")
    for metric in (EER, EER_ESPNET):
        pair = document.get(f"{metric.key}_ci95")
        why = reason
        if metric is EER_ESPNET and pair is None:
            why = reason or "the interval is given for the interpolated EER"
        number = document.get(metric.key)
        values[metric.key] = checked(number, pair, counts, path, why)
    return values


def read_row(folder: Path, name: str, layer: Optional[Layer]) -> Row:
    """Read the scores of one layer or control from its folder."""
    values: Dict[str, Value] = {}
    if layer is None:
        values[L1.key] = missing(f"{NOT_DEFINED}: no probe made this sound")
    else:
        values.update(_mean_values(folder / "l1.json", [L1.key]))
    values.update(
        _mean_values(folder / "quality.json", [STOI.key, ESTOI.key, PESQ.key])
    )
    values.update(_verification_values(folder / "verification.json"))
    if layer is None and name == "natural":
        values[COSINE.key] = missing(f"{NOT_DEFINED}: it is the recording itself")
    documents: Dict[Path, Mapping[str, Any]] = {}
    for stem in ("l1", "quality", "verification"):
        document, _ = read_document(folder / f"{stem}.json")
        if document is not None:
            documents[folder / f"{stem}.json"] = document
    return Row(name, folder, layer, values, documents)


def read_layers(path: Path) -> List[Layer]:
    """Read ``layers.json``.

    Raises:
        ProbeError: If the file is missing or lists no layers.
    """
    if not path.is_file():
        raise ProbeError(
            f"no file {path}: the report needs the layers in network order; "
            "train the probes and reconstruct first (probe.sh stages 7 and 8)"
        )
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        names = [str(entry["name"]) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ProbeError(
            f"{path} cannot be read as a list of layers ({error}); make it anew "
            "with probe.sh stage 8"
        ) from error
    if not names:
        raise ProbeError(f"{path} lists no layers; probe at least one (stage 7)")
    layers = []
    for name, entry in zip(names, entries):
        width, stride = finite(entry.get("width")), finite(entry.get("stride"))
        independent = entry.get("batch_independent")
        layers.append(
            Layer(
                name=name,
                width=None if width is None else int(width),
                stride=None if stride is None else int(stride),
                frame_shift=finite(entry.get("frame_shift")),
                tap=str(entry.get("tap") or ""),
                batch_independent=(
                    independent if isinstance(independent, bool) else None
                ),
            )
        )
    return layers


def read_sets(
    reconstruct: Path, layers: Sequence[Layer], names: Sequence[str]
) -> List[SetResults]:
    """Read all rows of the chosen sets, or of every set if none is chosen.

    Raises:
        ProbeError: If a chosen set is not there, or no set has any result.
    """
    known = {layer.name for layer in layers} | set(CONTROLS) | set(OPTIONAL_CONTROLS)
    found = sorted(
        folder.name
        for folder in reconstruct.iterdir()
        if folder.is_dir() and any((folder / name).is_dir() for name in known)
    )
    for name in names:
        if name not in found:
            have = ", ".join(found) or "none"
            raise ProbeError(
                f"no set {name} in {reconstruct} (sets there: {have}); "
                "reconstruct it first (probe.sh stage 8)"
            )
    sets = []
    for name in names or found:
        rows = [read_row(reconstruct / name / c, c, None) for c in CONTROLS]
        for control in OPTIONAL_CONTROLS:
            if (reconstruct / name / control).is_dir():
                rows.append(read_row(reconstruct / name / control, control, None))
        for layer in layers:
            rows.append(read_row(reconstruct / name / layer.name, layer.name, layer))
        sets.append(SetResults(name, rows))
    return sets
