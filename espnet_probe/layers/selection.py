"""Choosing layers by name or glob."""

from fnmatch import fnmatchcase
from typing import List, Sequence, Union

from espnet_probe.errors import ProbeError


def select_names(
    patterns: Union[str, Sequence[str]], available: Sequence[str]
) -> List[str]:
    """Return the layer names that any of the patterns matches, in network order.

    Args:
        patterns: Names or globs such as ``blstm*`` or ``block[3-6]``; a string
            holds several, separated by blanks or commas.
        available: All names of the encoder, in network order.

    Raises:
        ProbeError: If a pattern matches nothing, or no pattern is given.
    """
    if isinstance(patterns, str):
        patterns = patterns.replace(",", " ").split()
    if not patterns:
        raise ProbeError(
            f"no layer was chosen: name some of {' '.join(available)}, or '*' for all"
        )
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in available):
            raise ProbeError(
                f"unknown layer {pattern!r}: this model has {' '.join(available)}"
            )
    return [
        name
        for name in available
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
