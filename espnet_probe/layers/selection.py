"""Choosing layers by name or glob."""

import re
from fnmatch import fnmatchcase
from typing import List, Sequence, Union

from espnet_probe.errors import ProbeError

#: Between a block's name and that of a part inside it: ``block3-attention``.
PART = "-"

#: The same, but not inside the brackets of ``block[3-6]``.
_PART_OF_GLOB = re.compile(r"-(?![^\[]*\])")

_DOTTED_NUMBER = re.compile(r"\.(\d+)")


def matches(name: str, pattern: str) -> bool:
    """Say whether a layer's name matches a pattern.

    As ``*`` of a shell does not cross the ``/`` of a path, no wildcard crosses the
    ``-`` before a part: ``block*`` are the blocks, ``block*-attention`` what is in
    them.

    Args:
        name: A canonical layer name.
        pattern: A name or glob.
    """
    parts, globs = name.split(PART), _PART_OF_GLOB.split(pattern)
    return len(parts) == len(globs) and all(
        fnmatchcase(part, glob) for part, glob in zip(parts, globs)
    )


def select_names(
    patterns: Union[str, Sequence[str]], available: Sequence[str]
) -> List[str]:
    """Return the layer names that any of the patterns matches, in network order.

    Args:
        patterns: Names or globs such as ``blstm*`` or ``block[3-6]``; a string
            holds several, separated by blanks or commas. Where layers are named
            by module path, ``encoder.layers.3`` is ``layers3``.
        available: All names of the model, in network order.

    Raises:
        ProbeError: If a pattern matches nothing, or no pattern is given.
    """
    if isinstance(patterns, str):
        patterns = patterns.replace(",", " ").split()
    # A module path: canonical names have no dots, and numbers may stand without them.
    alternatives = {
        pattern: {pattern, _DOTTED_NUMBER.sub(r"\1", pattern)} for pattern in patterns
    }
    chosen = {
        pattern: {
            name
            for name in available
            for other in others
            if matches(name, other.removeprefix("encoder.").replace(".", PART))
        }
        for pattern, others in alternatives.items()
    }
    if not patterns:
        raise ProbeError(
            f"no layer was chosen: name some of {listing(available)}, or '*' for all"
        )
    for pattern, names in chosen.items():
        if not names:
            raise ProbeError(
                f"unknown layer {pattern!r}: this model has {listing(available)}"
            )
    return [name for name in available if any(name in one for one in chosen.values())]


def listing(names: Sequence[str]) -> str:
    """Return layer names as an error says them, the parts of one block only.

    Args:
        names: All names, in network order.
    """
    whole = [name for name in names if PART not in name]
    parts = [name for name in names if PART in name]
    block = parts[0].split(PART)[0] if parts else ""
    examples = [name for name in parts if name.startswith(block + PART)]
    said = " ".join(whole)
    return f"{said}, and parts such as {' '.join(examples[:6])}" if parts else said
