"""The numbers of one probe experiment: their shape, and reading them from files.

The files and their folders are those that the stages of ``probe.sh`` leave (the
file formats are in ``docs/``). Nothing is computed here: a number is taken over
with its interval, its counts and its path, and a number that is not there is a
:class:`~espnet_probe.report.values.Value` with the reason in words.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from espnet_probe.errors import ProbeError
from espnet_probe.report.documents import mean_values, read_document
from espnet_probe.report.embedders import EmbedderScores, read_embedders
from espnet_probe.report.recognition import read_recognition
from espnet_probe.report.values import (
    COSINE,
    ESTOI,
    L1,
    NOT_DEFINED,
    PESQ,
    STOI,
    Value,
    finite,
    missing,
)

CONTROLS = ("natural", "oracle")  # always in the table
OPTIONAL_CONTROLS = ("random", "shuffled")  # in the table where they exist
#: The files whose settings and versions a report shows; those of further embedders
#: are ``verification_<label>.json``.
DOCUMENTS = ("l1", "quality", "verification", "recognition")


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
        values: The numbers by :attr:`Metric.key`; of the speaker verification those
            of the first embedder.
        documents: The result files that were read, with their content.
        embedders: The speaker verification by every embedder.
        control: ``random`` or ``shuffled`` for a layer of such an experiment; empty
            for the model's own layers and for controls of the whole set.
    """

    name: str
    folder: Path
    layer: Optional[Layer]
    values: Mapping[str, Value]
    documents: Mapping[Path, Mapping[str, Any]]
    embedders: Sequence[EmbedderScores] = ()
    control: str = ""

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of the model itself."""
        return self.layer is not None and not self.control


@dataclass(frozen=True)
class SetResults:
    """All rows of one set: the controls first, then the layers in order.

    Behind each layer stand the same layers of control experiments, where there are any.
    """

    name: str
    rows: Sequence[Row]

    @property
    def layers(self) -> List[Row]:
        """The rows that are the model's layers, in network order."""
        return [row for row in self.rows if row.is_layer]

    def layers_of(self, control: str) -> List[Row]:
        """Return the rows of a control experiment, in network order."""
        return [row for row in self.rows if row.control == control and control]

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
        source: The file.
    """

    stage: str
    name: str
    exp: str
    seconds: Sequence[float]
    source: Optional[Path] = None


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
        controls: The control experiments by their kind.
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
    controls: Mapping[str, Path] = field(default_factory=dict)


def read_row(folder: Path, name: str, layer: Optional[Layer], control: str = "") -> Row:
    """Read the scores of one layer or control.

    Args:
        folder: Where its files are.
        name: As the report calls it.
        layer: The layer; None for a control of the whole set.
        control: Of what kind the experiment is, if it is a control.
    """
    values: Dict[str, Value] = {}
    if layer is None:
        values[L1.key] = missing(f"{NOT_DEFINED}: no probe made this sound")
    else:
        values.update(mean_values(folder / "l1.json", [L1.key]))
    values.update(mean_values(folder / "quality.json", [STOI.key, ESTOI.key, PESQ.key]))
    embedders = read_embedders(folder)
    values.update(embedders[0].values)
    values.update(read_recognition(folder))
    if layer is None and name == "natural":
        values[COSINE.key] = missing(f"{NOT_DEFINED}: it is the recording itself")
    documents: Dict[Path, Mapping[str, Any]] = {}
    paths = [folder / f"{stem}.json" for stem in DOCUMENTS]
    for path in [*paths, *(scores.path for scores in embedders[1:])]:
        document, _ = read_document(path)
        if document is not None:
            documents[path] = document
    return Row(name, folder, layer, values, documents, embedders, control)


def find_layers(reconstruct: Path, probe_exp: Path) -> Path:
    """Return where the layers of a reconstruction are described.

    Args:
        reconstruct: The ``reconstruct_<tag>`` folder.
        probe_exp: The probe experiment.
    """
    path = reconstruct / "layers.json"
    return path if path.is_file() else probe_exp / "layers.json"


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
