"""Simulated listeners, to try a listening test before people are asked.

A simulated listener answers wrongly at a given rate per layer, or goes by an embedder's
scores: to each of the two scores of a triplet normal noise is added, and the higher one
wins. All that such a panel gives back says that it is simulated, and scoring keeps it
apart from what people answered.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy.special import ndtr

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import (
    HIGHEST,
    LOWEST,
    SIDES,
    SIMILARITY,
    SOUNDS,
    Answer,
    Answers,
)
from espnet_probe.listening.key_format import ATTENTION, TRIAL, Item, Key

#: When the first of them begins: nobody will take it for a day of a real test.
BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)
#: Mean of the time that an answer takes, in ms.
THINKING = 8000.0


@dataclass(frozen=True)
class Panel:
    """What simulated listeners go by.

    Attributes:
        error_rates: By layer, how often they are wrong, 0 to 1; empty with an embedder.
        embedder: Whose scores they hear; None with error rates.
        noise: Standard deviation of the noise added to each score.
        attention_error: How often they fail an attention check, 0 to 1.
    """

    error_rates: Mapping[str, float] = field(default_factory=dict)
    embedder: Optional[str] = None
    noise: float = 0.0
    attention_error: float = 0.0

    @property
    def title(self) -> str:
        """The panel in words; it stands in each of its files."""
        if self.embedder is not None:
            return f"embedder {self.embedder}, noise {self.noise:g}"
        each = [f"{layer} {rate:g}" for layer, rate in self.error_rates.items()]
        return f"error rates {', '.join(each)}"

    def error_of(self, item: Item) -> float:
        """Return how often they are wrong about an item, 0 to 1.

        Args:
            item: What is shown.

        Raises:
            ProbeError: If there is no rate of its layer, or no score of it.
        """
        if item.kind == ATTENTION:
            return self.attention_error
        if self.embedder is None:
            if item.layer not in self.error_rates:
                raise ProbeError(
                    f"--error_rates has none of layer {item.layer}: give one for each "
                    "layer of the test"
                )
            return self.error_rates[item.layer]
        difference = self.difference(item)
        if self.noise == 0.0:
            return 0.5 if difference == 0 else float(difference < 0)
        # Both scores are moved, so their difference by sqrt(2) as much.
        return float(ndtr(-difference / (math.sqrt(2.0) * self.noise)))

    def difference(self, item: Item) -> float:
        """Return the score of the same speaker minus that of the other."""
        scores = item.scores.get(str(self.embedder))
        if scores is None:
            known = ", ".join(sorted(item.scores)) or "none"
            raise ProbeError(
                f"the key has no scores of embedder {self.embedder} for item "
                f"{item.item} (there: {known})"
            )
        right = scores["xa"] - scores["xb"]
        return right if item.answer == "A" else -right


def _answer(item: Item, scale: str, panel: Panel, rng: np.random.Generator) -> Answer:
    wrong = bool(rng.random() < panel.error_of(item))
    other = SIDES[1 - SIDES.index(item.answer)]
    chosen = other if wrong else item.answer
    ratings: Optional[Dict[str, int]] = None
    if scale == SIMILARITY:
        low, high = sorted(rng.choice(np.arange(LOWEST, HIGHEST + 1), 2, replace=False))
        ratings = {side: int(high if side == chosen else low) for side in SIDES}
    plays = {sound: int(rng.integers(1, 4)) for sound in SOUNDS}
    spent = min(600_000, 1000 + round(rng.exponential(THINKING)))
    choice = None if ratings is not None else chosen
    return Answer(item.item, choice, ratings, plays, spent)


def simulate(key: Key, panel: Panel, num_listeners: int, seed: int) -> List[Answers]:
    """Let simulated listeners answer a sheet each, the sheets in turn.

    Args:
        key: The key of the test.
        panel: What they go by.
        num_listeners: How many.
        seed: Seed of the draws.

    Raises:
        ProbeError: If the panel does not fit the test.
    """
    rng = np.random.default_rng(seed)
    numbers = sorted(key.sheets)
    if not numbers:
        raise ProbeError("the key has no sheet")
    found = []
    for number in range(num_listeners):
        sheet = numbers[number % len(numbers)]
        answers = [_answer(i, key.scale, panel, rng) for i in key.sheets[sheet]]
        begin = BEGIN + timedelta(hours=number)
        spent = sum(one.milliseconds for one in answers)
        found.append(
            Answers(
                test=key.test,
                sheet=sheet,
                listener=f"simulated-{seed}-{number + 1}",
                started=_time(begin),
                finished=_time(begin + timedelta(milliseconds=spent)),
                complete=True,
                scale=key.scale,
                level_check="simulated",
                answers=answers,
                agent="simulated",
                simulated=f"{panel.title}, seed {seed}",
            )
        )
    return found


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def expected_errors(
    key: Key, panel: Panel, sheets: Sequence[int]
) -> Dict[Tuple[str, str, str, str], float]:
    """Return the error rates that a panel was made with, in percent.

    Args:
        key: The key of the test.
        panel: What the listeners go by.
        sheets: The sheet of each listener.

    Returns:
        By experiment, set, condition and layer, the mean over the answers given.
    """
    found: Dict[Tuple[str, str, str, str], List[float]] = {}
    for sheet in sheets:
        for item in key.sheets[sheet]:
            if item.kind == TRIAL:
                found.setdefault(item.place, []).append(panel.error_of(item))
    return {place: 100.0 * float(np.mean(own)) for place, own in found.items()}
