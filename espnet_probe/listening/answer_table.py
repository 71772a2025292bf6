"""Every answer with what it was to, as the rows of ``listening.csv``."""

from typing import Any, List, Mapping, Sequence

from espnet_probe.listening.answer_format import SOUNDS
from espnet_probe.listening.answers import Collected, wrongness
from espnet_probe.listening.heard import choice_of
from espnet_probe.listening.key_format import KINDS
from espnet_probe.listening.strict_json import printable

#: Columns of the table of answers.
COLUMNS = (
    "file",
    "listener",
    "sheet",
    "counted",
    "item",
    "kind",
    "repeats",
    "exp",
    "set",
    "condition",
    "layer",
    "a",
    "b",
    "x",
    "answer",
    "choice",
    "rating_a",
    "rating_b",
    "wrong",
    "plays_a",
    "plays_b",
    "plays_x",
    "milliseconds",
    "simulated",
)


def table(collected: Collected) -> List[Sequence[Any]]:
    """Return the rows of the table of answers, columns as :data:`COLUMNS`.

    Args:
        collected: Sheets that count, and those left out for failed attention checks,
            which are in the table too, as not counted.
    """
    rows: List[Sequence[Any]] = []
    for counted, sheets in ((1, collected.sheets), (0, collected.inattentive)):
        for sheet in sheets:
            for item, answer in sheet.pairs(*KINDS):
                rated: Mapping[str, int] = answer.ratings or {}
                rows.append(
                    (
                        sheet.file,
                        sheet.answers.listener,
                        sheet.answers.sheet,
                        counted,
                        item.item,
                        item.kind,
                        item.repeats,
                        item.exp,
                        item.set,
                        item.condition,
                        item.layer,
                        item.a.utterance,
                        item.b.utterance,
                        item.x.utterance,
                        item.answer,
                        choice_of(answer),
                        rated.get("A"),
                        rated.get("B"),
                        f"{wrongness(item, answer):g}",
                        *(answer.plays[sound] for sound in SOUNDS),
                        answer.milliseconds,
                        printable(sheet.answers.simulated),
                    )
                )
    return rows
