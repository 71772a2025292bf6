"""Whether the same pairs were compared everywhere, which tables of cells rest on."""

import csv
from pathlib import Path
from typing import List, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.documents import read_document
from espnet_probe.report.results import CONTROLS, OPTIONAL_CONTROLS

#: The list of trials of a set, and the table of a layer's scores.
TRIALS = "trials"
SCORES = "verification.csv"
COLUMNS = ("enrolment", "test", "label")

Pairs = List[Tuple[str, ...]]


def check_trials(
    folders: Sequence[Path],
    names: Sequence[str],
    layers: Sequence[str],
    tolerant: bool = False,
) -> str:
    """Compare all lists of trials, and the pairs in all tables of scores.

    Args:
        folders: The models' ``reconstruct_<tag>``.
        names: The test sets; those that are not there are left out.
        layers: The layers; the controls are compared as well.
        tolerant: Whether a table that cannot be read is left out, and counted.

    Returns:
        What was found, in words.

    Raises:
        ProbeError: If two of them differ, or a table cannot be read and that is not
            tolerated. Trials that a table's scores say were left out, because a sound
            has no embedding, may be missing in it.
    """
    lists, tables, unknown, broken = 0, 0, 0, 0
    first = Path()
    wanted: Pairs = []
    for folder in folders:
        for name in names:
            files = [folder / name / TRIALS]
            for row in (*CONTROLS, *OPTIONAL_CONTROLS, *layers):
                table = folder / name / row / SCORES
                files.append(table)
                if table.with_suffix(".json").is_file() and not table.is_file():
                    unknown += 1
            for path in filter(Path.is_file, files):
                try:
                    pairs = _read(path)
                except ProbeError:
                    if not tolerant:
                        raise
                    broken += 1
                    continue
                lists, tables = lists + (path.name == TRIALS), tables + 1
                if not wanted:
                    first, wanted = path, pairs
                elif pairs != wanted and not _left_out(path, pairs, wanted):
                    raise _differs(path, pairs, first, wanted)
    tables -= lists
    if not wanted:
        return "which trials were compared is not known, no list of them is here"
    said = "the same trials for all layers, conditions and models, "
    said += (
        f"{len(wanted)} (compared: {lists} lists of trials, {tables} tables of scores"
    )
    said += f"; {unknown} scores have no table" if unknown else ""
    said += f"; {broken} tables cannot be read" if broken else ""
    return f"{said})"


def _left_out(path: Path, pairs: Pairs, wanted: Pairs) -> bool:
    """Return whether a table lacks as many trials as its scores say, and no more."""
    document = read_document(path.with_suffix(".json"))[0] or {}
    if document.get("excluded_trials") != len(wanted) - len(pairs):
        return False
    there = set(pairs)
    return pairs == [pair for pair in wanted if pair in there]


def _read(path: Path) -> Pairs:
    """Return the pairs of a list of trials or a table of scores, in its order."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.name == TRIALS:
                return [tuple(line.split()) for line in file if line.strip()]
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProbeError(f"{path} cannot be read: {error}; score again") from error
    if any(row.get(name) is None for row in rows for name in COLUMNS):
        raise ProbeError(
            f"{path} cannot be read: expected columns {', '.join(COLUMNS)}; score again"
        )
    return [tuple(row[name] for name in COLUMNS) for row in rows]


def _differs(path: Path, pairs: Pairs, first: Path, wanted: Pairs) -> ProbeError:
    place = next(
        (i for i, (a, b) in enumerate(zip(pairs, wanted)) if a != b),
        min(len(pairs), len(wanted)),
    )
    got = " ".join(pairs[place]) if place < len(pairs) else "none"
    expected = " ".join(wanted[place]) if place < len(wanted) else "none"
    return ProbeError(
        f"{path}: trial {place + 1} is '{got}', in {first} it is '{expected}'; "
        "expected the same trials for all layers, conditions and models: score all "
        "with the same speakers, --num_pairs and --seed (probe.sh stage 10)"
    )
