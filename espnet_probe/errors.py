"""The one error type for what a user can put right."""

from typing import Sequence


class ProbeError(Exception):
    """Something that the user can fix.

    The message is one line and says what was got, what was expected and what to
    do. Commands in ``espnet_probe.bin`` print it without a traceback and exit
    with code 1; see :func:`espnet_probe.bin.cli.run`.
    """


def examples(names: Sequence[str]) -> str:
    """Return the first of some names in brackets; nothing if there are none.

    Args:
        names: Such as utterance ids.
    """
    return f" ({', '.join(names[:3])})" if names else ""
