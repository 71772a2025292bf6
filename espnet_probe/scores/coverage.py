"""How far off the interval of an equal error rate of few speakers is.

The percentile interval over few speakers is too narrow: their number sets how well
the spread between speakers is known, and a draw with replacement has less of it than
there is. How much too narrow was found by simulation: ``benchmarks/
interval_coverage.py`` draws voices from a two-covariance model (as of probabilistic
linear discriminant analysis), scores 2000 trials of them or as many as there are, and
counts how often the interval holds the true rate. ``TABLE`` is its output.

With 20 speakers it holds it in 90 to 96 %, with 40 in 93 to 97 %.
"""

from typing import NamedTuple, Optional

import numpy as np

#: Fewer speakers than this get a note.
ENOUGH = 20


class Row(NamedTuple):
    """What was found for a number of speakers.

    Attributes:
        speakers: Their number.
        low: Coverage in percent of nominal 95 % intervals, for a true rate of 5 %.
        middle: The same for 11 %.
        high: The same for 34 %.
        stretch: By how much the interval's arms would have to be longer for 95 %, for
            a true rate of 11 %.
    """

    speakers: int
    low: float
    middle: float
    high: float
    stretch: float


#: Simulated with 700 sets each; the standard error of a coverage is about 1.
TABLE = (
    Row(5, 71.6, 83.7, 92.4, 1.88),
    Row(6, 73.7, 84.6, 92.0, 1.85),
    Row(8, 79.3, 89.1, 93.4, 1.41),
    Row(10, 82.4, 90.3, 93.4, 1.42),
    Row(12, 83.4, 90.7, 95.4, 1.26),
    Row(15, 88.0, 93.9, 95.9, 1.10),
    Row(20, 89.6, 93.4, 95.9, 1.06),
)


def interval_note(num_speakers: int) -> Optional[str]:
    """Say how far off the interval of an equal error rate is.

    Args:
        num_speakers: How many speakers the trials are of, enough for an interval.

    Returns:
        One sentence; None for 20 speakers and more.
    """
    if num_speakers >= ENOUGH:
        return None
    known = [row.speakers for row in TABLE]

    def at(column: str) -> float:
        values = [getattr(row, column) for row in TABLE]
        return float(np.interp(num_speakers, known, values))

    coverage = [at("low"), at("middle"), at("high")]
    return (
        f"too narrow, being over {num_speakers} speakers: of simulated intervals like "
        f"this one {min(coverage):.0f} to {max(coverage):.0f} % held the true rate, "
        "not 95 %, and at a rate of 11 % they would have to be "
        f"{at('stretch'):.1f} times as wide"
    )
