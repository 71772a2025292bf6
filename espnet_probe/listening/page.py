"""The page of a listening test: one file with its style and script, and sounds.

It names nothing but random names: no layer, set, speaker, answer, seed or time. It
loads nothing but the sounds beside it, so it works from the file system and from any
web server, and it sends nothing but the answers, where it was told an address.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import AB, SCALES, SIMILARITY

#: Folder of the sounds, beside the page.
SOUNDS = "sounds"
#: What a script in a page must not hold as it is.
_ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}

_QUIET = (
    "Use headphones if you can, in a quiet place. Many of the sounds are distorted, "
    "some so much that no word can be made out: that is intended. If you cannot tell, "
    "choose what seems more likely. You can pause at any time; your answers are kept "
    "in this browser until you have finished, also if the page is closed."
)
#: What listeners are told, by scale; paragraphs are separated by empty lines.
INSTRUCTIONS = {
    AB: "Each item has three short sounds: A, B and X. A and B are two different "
    "voices. X is one of these two voices, mostly saying something else.\n\n"
    "Listen to all three, as often as you like, and decide: is X the voice of A or "
    f"the voice of B? Only the voice counts, not what is said.\n\n{_QUIET}",
    SIMILARITY: "Each item has three short sounds: A, B and X.\n\n"
    "Listen to all three, as often as you like, and rate twice how alike the voices "
    "are: that of X and that of A, and that of X and that of B. 1 means surely "
    "different persons, 3 means that you cannot tell, 5 means surely the same person. "
    f"Only the voice counts, not what is said.\n\n{_QUIET}",
}


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        test: The test's random name.
        scale: ``ab`` or ``similarity``.
        sheets: By number the items in order: ``item``, ``A``, ``B``, ``X``, the last
            three being names of files in the folder of sounds.
        level: The file for the level check.
        title: Heading of the page.
        instructions: What listeners are told, plain text.
        consent: What they have to agree to, plain text; None for nothing.
        post_to: Where answers are sent; None for nowhere.
    """

    test: str
    scale: str
    sheets: Mapping[int, Sequence[Mapping[str, str]]]
    level: str
    title: str = "Listening test"
    instructions: Optional[str] = None
    consent: Optional[str] = None
    post_to: Optional[str] = None

    def data(self) -> Dict[str, Any]:
        """Return what the script knows."""
        return {
            "test": self.test,
            "scale": self.scale,
            "folder": SOUNDS,
            "level": self.level,
            "post_to": self.post_to or "",
            "sheets": {str(n): list(items) for n, items in self.sheets.items()},
        }


def check_address(address: str) -> str:
    """Check where answers are to be sent.

    Args:
        address: A web address, or a path on the server that has the page.

    Raises:
        ProbeError: If it is neither.
    """
    if re.fullmatch(r"https?://[^\s/]+\S*|/(?!/)\S*", address):
        return address
    raise ProbeError(
        f"--post_to {address}: expected an address that begins with https:// or "
        "http://, or a path such as /answers on the server that has the page"
    )


def paragraphs(text: str) -> List[str]:
    """Return the paragraphs of a plain text, which are separated by empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def render(page: Page) -> str:
    """Return the page's HTML.

    Args:
        page: What it shows. All texts may hold anything: they are escaped.
    """
    assert page.scale in SCALES
    environment = Environment(
        loader=PackageLoader("espnet_probe.listening"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def source(name: str) -> Markup:
        assert environment.loader is not None
        return Markup(environment.loader.get_source(environment, name)[0])

    text = json.dumps(page.data(), ensure_ascii=False, separators=(",", ":"))
    return environment.get_template("listening.html").render(
        title=page.title,
        similarity=page.scale == SIMILARITY,
        instructions=paragraphs(page.instructions or INSTRUCTIONS[page.scale]),
        consent=paragraphs(page.consent or ""),
        css=source("listening.css"),
        script=source("listening_store.js") + source("listening.js"),
        data_json=Markup(text.translate(_ESCAPED)),
    )
