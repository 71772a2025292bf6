"""What all commands share: one-line errors, a log format, time and memory used."""

import logging
import resource
import sys
import time
from pathlib import Path
from typing import Callable, Optional, Sequence

from espnet_probe.errors import ProbeError

LOG_FORMAT = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"


def peak_memory_gib() -> float:
    """Return the largest resident size this process has had, in GiB."""
    # ru_maxrss is in KiB on Linux but in bytes on macOS: getrusage(2).
    unit = 1024**3 if sys.platform == "darwin" else 1024**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def run(main: Callable[[Optional[Sequence[str]]], None]) -> int:
    """Run a command's ``main`` and turn a :class:`ProbeError` into one line.

    Args:
        main: The command; it takes the argument list, or None for ``sys.argv``.

    Returns:
        The exit code: 0, 1 after a :class:`ProbeError`, or 130 after Ctrl-C. Any other
        exception is a defect of the program and passes through with its traceback.
    """
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # It would tell of every glyph of a PDF.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    command = Path(sys.argv[0]).stem
    start = time.perf_counter()
    try:
        main(None)
    except ProbeError as error:
        message = " ".join(str(error).split())
        print(f"{command}: error: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"{command}: stopped; what is written stays, and the same command goes on "
            "from there",
            file=sys.stderr,
        )
        return 130
    logging.info(
        "%s finished: %.1f s, peak memory %.2f GiB",
        command,
        time.perf_counter() - start,
        peak_memory_gib(),
    )
    return 0
