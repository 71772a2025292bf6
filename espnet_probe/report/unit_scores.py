"""Scores of single utterances, and their mean over speakers."""

import csv
import math
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from espnet_probe.errors import ProbeError
from espnet_probe.report.speaker_map import speakers_of
from espnet_probe.scores.contrasts import Cell, Contrast, contrast
from espnet_probe.scores.intervals import interval_of_mean, means_of_groups


def number_of(text: str, path: Path) -> float:
    """Read a number of a table of scores.

    Args:
        text: The number.
        path: The table, for the message.

    Raises:
        ProbeError: If it is none, or not a finite one.
    """
    try:
        number = float(text)
    except ValueError as error:
        raise ProbeError(f"{path}: {text!r} is no number; score again") from error
    if not math.isfinite(number):
        raise ProbeError(f"{path}: {text!r} is no finite number; score again")
    return number


def read_csv(path: Path, columns: Sequence[str]) -> List[Dict[str, str]]:
    """Read a table of scores.

    Args:
        path: The table.
        columns: What has to be in every row.

    Raises:
        ProbeError: If it cannot be read, is cut short, a column is missing, or there
            is no row.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = file.readlines()
        rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProbeError(f"{path} cannot be read: {error}; score again") from error
    if not rows or any(row.get(name) is None for row in rows for name in columns):
        raise ProbeError(
            f"{path} cannot be read: expected columns {', '.join(columns)} and a row "
            "at least; score again"
        )
    if not lines[-1].endswith("\n"):
        raise ProbeError(f"{path} is cut short: its last line has no end; score again")
    return rows


def read_units(table: Path, score: str) -> Dict[str, float]:
    """Return a score by utterance, of those that it is defined for.

    Args:
        table: Such as ``quality.csv``.
        score: The column, such as ``stoi``.

    Raises:
        ProbeError: If the table is broken.
    """
    rows = read_csv(table, ("utt_id", score))
    return {r["utt_id"]: number_of(r[score], table) for r in rows if r[score]}


def over_speakers(
    units: Mapping[str, float], folder: Path, recipe: Path, source: str
) -> Tuple[Cell, str]:
    """Return the mean of the speakers' means, and its interval for other speakers.

    Args:
        units: Score by utterance, one at least.
        folder: The results of the set, ``reconstruct_<tag>/<set>``.
        recipe: The recipe's folder, where the speakers are looked up.
        source: Where the scores are from.

    Returns:
        The cell; and why it has no interval, or an empty text. Where the speakers are
        not known it holds the mean of all utterances.
    """
    values = list(units.values())
    speakers, problem = speakers_of(folder, recipe, units)
    if speakers is None:
        mean = float(np.mean(values))
        return Cell(mean, count=len(units), units=units, source=source), problem
    means = means_of_groups(values, [speakers[utt] for utt in units])
    found = interval_of_mean([float(mean) for mean in means], "speakers")
    pair = None
    if found.low is not None and found.high is not None:
        pair = (found.low, found.high)
    cell = Cell(
        float(np.mean(means)),
        pair,
        count=len(units),
        units=units,
        source=source,
        speakers=speakers,
    )
    return cell, found.reason or ""


def difference_over_speakers(
    one: Path, other: Path, score: str = "stoi", name: str = "quality.csv"
) -> Contrast:
    """Return the difference of two layers' scores of the same utterances.

    Args:
        one: The folder of one layer, ``<recipe>/exp/<probe>/<reconstruct>/<set>/x``.
        other: That of the other, whose scores are subtracted; of the same set.
        score: A column of the table.
        name: The table, in both folders.

    Returns:
        The difference with its interval over speakers; without one and the reason in
        ``basis``, where the utterances' scores or speakers are not known, or a table
        is broken.
    """
    cells = []
    for folder in (one, other):
        table = folder / name
        try:
            units = read_units(table, score) if table.is_file() else {}
        except ProbeError as error:
            return Contrast(math.nan, basis=str(error))
        if not units:
            return Contrast(math.nan, basis=f"no {score} by utterance in {table}")
        above = folder.resolve().parents
        recipe = above[min(4, len(above) - 1)]
        cell, problem = over_speakers(units, folder.parent, recipe, str(table))
        if cell.speakers is None:
            return Contrast(math.nan, basis=problem)
        cells.append(cell)
    return contrast([(1.0, cells[0]), (-1.0, cells[1])])
