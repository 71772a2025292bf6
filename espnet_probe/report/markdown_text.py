"""Text from data as Markdown."""

import re
from typing import Sequence

QUOTE = "'"  # for a backtick, which would end a code span


def escape(text: str) -> str:
    """Escape text from data for a line or a table cell of Markdown."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|])", r"\\\1", text)
    # Brackets make a link only together with what may follow them, so that
    # intervals stay readable in the source.
    return re.sub(r"\](?=[\[(])|\[(?=\^)", lambda match: "\\" + match[0], text)


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the cells must be escaped already."""
    rows = [head, ["---"] * len(head), *lines]
    return "".join("|" + "|".join(cells) + "|\n" for cells in rows)
