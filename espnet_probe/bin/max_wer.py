"""The option ``--max_wer`` of the commands that judge several models."""

import math
from typing import Optional

from espnet_probe.errors import ProbeError


def read_max_wer(text: str) -> Optional[float]:
    """Read the word error rate above which a model decides nothing.

    Args:
        text: A number in percent, or ``none``.

    Returns:
        The number; None if every model counts.

    Raises:
        ProbeError: If it is neither.
    """
    if text == "none":
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ProbeError(f"--max_wer: got {text}, expected a number from 0, or none")
    return number
