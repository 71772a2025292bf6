"""The rows ``natural`` and ``oracle`` of the joined report, and what they lack."""

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.results import CONTROLS, Row, read_sets
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.report.unit_scores import over_speakers, read_units
from espnet_probe.report.values import EER as EER_METRIC
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.report.values import Metric, Value, full_text, mean_text
from espnet_probe.scores.claim_table import EER, STOI
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.gaps import Gaps
from espnet_probe.study.study import Model, Study, set_of

METRICS: Mapping[str, Metric] = {EER: EER_METRIC, STOI: STOI_METRIC}

Controls = Mapping[Tuple[str, str], Mapping[str, Mapping[str, Row]]]


def read_controls(
    model: Model, names: Sequence[str], inference_tag: Optional[str]
) -> Dict[str, Dict[str, Row]]:
    """Return the rows ``natural`` and ``oracle`` of a model by set.

    Args:
        model: The model.
        names: The sets; those that were not reconstructed are left out.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
    """
    folder: Path = find_reconstruct(model.probe_exp, inference_tag)
    there = [name for name in names if (folder / name / "oracle").is_dir()]
    return {
        one.name: {row.name: row for row in one.rows}
        for one in (read_sets(folder, [], there) if there else [])
    }


def cell_text(cell: Optional[Cell], metric: Metric) -> str:
    """Print a cell with its interval; ``-`` if there is none."""
    if cell is None:
        return "-"
    return full_text(Value(cell.value, cell.ci95), metric)


def _units(row: Row) -> Tuple[Optional[Cell], str]:
    """Return the STOI of a control over speakers, and why it has no interval."""
    table = row.folder / "quality.csv"
    try:
        units = read_units(table, STOI) if table.is_file() else {}
    except ProbeError as error:
        return None, str(error)
    if not units:
        return None, f"no STOI by utterance in {table.name}"
    recipe = row.folder.resolve().parents[4]
    return over_speakers(units, row.folder.parent, recipe, str(table))


def control_text(row: Row, metric: Metric) -> str:
    """Print a control's number; the interval of STOI is one over speakers.

    Args:
        row: The control, ``<recipe>/exp/<probe_exp>/<reconstruct>/<set>/natural``.
        metric: Which of its numbers.
    """
    value = row.values[metric.key]
    if metric is not STOI_METRIC or value.mean is None:
        return full_text(value, metric)
    cell, _ = _units(row)
    # The file's own interval is over utterances, unlike those of the layers.
    return mean_text(value, metric) if cell is None else cell_text(cell, metric)


def control_notes(study: Study, controls: Controls) -> List[str]:
    """Say which numbers of the controls, or intervals of them, are not there.

    Args:
        study: The cells; a measure that no layer has is not missed.
        controls: As :func:`read_controls` returns them, by architecture and training.
    """
    said = []
    for pair, sets in controls.items():
        gaps = Gaps()
        places = [(m, c) for m in METRICS for c in study.table.conditions(m)]
        for measure, condition in places:
            rows = sets.get(set_of(study.base, condition), {})
            for name in (one for one in CONTROLS if one in rows):
                what, reason = _lacks(rows[name], measure)
                if what:
                    gaps.add(what, condition, name, reason)
        said += [f"{', '.join(pair)}: {note}" for note in gaps.notes(CONTROLS)]
    return said


def _lacks(row: Row, measure: str) -> Tuple[str, str]:
    """Return what a control lacks of a measure, and why; empty texts for nothing."""
    value = row.values[METRICS[measure].key]
    if value.mean is None:
        return measure.upper(), value.reason
    reason = "" if value.ci95 is not None else value.reason or "there is none"
    if measure == STOI:
        reason = _units(row)[1]
    return (f"interval of the {measure.upper()}" if reason else ""), reason
