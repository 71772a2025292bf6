"""Control experiments beside a model: the same layers, untrained or shuffled.

A control is a probe experiment of its own, with the names of the model's layers and
sets and on the same trials; its rows stand beside the model's.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.documents import read_config
from espnet_probe.report.results import (
    OPTIONAL_CONTROLS,
    Layer,
    Row,
    SetResults,
    find_layers,
    read_layers,
    read_row,
)
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.report.trial_tables import read_trial_scores
from espnet_probe.scores.trial_notation import LABELS

TRIALS = "trials"
#: Names that are told in a message, of many.
TOLD = 6


@dataclass(frozen=True)
class ControlExperiment:
    """A control of one model.

    Attributes:
        kind: ``random`` or ``shuffled``.
        probe_exp: Its probe experiment.
        reconstruct: Its ``reconstruct_<tag>``.
    """

    kind: str
    probe_exp: Path
    reconstruct: Path


def parse_control(text: str) -> Tuple[str, Path]:
    """Read ``random=folder`` or ``shuffled=folder``.

    Args:
        text: As given to ``--control``.

    Raises:
        ProbeError: If it is no such text, or the folder is not there.
    """
    kind, _, folder = text.partition("=")
    if kind not in OPTIONAL_CONTROLS or not folder:
        raise ProbeError(
            f"--control: got {text!r}, expected "
            f"{' or '.join(f'{one}=DIR' for one in OPTIONAL_CONTROLS)}, such as "
            "random=exp/probe_<upstream>_<probe>_random"
        )
    if not Path(folder).is_dir():
        raise ProbeError(
            f"--control {kind}: {folder} is not a folder; expected the probe "
            "experiment of the control (probe.sh --controls makes it)"
        )
    return kind, Path(folder)


def parse_controls(texts: Sequence[str]) -> Dict[str, Path]:
    """Read all of ``--control``.

    Args:
        texts: See :func:`parse_control`.

    Raises:
        ProbeError: If one is malformed, or a kind is given twice.
    """
    found: Dict[str, Path] = {}
    for text in texts:
        kind, folder = parse_control(text)
        if kind in found:
            raise ProbeError(f"--control {kind} is given twice; expected once")
        found[kind] = folder
    return found


def open_control(
    kind: str, probe_exp: Path, model_exp: Path, reconstruct: Path
) -> ControlExperiment:
    """Check that an experiment is a control of a model, layer for layer.

    Args:
        kind: ``random`` or ``shuffled``.
        probe_exp: The control's probe experiment.
        model_exp: The model's.
        reconstruct: The model's ``reconstruct_<tag>``; the control has one of the
            same name.

    Raises:
        ProbeError: If it is the model itself, or of another architecture, other
            layers, another target, or, if shuffled, of other weights.
    """
    title = f"--control {kind} ({probe_exp})"
    if probe_exp.resolve() == model_exp.resolve():
        raise ProbeError(f"{title} is the model itself; expected the control's folder")
    try:
        own = find_reconstruct(probe_exp, reconstruct.name)
    except ProbeError as error:
        raise ProbeError(f"{title}: {error}; run stages 8 to 11 for it") from error
    _check_layers(
        title,
        read_layers(find_layers(own, probe_exp)),
        read_layers(find_layers(reconstruct, model_exp)),
    )
    _check_configs(title, kind, *(_config(one) for one in (probe_exp, model_exp)))
    return ControlExperiment(kind, probe_exp, own)


def _config(probe_exp: Path) -> Mapping[str, Any]:
    return read_config(probe_exp / "config.yaml")


def _shape(layer: Layer) -> Tuple[Any, ...]:
    return layer.width, layer.stride, layer.frame_shift


def _check_layers(title: str, found: Sequence[Layer], wanted: Sequence[Layer]) -> None:
    """Refuse other layers than the model's."""
    names, expected = [one.name for one in found], [one.name for one in wanted]
    if names != expected:
        odd = [name for name in names if name not in expected]
        gone = [name for name in expected if name not in names]
        parts = [
            f"{what} {', '.join(some[:TOLD])}"
            for what, some in (("lacks", gone), ("has", odd))
            if some
        ]
        raise ProbeError(
            f"{title} has other layers than the model: it "
            f"{' and '.join(parts) or 'has them in another order'}; probe the same "
            "layers of the same architecture"
        )
    for one, other in zip(found, wanted):
        if _shape(one) != _shape(other):
            raise ProbeError(
                f"{title} is of another architecture: {one.name} has width "
                f"{one.width}, stride {one.stride} and {one.frame_shift} s a state, "
                f"the model's has {other.width}, {other.stride} and "
                f"{other.frame_shift} s"
            )


def _check_configs(
    title: str, kind: str, found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Refuse another target, and weights that do not fit the kind of control."""
    targets = found.get("target"), wanted.get("target")
    if all(isinstance(one, dict) for one in targets) and targets[0] != targets[1]:
        raise ProbeError(
            f"{title} recovers another mel-spectrogram than the model's probes "
            "(target in config.yaml); expected the same front end"
        )
    if found.get("shuffle_states") is (kind != "shuffled"):
        was = "were" if found["shuffle_states"] else "were not"
        raise ProbeError(
            f"{title}: its states {was} shuffled (shuffle_states in config.yaml); "
            f"expected the experiment of the control {kind}"
        )
    if kind == "random" and found.get("upstream_init", kind) != kind:
        raise ProbeError(
            f"{title}: its upstream is trained (upstream_init "
            f"{found['upstream_init']} in config.yaml); expected an untrained copy of "
            "the model's architecture"
        )
    hashes = [str(one.get("upstream_hash") or "") for one in (found, wanted)]
    if not all(hashes):
        return
    if kind == "random" and hashes[0] == hashes[1]:
        raise ProbeError(
            f"{title} has the weights of the model ({hashes[0][:12]}); expected an "
            "untrained copy of its architecture"
        )
    if kind == "shuffled" and hashes[0] != hashes[1]:
        raise ProbeError(
            f"{title} is of other weights ({hashes[0][:12]}) than the model "
            f"({hashes[1][:12]}); expected probes on its own states, shuffled"
        )


def _trials(folder: Path) -> List[str]:
    path = folder / TRIALS
    if not path.is_file():
        return []
    return [
        " ".join(line.split())
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]


def check_same_trials(control: ControlExperiment, reconstruct: Path, name: str) -> None:
    """Check that a control was scored on the model's trials.

    Args:
        control: The control.
        reconstruct: The model's ``reconstruct_<tag>``.
        name: The set; where one has no list of trials, nothing is known.

    Raises:
        ProbeError: If the lists differ.
    """
    own, other = _trials(control.reconstruct / name), _trials(reconstruct / name)
    if not own or not other:
        return
    if own == other:
        # A control's list is a link to the model's, which may be newer than its scores.
        _check_scored(control, name, other)
        return
    number = next(
        (i for i, pair in enumerate(zip(own, other)) if pair[0] != pair[1]),
        min(len(own), len(other)),
    )
    said = [one[number] if number < len(one) else "none" for one in (own, other)]
    raise ProbeError(
        f"--control {control.kind}: {control.reconstruct / name / TRIALS}: trial "
        f"{number + 1} is '{said[0]}', the model's is '{said[1]}'; score both on the "
        "same trials (stage 10 with the same --num_pairs and --seed)"
    )


def _check_scored(control: ControlExperiment, name: str, lines: List[str]) -> None:
    """Refuse scores of trials that are not in the list; one table tells of all."""
    if lines[0].split()[-1] not in LABELS:
        return  # A published list, which may call the utterances otherwise.
    there = set(lines)
    for table in sorted((control.reconstruct / name).glob("*/verification.csv")):
        try:
            trials = read_trial_scores(table).trials
        except ProbeError:
            continue  # What is broken is told with the plots of the trials' scores.
        odd = [trial for trial in trials if str(trial) not in there]
        if odd:
            raise ProbeError(
                f"--control {control.kind}: {table}: {len(odd)} of {len(trials)} "
                f"scored trials, '{odd[0]}' for one, are not among the model's; score "
                "both on the same trials (stage 10 with --controls)"
            )
        return


def control_row(control: ControlExperiment, name: str, layer: Layer) -> Row:
    """Read the scores of one layer of a control on one set.

    Args:
        control: The control.
        name: The set.
        layer: The model's layer.
    """
    folder = control.reconstruct / name / layer.name
    return read_row(folder, f"{control.kind} {layer.name}", layer, control.kind)


def with_controls(
    results: SetResults, controls: Sequence[ControlExperiment], reconstruct: Path
) -> Tuple[SetResults, List[str]]:
    """Put the rows of controls behind those of the model's layers.

    Args:
        results: The model's rows of a set.
        controls: Its controls, checked.
        reconstruct: The model's ``reconstruct_<tag>``.

    Returns:
        The set with all rows; and which controls have not been reconstructed for it.

    Raises:
        ProbeError: If a control was scored on other trials.
    """
    notes, there = [], []
    for control in controls:
        if (control.reconstruct / results.name).is_dir():
            check_same_trials(control, reconstruct, results.name)
            there.append(control)
        else:
            place = control.reconstruct / results.name
            notes.append(f"{results.name}: no control {control.kind}: no {place}")
    rows: List[Row] = []
    for row in results.rows:
        rows.append(row)
        if row.layer is not None:
            rows += [control_row(one, results.name, row.layer) for one in there]
    return replace(results, rows=rows), notes
