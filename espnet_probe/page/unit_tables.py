"""What the stages say of single utterances: scores, and what was recognised."""

import math
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.unit_scores import read_csv
from espnet_probe.report.values import finite

Rows = Mapping[str, Mapping[str, str]]

#: Table → the columns that a page shows.
SCORES = {"quality": ("stoi", "estoi", "pesq_wb"), "l1": ("l1",)}


class UnitTables:
    """Reads the tables of layers and controls once each.

    Attributes:
        notes: Which tables cannot be read, in words.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._tables: Dict[Path, Rows] = {}
        self.notes: List[str] = []

    def _table(self, path: Path) -> Rows:
        if path not in self._tables:
            self._tables[path] = self._read(path)
        return self._tables[path]

    def _read(self, path: Path) -> Rows:
        if not path.is_file():
            return {}
        try:
            return {row["utt_id"]: row for row in read_csv(path, ("utt_id",))}
        except ProbeError as error:
            self.notes.append(str(error).replace(str(path), "/".join(path.parts[-3:])))
            return {}

    def scores(self, folder: Path, utterance: str) -> Dict[str, float]:
        """Return the scores of one sound by name; those that it lacks are left out.

        Args:
            folder: ``reconstruct_<tag>/<set>/<layer>``.
            utterance: Its id.
        """
        found = {}
        for stem, names in SCORES.items():
            row = self._table(folder / f"{stem}.csv").get(utterance, {})
            for name in names:
                number = _number(row.get(name))
                if number is not None:
                    found[name] = round(number, 4)
        return found

    def recognised(
        self, folder: Path, utterance: str
    ) -> Tuple[Optional[str], Optional[Dict[str, int]]]:
        """Return what a recogniser wrote of a sound, and how wrong it is.

        Args:
            folder: ``reconstruct_<tag>/<set>/<layer>``.
            utterance: Its id.

        Returns:
            The text and the counts of ``edits`` and ``words``; None for what there is
            not.
        """
        row = self._table(folder / "recognition.csv").get(utterance)
        if row is None or row.get("recognised") is None:
            return None, None
        edits, words = _number(row.get("errors")), _number(row.get("words"))
        if edits is None or words is None:
            return row["recognised"], None
        return row["recognised"], {"edits": int(edits), "words": int(words)}

    def reference(self, folder: Path, utterance: str) -> Optional[str]:
        """Return what was said, as the recogniser's table has it.

        Args:
            folder: ``reconstruct_<tag>/<set>/<layer>``.
            utterance: Its id.
        """
        row = self._table(folder / "recognition.csv").get(utterance)
        return None if row is None else row.get("reference")


def _number(text: Any) -> Optional[float]:
    try:
        return finite(float(text))
    except (TypeError, ValueError):
        return None


def rounded(number: Optional[float], digits: int = 2) -> Optional[float]:
    """Round a number for the page's data; None for none."""
    return None if number is None or math.isnan(number) else round(number, digits)
