"""Capitals or small letters: what a recogniser writes, and what it is compared with."""

import re
from typing import Any, Callable, Optional

#: Of letters that are all of one kind: its name, and what makes others alike.
UPPER, LOWER = "capitals", "small letters"
MADE_ALIKE = {UPPER: str.upper, LOWER: str.lower}


def letter_case(tokens: Any) -> Optional[str]:
    """Return which letters a recogniser has.

    Args:
        tokens: The ``token_list`` of its configuration; names in angle brackets, such
            as ``<blank>``, are no text.

    Returns:
        UPPER or LOWER; None if it has both or none, or no list.
    """
    if not isinstance(tokens, (list, tuple)):
        return None
    texts = [str(one) for one in tokens]
    said = "".join(one for one in texts if not (one[:1] == "<" and one[-1:] == ">"))
    upper, lower = said.upper(), said.lower()
    if upper == lower or said not in (upper, lower):
        return None
    return UPPER if said == upper else LOWER


def as_written_by(tokens: Any) -> Callable[[str], str]:
    """Return what brings a text into the letters that a recogniser has.

    Args:
        tokens: As of :func:`letter_case`.
    """
    case = letter_case(tokens)
    if case is None:
        return str
    alike = MADE_ALIKE[case]

    def written(text: str) -> str:
        # What stands in angle brackets is a token's name.
        parts = re.split(r"(<[^<>\s]+>)", text)
        return "".join(part if part[:1] == "<" else alike(part) for part in parts)

    return written
