"""The difference of two equal error rates over the same trials, with its interval.

Both rates are recomputed in the same draws of speakers (``speaker_draws``), so that
what makes a speaker hard for both cancels; the percentile interval of the differences
is widened for few speakers (``contrasts``).
"""

from typing import Mapping, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from espnet_probe.scores.contrasts import Cell, Contrast, contrast
from espnet_probe.scores.intervals import NUM_DRAWS
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.scores.trials import Trial
from espnet_probe.scores.verification import eer


class PairedRates(NamedTuple):
    """Two equal error rates over the same trials.

    Attributes:
        first: In percent.
        second: In percent.
        difference: First minus second, in percentage points, with its 95 % interval.
        num_speakers: How many speakers the trials are of.
    """

    first: float
    second: float
    difference: Contrast
    num_speakers: int


def compare_rates(
    trials: Sequence[Trial],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    speakers: Mapping[str, str],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> PairedRates:
    """Compare two systems, layers, models or conditions that scored the same trials.

    Args:
        trials: The trials.
        first: ``(trials,)``, finite, of the one.
        second: ``(trials,)``, finite, of the other.
        speakers: The person who speaks each utterance.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Raises:
        ProbeError: If no equal error rate exists, or a label contradicts the speakers.
    """
    targets = np.array([trial.target for trial in trials], dtype=np.bool_)
    pairs = [(speakers[trial.enrolment], speakers[trial.test]) for trial in trials]
    cells = []
    for scores in (first, second):
        draws, drawn = eer_draws(scores, targets, pairs, num_draws, seed)
        cells.append(
            Cell(eer(scores, targets), count=len(trials), draws=draws, drawn=drawn)
        )
    one, other = cells
    difference = contrast([(1.0, one), (-1.0, other)])
    return PairedRates(one.value, other.value, difference, len(one.drawn))
