"""What check_claims found, taken into the joined report if it is of the same cells."""

from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

from espnet_probe.report.results import read_document
from espnet_probe.report.tables import escape, markdown_table
from espnet_probe.scores.claim_table import EER, STOI, Key
from espnet_probe.study.study import Study

#: The place of a cell in ``claims.json``.
PLACE = ("architecture", "training", "condition", "layer", "measure")


def claims_section(path: Path, study: Study) -> Tuple[str, str]:
    """Return the verdicts as Markdown, and why there are none.

    Args:
        path: The ``claims.json`` that check_claims wrote.
        study: The cells that the report shows.

    Returns:
        The table with the layers that the claims were checked on, empty if there is
        none; and the reason, empty if there is nothing to say.
    """
    if not path.is_file():
        return "", ""
    document, problem = read_document(path)
    if document is None:
        return "", f"claims: {problem}"
    try:
        stale = _other_cell(document["cells"], study)
        lines = [
            [
                f"{claim['number']}. {escape(claim['statement'])}",
                f"**{escape(claim['verdict'])}**",
                escape(claim["why"] or _each(claim["by_architecture"])),
            ]
            for claim in document["claims"]
        ]
        layers = [f"{n}: {', '.join(c)}" for n, c in document["layers"].items()]
        command = str(document["config"]["command"])
    except (KeyError, TypeError, AttributeError, ValueError):
        return "", f"claims: {path} is of another version; run check_claims again"
    if stale:
        return "", f"claims: {path.name} is of other results ({stale}); check again"
    text = f"Checked on these layers: {escape('; '.join(layers))}. The other tables "
    text += "show all layers that were probed. Every comparison is in `claims.md`.\n\n"
    text += markdown_table(["claim", "verdict", "by model"], lines)
    return f"{text}\nBy `{command.replace('`', '')}`.\n", ""


def _each(verdicts: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {said}" for name, said in verdicts.items())


def _other_cell(cells: List[Mapping[str, Any]], study: Study) -> Optional[str]:
    """Return the place of a cell that the study does not have so; None if all agree."""
    known = study.table.cells
    checked = {Key(*(str(cell[name]) for name in PLACE)): cell for cell in cells}
    for key, cell in checked.items():
        own = known.get(key)
        # The noise that is left has no table in the report.
        if key.measure in (EER, STOI) and (own is None or own.value != cell["value"]):
            return ", ".join(key)
    pairs = {key[:3] for key in checked}
    for key in known:
        if key[:3] not in pairs:
            return ", ".join(key[:3])
    return None
