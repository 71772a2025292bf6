"""What check_claims found, taken into the joined report if it is of the same cells."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Tuple

from espnet_probe.report.documents import read_document
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.scores.claim_table import NOT_TRAINED, Key
from espnet_probe.study.study import Study

#: The place of a cell in ``claims.json``.
PLACE = ("architecture", "training", "condition", "layer", "measure")


@dataclass(frozen=True)
class Verdicts:
    """What check_claims found, in words.

    Attributes:
        lines: Of each claim its statement, the verdict and the reasons.
        layers: By architecture the layers that were looked at.
        command: The command line.
        warnings: What makes the verdicts doubtful.
    """

    lines: Sequence[Tuple[str, str, str]]
    layers: Sequence[str]
    command: str
    warnings: Sequence[str]


def read_verdicts(path: Path, study: Study) -> Tuple[Optional[Verdicts], str]:
    """Return the verdicts, if they are of the cells that a report shows.

    Args:
        path: The ``claims.json`` that check_claims wrote.
        study: The cells that the report shows.

    Returns:
        The verdicts; None and the reason if there are none, which is empty if there is
        nothing to say.
    """
    if not path.is_file():
        return None, ""
    document, problem = read_document(path)
    if document is None:
        return None, f"claims: {problem}"
    try:
        stale = _other(document, study)
        lines = [
            (
                f"{claim['number']}. {claim['statement']}",
                str(claim["verdict"]),
                str(claim["why"] or _each(claim["by_architecture"])),
            )
            for claim in document["claims"]
        ]
        layers = [f"{n}: {', '.join(c)}" for n, c in document["layers"].items()]
        command = str(document["config"]["command"])
        warnings = [str(one) for one in document["warnings"]]
    except (KeyError, TypeError, AttributeError, ValueError):
        return None, f"claims: {path} is of another version; run check_claims again"
    if stale:
        return None, f"claims: {path.name} is of other results ({stale}); check again"
    return Verdicts(lines, layers, command, warnings), ""


def claims_section(path: Path, study: Study) -> Tuple[str, str]:
    """Return the verdicts as Markdown, and why there are none.

    Args:
        path: The ``claims.json`` that check_claims wrote.
        study: The cells that the report shows.

    Returns:
        The table with the layers that the claims were checked on, empty if there is
        none; and the reason, empty if there is nothing to say.
    """
    found, problem = read_verdicts(path, study)
    if found is None:
        return "", problem
    text = f"Checked on these layers: {escape('; '.join(found.layers))}. The other "
    text += "tables show all layers that were probed. Every comparison is in "
    text += "`claims.md`.\n\n"
    lines = [[escape(a), f"**{escape(b)}**", escape(c)] for a, b, c in found.lines]
    text += markdown_table(["claim", "verdict", "by model"], lines)
    text += "".join(f"\n**Warning**: {escape(one)}.\n" for one in found.warnings)
    return f"{text}\nBy `{found.command.replace('`', '')}`.\n", ""


def _each(verdicts: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {said}" for name, said in verdicts.items())


def _other(document: Mapping[str, Any], study: Study) -> str:
    """Return what differs between the claims and the study; empty if nothing does.

    The claims may be of fewer layers: cells of others are not compared.
    """
    table = study.table
    conditions = [str(one) for one in document["conditions"]]
    if conditions != study.conditions:
        return f"of {', '.join(conditions)}; shown are {', '.join(study.conditions)}"
    for name, own_pairs, what in (
        ("models", set(table.models), "is a model"),
        ("not_trained_enough", set(table.untrained), f"is {NOT_TRAINED}"),
    ):
        pairs = {(str(m["architecture"]), str(m["training"])) for m in document[name]}
        for pair in sorted(pairs ^ own_pairs):
            where = "there" if pair in pairs else "here"
            return f"{', '.join(pair)} {what} {where} alone"
    checked = {
        Key(*(str(cell[name]) for name in PLACE)): float(cell["value"])
        for cell in document["cells"]
    }
    layers = document["layers"]
    known = {
        key: cell.value
        for key, cell in table.cells.items()
        if key.layer in layers.get(key.architecture, ())
    }
    for key in [*checked, *known]:
        own, then = known.get(key), checked.get(key)
        # Another machine may add up in another order.
        if own is None or then is None or not math.isclose(own, then, rel_tol=1e-9):
            return ", ".join(key)
    return ""
