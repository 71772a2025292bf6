"""The file in which a listener's answers to one sheet come back.

A JSON object with exactly these fields, written by the page in the browser:

==============  ===================================================================
``format``      ``espnet_probe.listening_answers``
``version``     1
``test``        the test's random name
``sheet``       number of the sheet, from 1
``listener``    random name that the browser made up and keeps
``started``     when the first item was shown: ``2026-05-01T12:00:00.000Z``
``finished``    when the last was answered; empty if it was not
``complete``    whether all items are answered
``scale``       ``ab`` (whose voice is it?) or ``similarity`` (two ratings)
``level_check`` what became of the level check, in words of the page
``answers``     a list in the order of answering, see below
``agent``       what the browser says it is; may be empty
``simulated``   empty for people; else what answered in their place
``check``       hash of the rest, see below
==============  ===================================================================

and in ``answers`` objects with ``item`` (its random name), ``choice`` (``A`` or ``B``;
null with the scale ``similarity``), ``ratings`` (``{"A": 1..5, "B": 1..5}``: how alike
the voice of X and that of A or B are, 5 for surely the same; null with ``ab``),
``plays`` (``{"A": 1, "B": 2, "X": 3}``, how often each was started) and
``milliseconds`` (from showing the item to its answer).

The canonical text is what JavaScript's ``JSON.stringify`` makes of the object without
``check``, its fields in the order given here, without white space. All numbers are
whole, so that both languages write the same. ``check`` is the FNV-1a hash (32 bits) of
its UTF-8 bytes as eight lower-case hexadecimal digits [1]_. It finds what was changed
by accident or without much thought. It is no signature: who knows this page can make a
file that passes.

References
----------
.. [1] G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, T. Hansen, "The FNV
   non-cryptographic hash algorithm", RFC 9923.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Mapping, Optional, Sequence

from espnet_probe.errors import ProbeError
from espnet_probe.listening.strict_json import (
    Fields,
    check_format,
    parse,
    shown,
)

FORMAT = "espnet_probe.listening_answers"
VERSION = 1
AB = "ab"
SIMILARITY = "similarity"
SCALES = (AB, SIMILARITY)
SIDES = ("A", "B")
SOUNDS = ("A", "B", "X")
LOWEST, HIGHEST = 1, 5

FIELDS = (
    "format",
    "version",
    "test",
    "sheet",
    "listener",
    "started",
    "finished",
    "complete",
    "scale",
    "level_check",
    "answers",
    "agent",
    "simulated",
)
ANSWER_FIELDS = ("item", "choice", "ratings", "plays", "milliseconds")

#: Larger files are not read: a sheet of 100 items takes about 12 kB.
MAX_BYTES = 1_000_000
MAX_PLAYS = 10_000
#: A week: a sheet may be left open and finished another day.
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000
MAX_SHEET = 1_000_000

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """The answer to one item.

    Attributes:
        item: The item's random name.
        choice: ``A`` or ``B``; None with the scale ``similarity``.
        ratings: By side, 1 (surely another voice) to 5 (surely the same); None with
            the scale ``ab``.
        plays: How often A, B and X were started.
        milliseconds: From showing the item to its answer.
    """

    item: str
    choice: Optional[str]
    ratings: Optional[Mapping[str, int]]
    plays: Mapping[str, int]
    milliseconds: int

    def document(self) -> Dict[str, Any]:
        """Return it as it stands in the file, fields in order."""
        rated = self.ratings
        return {
            "item": self.item,
            "choice": self.choice,
            "ratings": None if rated is None else {s: rated[s] for s in SIDES},
            "plays": {sound: self.plays[sound] for sound in SOUNDS},
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True)
class Answers:
    """What one listener answered on one sheet; see the module for the fields."""

    test: str
    sheet: int
    listener: str
    started: str
    finished: str
    complete: bool
    scale: str
    level_check: str
    answers: Sequence[Answer]
    agent: str = ""
    simulated: str = ""

    def document(self) -> Dict[str, Any]:
        """Return the content of the file without ``check``, fields in order."""
        own: Dict[str, Any] = {"format": FORMAT, "version": VERSION}
        own.update({name: getattr(self, name) for name in FIELDS[2:]})
        own["answers"] = [answer.document() for answer in self.answers]
        return own

    def text(self) -> str:
        """Return the text of the file, as the page would write it."""
        document = self.document()
        document["check"] = checksum(canonical_text(document))
        return canonical_text(document)


def canonical_text(document: Mapping[str, Any]) -> str:
    """Return what ``JSON.stringify`` returns for the same object.

    Args:
        document: Strings, whole numbers, truth values, None, lists and objects, fields
            in order.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # Half of a pair of UTF-16 is no character: JavaScript writes it escaped.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def checksum(text: str) -> str:
    """Return the FNV-1a hash of a text's UTF-8 bytes, eight hexadecimal digits."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def read_answers(content: bytes) -> Answers:
    """Read an answers file.

    Args:
        content: Its bytes.

    Raises:
        ProbeError: If it is not as the page writes it, or was edited, with the reason
            in words.
    """
    if len(content) > MAX_BYTES:
        raise ProbeError(
            f"{len(content)} bytes; expected an answers file, at most {MAX_BYTES}"
        )
    document = parse(content, "answers of a listening test")
    check_format(document, FORMAT, VERSION)
    fields = Fields(document, (*FIELDS, "check"), "the file")
    scale = fields.choice("scale", SCALES)
    found = Answers(
        test=fields.name("test"),
        sheet=fields.whole("sheet", 1, MAX_SHEET),
        listener=fields.name("listener"),
        started=_time(fields, "started"),
        finished=_time(fields, "finished", may_lack=True),
        complete=fields.flag("complete"),
        scale=scale,
        level_check=fields.text("level_check"),
        answers=[
            _answer(one, scale, f"answer {number}")
            for number, one in enumerate(fields.items("answers"), start=1)
        ],
        agent=fields.text("agent", 1000),
        simulated=fields.text("simulated", 1000),
    )
    expected = checksum(canonical_text(found.document()))
    if fields.text("check") != expected:
        raise ProbeError(
            f"edited: its content has the check {expected}, the file says "
            f"{shown(fields.raw('check'))}"
        )
    return found


def _time(fields: Fields, name: str, may_lack: bool = False) -> str:
    text = fields.text(name, 40)
    if text or not may_lack:
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            datetime.fromisoformat(text)
        except ValueError as error:
            raise ProbeError(
                f"the file: {name} is {shown(text)}, expected a time such as "
                "2026-05-01T12:00:00.000Z"
            ) from error
    return text


def _answer(value: object, scale: str, where: str) -> Answer:
    fields = Fields(value, ANSWER_FIELDS, where)
    rated = scale == SIMILARITY
    ratings = None
    if rated:
        sides = Fields(fields.raw("ratings"), SIDES, f"{where}, ratings")
        ratings = {side: sides.whole(side, LOWEST, HIGHEST) for side in SIDES}
    elif fields.raw("ratings") is not None:
        raise ProbeError(f"{where}: ratings with the scale {AB}, expected null")
    plays = Fields(fields.raw("plays"), SOUNDS, f"{where}, plays")
    return Answer(
        item=fields.name("item"),
        choice=fields.choice("choice", (None,) if rated else SIDES),
        ratings=ratings,
        plays={sound: plays.whole(sound, 0, MAX_PLAYS) for sound in SOUNDS},
        milliseconds=fields.whole("milliseconds", 0, MAX_MILLISECONDS),
    )
