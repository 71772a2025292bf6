"""A published table of results, without its experiments, to check the claims on."""

import math
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

from espnet_probe.errors import ProbeError
from espnet_probe.scores.claim_table import (
    BASELINE,
    EER,
    HUMAN_ERROR,
    NOISE_KEPT,
    ROBUST,
    STOI,
    Key,
    Table,
)
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.paper_values import table_rows
from espnet_probe.study.study import Study

PLACE = ("model", "training", "condition", "layer")
#: Column of the file to measure.
MEASURES = {
    "eer_percent": EER,
    "stoi": STOI,
    "noise_kept": NOISE_KEPT,
    "human_error_percent": HUMAN_ERROR,
}


def read_table(path: Path, as_printed: bool) -> Study:
    """Read a CSV table of results.

    Columns ``model``, ``training``, ``condition``, ``layer``, then one or more of
    :data:`MEASURES`, each perhaps with its 95 % interval in ``<name>_low`` and
    ``<name>_high``. Lines that begin with ``#`` are remarks. The layers of a model
    are in network order.

    Args:
        path: The file.
        as_printed: Take values without an interval as exact but for their rounding
            to the decimals of their column.

    Raises:
        ProbeError: If the file is missing or no such table.
    """
    if not path.is_file():
        raise ProbeError(f"--table: no file {path}; expected a CSV table of results")
    try:
        rows = table_rows(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise ProbeError(f"--table: {path} is not UTF-8 text; expected CSV") from error
    columns = [name for name in MEASURES if rows and name in rows[0]]
    lacking = [name for name in PLACE if not rows or name not in rows[0]]
    if lacking or not columns:
        raise ProbeError(
            f"--table: {path} has no rows with the columns {', '.join(PLACE)} and one "
            f"of {', '.join(MEASURES)}"
        )
    half = {name: _rounding(rows, name) for name in columns} if as_printed else {}
    cells: Dict[Key, Cell] = {}
    layers: Dict[str, List[str]] = {}
    for row in rows:
        model, training, condition, layer = (row[name] or "" for name in PLACE)
        where = f"--table: {path}: {model}, {training}, {condition}, {layer}"
        if training not in (BASELINE, ROBUST):
            raise ProbeError(f"{where}: training is neither baseline nor robust")
        known = layers.setdefault(model, [])
        if layer not in known:
            known.append(layer)
        for name in columns:
            if not row[name]:
                continue
            key = Key(model, training, condition, layer, MEASURES[name])
            if key in cells:
                raise ProbeError(f"{where}: {name} stands there twice")
            cells[key] = _cell(row, name, half.get(name), where)
    basis = "no intervals but those of the table"
    if as_printed:
        basis = (
            "values taken as printed: exact but for rounding ("
            + ", ".join(f"{name} +-{half[name]:g}" for name in columns)
            + "), nothing is known of their statistical error"
        )
    return Study(Table(cells, layers), [f"table: {path}", basis], [])


def _rounding(rows: Sequence[Mapping[str, str]], name: str) -> float:
    """Return half a unit of the last decimal that a column is printed with."""
    decimals = max(len((row[name] or "").partition(".")[2]) for row in rows)
    return 0.5 * 10.0**-decimals


def _cell(row: Mapping[str, str], name: str, half: Optional[float], where: str) -> Cell:
    value = _number(row, name, where)
    if row.get(f"{name}_low") and row.get(f"{name}_high"):
        low, high = (_number(row, f"{name}_{end}", where) for end in ("low", "high"))
        if not low <= value <= high:
            raise ProbeError(f"{where}: {name} is not between its low and its high")
        return Cell(value, (low, high))
    if half is None:
        return Cell(value)
    return Cell(value, (value - half, value + half), exact=True)


def _number(row: Mapping[str, str], name: str, where: str) -> float:
    try:
        number = float(row[name])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ProbeError(f"{where}: {name} is {row[name]!r}, expected a number")
    return number
