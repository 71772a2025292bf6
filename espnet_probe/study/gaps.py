"""Numbers that are not there, told in few lines: by measure, places put together."""

from typing import Dict, List, Sequence, Tuple

#: Reasons that are told of one condition; broken files give one of their own each.
TOLD = 2


class Gaps:
    """Collects what rows of a table lack, and says it together."""

    def __init__(self) -> None:
        """Begin with nothing missing."""
        self._rows: Dict[Tuple[str, str], Dict[str, List[str]]] = {}

    def add(self, what: str, condition: str, row: str, reason: str) -> None:
        """Take one number in.

        Args:
            what: That is missing, such as ``interval of the EER``.
            condition: Such as ``snr10``.
            row: The layer or control.
            reason: Why, in words.
        """
        reasons = self._rows.setdefault((what, condition), {})
        reasons.setdefault(reason or "no reason is given", []).append(row)

    def notes(self, rows: Sequence[str], every: str = "") -> List[str]:
        """Return a line for everything that is missing, conditions put together.

        Args:
            rows: All rows that there could be, in table order.
            every: What is said where all of them lack it; empty to list them.
        """
        found: Dict[str, List[str]] = {}
        for (what, condition), reasons in self._rows.items():
            lacking = {row for named in reasons.values() for row in named}
            where = ", ".join(row for row in rows if row in lacking)
            if every and lacking >= set(rows):
                where = every
            told = list(reasons)[:TOLD]
            if len(reasons) > TOLD:
                told.append(f"and {len(reasons) - TOLD} more reasons")
            found.setdefault(f"no {what} of {where}: {'; '.join(told)}", []).append(
                condition
            )
        return [f"{', '.join(where)}: {said}" for said, where in found.items()]
