"""JSON documents of a format of our own: read strictly, refused in one line.

Answers come from other people's computers. What is not exactly as the page writes it
is not taken, and no content whatever makes reading fail with anything but a ProbeError.
"""

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError

#: Names that are drawn at random: of tests, items and listeners.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _pairs(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def parse(content: bytes, what: str) -> Dict[str, Any]:
    """Read a JSON object.

    Args:
        content: UTF-8, with or without a byte order mark.
        what: What it should be, for the message: "answers".

    Raises:
        ProbeError: If it is no JSON object, or names something twice.
    """
    try:
        text = content.decode("utf-8-sig")
        found = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ProbeError(f"not JSON ({reason}); expected {what}") from error
    if not isinstance(found, dict):
        raise ProbeError(f"a JSON {type(found).__name__}; expected {what}, an object")
    return found


def check_format(document: Mapping[str, object], name: str, version: int) -> None:
    """Check what a document says it is.

    Args:
        document: What was read.
        name: The format expected.
        version: The version expected.

    Raises:
        ProbeError: If it says something else.
    """
    for key, expected in (("format", name), ("version", version)):
        found = document.get(key)
        # True and 1.0 are equal to 1, but no version.
        if type(found) is not type(expected) or found != expected:
            raise ProbeError(f"{key} is {shown(found)}; expected {shown(expected)}")


class Fields:
    """The fields of one object, each taken once and checked."""

    def __init__(self, value: object, names: Sequence[str], where: str) -> None:
        """Check which fields there are.

        Args:
            value: What was read.
            names: The fields that it must have, and no others.
            where: What it is, for messages: "answer 3".

        Raises:
            ProbeError: If it is no object, or has other fields.
        """
        if not isinstance(value, dict):
            raise ProbeError(f"{where}: expected an object, got {shown(value)}")
        lacking = [name for name in names if name not in value]
        unknown = [name for name in value if name not in names]
        if lacking or unknown:
            said = [f"no {', '.join(lacking)}"] if lacking else []
            said += [f"unknown {shown(', '.join(unknown))}"] if unknown else []
            raise ProbeError(f"{where}: {'; '.join(said)}")
        self._value: Mapping[str, object] = value
        self._where = where

    def _refuse(self, name: str, expected: str) -> ProbeError:
        got = shown(self._value[name])
        return ProbeError(f"{self._where}: {name} is {got}, expected {expected}")

    def raw(self, name: str) -> object:
        """Return a field as it was read."""
        return self._value[name]

    def text(self, name: str, longest: int = 200) -> str:
        """Return a string of at most ``longest`` characters."""
        value = self._value[name]
        if not isinstance(value, str):
            raise self._refuse(name, "a string")
        if len(value) > longest:
            raise self._refuse(name, f"at most {longest} characters")
        return value

    def name(self, name: str) -> str:
        """Return a random name: 1 to 64 letters, digits, ``_`` or ``-``."""
        value = self._value[name]
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self._refuse(name, "1 to 64 letters, digits, '_' or '-'")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number, ``low <= number <= high``."""
        value = self._value[name]
        # True is an int to Python.
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(name, f"a whole number, {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        value = self._value[name]
        if not isinstance(value, bool):
            raise self._refuse(name, "true or false")
        return value

    def choice(self, name: str, choices: Sequence[Optional[str]]) -> Any:
        """Return one of several strings, or None if that is among them."""
        value = self._value[name]
        if value is not None and not isinstance(value, str) or value not in choices:
            words = ", ".join("null" if c is None else repr(c) for c in choices)
            raise self._refuse(name, words)
        return value

    def items(self, name: str) -> List[object]:
        """Return a list."""
        value = self._value[name]
        if not isinstance(value, list):
            raise self._refuse(name, "a list")
        return value

    def table(self, name: str) -> Dict[str, Any]:
        """Return an object of any fields."""
        value = self._value[name]
        if not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return value


def shown(value: object) -> str:
    """Return a value as it can stand in a one-line message: short, escaped."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def printable(text: str) -> str:
    """Replace what a terminal would obey, and what no UTF-8 file can hold."""
    return "".join(c if c.isprintable() else "?" for c in text)
