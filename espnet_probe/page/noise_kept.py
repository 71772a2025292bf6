"""How much of the noise every layer's reconstructions still show, over a whole set.

It is computed from the mels that stage 8 left (see ``scores.residual_noise``), as no
stage writes it; the page's ``files`` get what it found.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from espnet_probe.errors import ProbeError
from espnet_probe.page.assets import Assets
from espnet_probe.page.choice import choose
from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.curves import LAYERS, Entry, point, rows_of
from espnet_probe.page.experiments import Experiment
from espnet_probe.page.mel_files import MelFiles
from espnet_probe.page.tables import BY_SCORE, Cell, Table, text_cell
from espnet_probe.report.files import slug
from espnet_probe.report.results import OPTIONAL_CONTROLS, Row
from espnet_probe.report.values import Value, missing
from espnet_probe.scores.intervals import interval_of_mean
from espnet_probe.scores.residual_noise import noise_kept

METRIC = "noise_kept"
#: Utterances that it is measured over at most: more cost time and change little.
MOST = 500
DEFINITION = (
    "<y' - y, x' - x> / <x' - x, x' - x> over all frames and bands of natural-log "
    "mels: x the clean recording, x' the noisy one, y and y' reconstructions from each"
)


@dataclass(frozen=True)
class Measured:
    """The noise that one layer's reconstructions keep.

    Attributes:
        value: The mean over utterances, with its interval over them.
        units: By utterance.
    """

    value: Value
    units: Mapping[str, float]


LABEL = "noise kept (share of the input's)"
DIGITS = 2


def metric_entry() -> Entry:
    """Return what the page has to know of this score."""
    return {
        "id": METRIC,
        "label": LABEL,
        "digits": DIGITS,
        "better": "lower",
    }


def measure(
    clean: Sequence[Row],
    noisy: Sequence[Row],
    targets: Tuple[Path, Path],
    files: MelFiles,
    most: int = MOST,
) -> Dict[str, Measured]:
    """Measure some layers of one experiment in one noisy condition.

    Args:
        clean: The layers' rows of the clean set.
        noisy: Those of its noisy copy, in the same order.
        targets: The folders of the inputs' mels, clean and noisy.
        files: Reads the mels.
        most: Utterances at most, chosen evenly over the sorted ids.

    Returns:
        By the name of the layer; of a layer that cannot be measured the reason.
    """
    found: Dict[str, Measured] = {}
    there: List[Tuple[str, Path, Path]] = []
    known = set(files.utterances(targets[0])) & set(files.utterances(targets[1]))
    for before, after in zip(clean, noisy):
        own = set(files.utterances(before.folder)) & set(files.utterances(after.folder))
        if known & own:
            there.append((after.name, before.folder, after.folder))
        else:
            reason = missing("no mels (feats.scp) of both the clean and the noisy set")
            found[after.name] = Measured(reason, {})
    units: Dict[str, Dict[str, float]] = {name: {} for name, _, _ in there}
    problems: Dict[str, str] = {}
    for utterance in choose(sorted(known), most):
        try:
            inputs = [files.read(folder, utterance) for folder in targets]
        except ProbeError as error:
            problems.update(dict.fromkeys(units, str(error)))
            break
        for name, quiet, loud in there:
            if name in problems:
                continue
            try:
                pair = [files.read(folder, utterance) for folder in (quiet, loud)]
                mels = [mel for mel in (*inputs, *pair) if mel is not None]
                kept = noise_kept(*mels) if len(mels) == 4 else None
            except ProbeError as error:
                problems[name] = f"{utterance}: {error}"
                continue
            if kept is not None:
                units[name][utterance] = kept
    for name, own_units in units.items():
        if name in problems or not own_units:
            # A mean of what is left may be another one.
            why = problems.get(name, "no utterance in which there is noise")
            found[name] = Measured(missing(f"not measured: {why}"), {})
        else:
            found[name] = Measured(_mean(own_units, len(known)), own_units)
    return found


def _mean(units: Mapping[str, float], known: int) -> Value:
    values = list(units.values())
    over = interval_of_mean(values)
    pair = None if over.low is None or over.high is None else (over.low, over.high)
    counts = {"utterances": len(values)}
    if known > len(values):
        counts["not measured"] = known - len(values)
    return Value(float(np.mean(values)), pair, counts, None, over.reason or "")


def noise_curves(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
    files: MelFiles,
) -> List[Entry]:
    """Return how much noise is kept over the layers, with files that say so.

    Args:
        experiments: The models.
        conditions: What they heard; a noisy one needs its clean set.
        assets: Takes the files.
        files: Reads the mels.
    """
    by_id = {condition.id: condition for condition in conditions}
    work = [
        (experiment, condition, by_id[condition.clean], kind)
        for experiment in experiments
        for condition in conditions
        if condition.clean is not None
        for kind in (LAYERS, *OPTIONAL_CONTROLS)
    ]
    found = []
    for experiment, condition, quiet, kind in tqdm(
        work, desc="noise kept", unit="curve"
    ):
        pair = [set_results(experiment, one) for one in (quiet, condition)]
        if pair[0] is None or pair[1] is None:
            continue
        clean, noisy = (rows_of(one, kind) for one in pair if one is not None)
        rows = [(a, b) for a, b in zip(clean, noisy) if a is not None and b is not None]
        if not rows:
            continue
        # A control's target is the model's: its own folder may lack it.
        targets = [one.control("oracle") for one in pair if one is not None]
        if targets[0] is None or targets[1] is None:
            continue
        measured = measure(
            [a for a, _ in rows],
            [b for _, b in rows],
            (targets[0].folder, targets[1].folder),
            files,
        )
        if all(one.value.mean is None for one in measured.values()):
            continue
        address = _write(assets, experiment, condition, kind, measured)
        points = [
            {"layer": slug(row.layer.name), **point(measured[row.name].value, address)}
            for _, row in rows
            if row.layer is not None
        ]
        found.append(
            {
                "metric": METRIC,
                "model": experiment.id,
                "condition": condition.id,
                "kind": kind,
                "points": points,
            }
        )
    return found


def _write(
    assets: Assets,
    experiment: Experiment,
    condition: Condition,
    kind: str,
    measured: Mapping[str, Measured],
) -> Optional[str]:
    """Write what was found, as the other scores have it in files of theirs."""
    document: Dict[str, Any] = {
        "model": experiment.label,
        "set": condition.name,
        "kind": kind,
        "definition": DEFINITION,
        "interval": "95 %, Student's t over utterances",
        "layers": {
            name: {
                "noise_kept": one.value.mean,
                "ci95": None if one.value.ci95 is None else list(one.value.ci95),
                **one.value.counts,
                **({"reason": one.value.reason} if one.value.reason else {}),
                "by_utterance": {utt: round(v, 6) for utt, v in one.units.items()},
            }
            for name, one in measured.items()
        },
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    name = "noise_kept.json" if kind == LAYERS else f"noise_kept_{kind}.json"
    return assets.text(text, experiment.id, condition.id, name)


def tables(
    document: Mapping[str, Any],
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
) -> List[Table]:
    """Return the tables of this score, models of other layers apart.

    Args:
        document: The page's data with the curves.
        experiments: The models.
        conditions: What they heard.
    """
    labels = {one.id: one.label for one in experiments}
    heard = {one.id: one.label for one in conditions}
    names = {one["id"]: one["layers"] for one in document["models"]}
    rows: Dict[Tuple[str, ...], List[List[Cell]]] = {}
    for curve in document["curves"]:
        if curve["metric"] != METRIC:
            continue
        points = {one["layer"]: one for one in curve["points"]}
        layers = names[curve["model"]]
        cells = [_cell(points.get(layer["id"])) for layer in layers]
        said = "" if curve["kind"] == LAYERS else f" ({curve['kind']})"
        first = text_cell(f"{labels[curve['model']]}{said}")
        rows.setdefault(tuple(layer["label"] for layer in layers), []).append(
            [first, text_cell(heard[curve["condition"]]), *cells]
        )
    about = [
        "How much of the noise in the input the reconstructions still show: "
        f"{DEFINITION}. 1: all of it, 0: none.",
        "In square brackets: 95 % intervals over utterances.",
    ]
    return [
        Table(LABEL, ["model", "input", *layers], lines, about, BY_SCORE)
        for layers, lines in rows.items()
    ]


def _cell(entry: Optional[Mapping[str, Any]]) -> Cell:
    if entry is None or entry["value"] is None:
        return text_cell("-", "" if entry is None else entry["note"])
    text = f"{entry['value']:.{DIGITS}f}"
    if entry["low"] is not None:
        text += f" [{entry['low']:.{DIGITS}f}, {entry['high']:.{DIGITS}f}]"
    said = "; ".join(filter(None, (entry["counts"], entry["note"])))
    return text_cell(text, said, entry["file"])
