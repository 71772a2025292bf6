"""The key of a listening test: what each item of each sheet really is.

A JSON object with ``format`` (``espnet_probe.listening_key``), ``version``, ``test``,
``made``, ``seed``, ``versions``, ``settings`` (with ``scale``) and ``sheets``: by the
sheet's number ``{"items": […]}``, each item with the fields of :class:`Item`. It stays
outside of the folder that listeners see.
"""

import json
import math
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import AB, MAX_SHEET, SCALES, SIDES
from espnet_probe.listening.strict_json import (
    Fields,
    check_format,
    parse,
    shown,
)

FORMAT = "espnet_probe.listening_key"
VERSION = 1
TRIAL = "trial"
ATTENTION = "attention"
REPEAT = "repeat"
KINDS = (TRIAL, ATTENTION, REPEAT)
FIELDS = (
    "format",
    "version",
    "test",
    "made",
    "seed",
    "versions",
    "settings",
    "sheets",
)
ITEM_FIELDS = (
    "item",
    "kind",
    "repeats",
    "exp",
    "layer",
    "set",
    "condition",
    "a",
    "b",
    "x",
    "answer",
    "scores",
)


@dataclass(frozen=True)
class Clip:
    """Which utterance a sound is of, and who speaks it."""

    utterance: str
    speaker: str


@dataclass(frozen=True)
class Item:
    """One triplet as it is shown.

    Attributes:
        item: Its random name.
        kind: ``trial``, ``attention`` (natural speech) or ``repeat``.
        repeats: Of a repeat, the name of the item that it repeats, in the same sheet.
        exp: The experiment.
        layer: The layer, or ``natural``.
        set: The set that the sounds are of, such as ``test_snr10``.
        condition: Such as ``snr10``.
        a: The sound behind A.
        b: The sound behind B.
        x: The sound behind X.
        answer: ``A`` or ``B``: whose speaker X has.
        scores: By embedder the scores of the pairs X, A (``xa``) and X, B (``xb``);
            None where they are not known.
    """

    item: str
    kind: str
    repeats: Optional[str]
    exp: str
    layer: str
    set: str
    condition: str
    a: Clip
    b: Clip
    x: Clip
    answer: str
    scores: Mapping[str, Optional[Mapping[str, float]]] = field(default_factory=dict)

    @property
    def place(self) -> Tuple[str, str, str, str]:
        """Experiment, set, condition and layer."""
        return self.exp, self.set, self.condition, self.layer

    @property
    def triplet(self) -> Tuple[str, str, str, str, str, str, FrozenSet[str]]:
        """What makes two items the same triplet, whichever of A and B comes first."""
        sides = frozenset((self.a.utterance, self.b.utterance))
        return (*self.place, self.x.utterance, self.x.speaker, sides)

    def speaker_of(self, side: str) -> str:
        """Return the speaker behind A or B."""
        return (self.a if side == "A" else self.b).speaker


@dataclass(frozen=True)
class Key:
    """The key of a test; see the module for the fields.

    Attributes:
        sheets: By number, the items in the order in which they are shown.
    """

    test: str
    made: str
    seed: int
    sheets: Mapping[int, Sequence[Item]]
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> str:
        """``ab`` or ``similarity``."""
        return str(self.settings.get("scale", AB))

    def document(self) -> Dict[str, Any]:
        """Return the content of the file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "test": self.test,
            "made": self.made,
            "seed": self.seed,
            "versions": dict(self.versions),
            "settings": dict(self.settings),
            "sheets": {
                str(number): {"items": [_item_document(one) for one in items]}
                for number, items in self.sheets.items()
            },
        }

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        text = json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise


def _item_document(item: Item) -> Dict[str, Any]:
    own = {name: getattr(item, name) for name in ITEM_FIELDS}
    for side in "abx":
        clip: Clip = own[side]
        own[side] = {"utterance": clip.utterance, "speaker": clip.speaker}
    own["scores"] = {
        name: None if pair is None else dict(pair) for name, pair in item.scores.items()
    }
    return own


def read_key(path: Path) -> Key:
    """Read the key of a test.

    Args:
        path: Its file.

    Raises:
        ProbeError: If there is none, or it is broken or contradicts itself.
    """
    try:
        document = parse(path.read_bytes(), "the key of a listening test")
        return _key(document)
    except OSError as error:
        raise ProbeError(
            f"no key at {path} ({error.strerror}): give the file that 'python -m "
            "espnet_probe.bin.make_listening_test' wrote with the page"
        ) from error
    except ProbeError as error:
        raise ProbeError(f"{path}: {error}") from error


def _key(document: Mapping[str, Any]) -> Key:
    check_format(document, FORMAT, VERSION)
    fields = Fields(document, FIELDS, "the key")
    settings, versions, sheets = (
        fields.table(name) for name in ("settings", "versions", "sheets")
    )
    if settings.get("scale", AB) not in SCALES:
        raise ProbeError(
            f"settings: scale is {shown(settings['scale'])}, expected one of "
            f"{', '.join(SCALES)}"
        )
    found: Dict[int, List[Item]] = {}
    for number, sheet in sheets.items():
        where = f"sheet {number}"
        if not re.fullmatch("[1-9][0-9]{0,6}", number) or int(number) > MAX_SHEET:
            raise ProbeError(f"{where}: expected a number from 1")
        own = Fields(sheet, ("items",), where).items("items")
        found[int(number)] = [
            _item(one, f"{where}, item {n}") for n, one in enumerate(own, start=1)
        ]
    key = Key(
        test=fields.name("test"),
        made=fields.text("made"),
        seed=fields.whole("seed", -(2**63), 2**64),
        versions={name: str(one) for name, one in versions.items()},
        settings=settings,
        sheets=found,
    )
    _check(key)
    return key


def _item(value: object, where: str) -> Item:
    fields = Fields(value, ITEM_FIELDS, where)
    clips = {}
    for side in "abx":
        own = Fields(fields.raw(side), ("utterance", "speaker"), f"{where}, {side}")
        clips[side] = Clip(own.text("utterance", 1000), own.text("speaker", 1000))
    repeats = fields.raw("repeats")
    return Item(
        item=fields.name("item"),
        kind=fields.choice("kind", KINDS),
        repeats=None if repeats is None else fields.name("repeats"),
        exp=fields.text("exp", 4096),
        layer=fields.text("layer"),
        set=fields.text("set", 1000),
        condition=fields.text("condition"),
        a=clips["a"],
        b=clips["b"],
        x=clips["x"],
        answer=fields.choice("answer", SIDES),
        scores={
            name: _scores(pair, f"{where}, scores of {shown(name)}")
            for name, pair in fields.table("scores").items()
        },
    )


def _scores(value: object, where: str) -> Optional[Dict[str, float]]:
    if value is None:
        return None
    fields = Fields(value, ("xa", "xb"), where)
    pair = {name: fields.raw(name) for name in ("xa", "xb")}
    found: Dict[str, float] = {}
    for name, one in pair.items():
        if one is None:
            return None
        if isinstance(one, bool) or not isinstance(one, (int, float)):
            raise ProbeError(f"{where}: {name} is {shown(one)}, expected a number")
        try:
            found[name] = float(one)
        except OverflowError:
            found[name] = math.inf
        if not math.isfinite(found[name]):
            raise ProbeError(f"{where}: {name} is not finite")
    return found


def _check(key: Key) -> None:
    """Refuse a key that contradicts itself."""
    known: Dict[str, int] = {}
    for number, items in key.sheets.items():
        own = {item.item: item for item in items}
        for item in items:
            where = f"sheet {number}, item {item.item}"
            if item.item in known:
                raise ProbeError(f"{where} is there twice")
            known[item.item] = number
            speakers = [item.speaker_of(side) for side in SIDES]
            if speakers[0] == speakers[1] or item.x.speaker != item.speaker_of(
                item.answer
            ):
                raise ProbeError(
                    f"{where}: A is by {shown(speakers[0])}, B by "
                    f"{shown(speakers[1])}, X by {shown(item.x.speaker)}, but the "
                    f"answer is {item.answer}"
                )
            first = own.get(item.repeats or "")
            if (item.kind == REPEAT) is not (first is not None) or (
                first is not None
                and (first.kind != TRIAL or first.triplet != item.triplet)
            ):
                raise ProbeError(
                    f"{where}: kind {item.kind}, repeats {shown(item.repeats)}; "
                    "expected of a repeat, and of no other, the name of a trial of the "
                    "same sheet and triplet"
                )
