"""One answer to one triplet, and which triplets of several sheets are the same."""

import json
import re
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple, Union

from espnet_probe.listening.answer_format import Answer
from espnet_probe.listening.answers import Sheet, wrongness
from espnet_probe.listening.key_format import Item, Key

#: Rows of a report that are no layers.
CONTROLS = ("natural", "oracle")

#: Experiment, set, condition and layer.
Place = Tuple[str, str, str, str]


@dataclass(frozen=True)
class Heard:
    """One answer to one triplet.

    Attributes:
        sheet: The sheet that it is in.
        item: What was shown.
        answer: What was said.
    """

    sheet: Sheet
    item: Item
    answer: Answer

    @property
    def listener(self) -> str:
        """Who answered."""
        return self.sheet.answers.listener

    @property
    def triplet(self) -> str:
        """A name of the triplet, the same in every sheet."""
        return triplet_name(self.item)

    @property
    def wrong(self) -> float:
        """1, 0, or 0.5 for equal ratings."""
        return wrongness(self.item, self.answer)

    @property
    def choice(self) -> Optional[str]:
        """``A`` or ``B``; None for equal ratings."""
        return choice_of(self.answer)

    @property
    def named(self) -> Optional[str]:
        """The speaker who was named; None for equal ratings."""
        return None if self.choice is None else self.item.speaker_of(self.choice)


def choice_of(answer: Answer) -> Optional[str]:
    """Return the side that an answer is for; None for equal ratings."""
    if answer.ratings is None:
        return answer.choice
    a, b = answer.ratings["A"], answer.ratings["B"]
    return None if a == b else "A" if a > b else "B"


def triplet_name(item: Item) -> str:
    """Return a text that is the same for the same triplet, whichever side is A."""
    *rest, sides = item.triplet
    return json.dumps([*rest, *sorted(sides)])


def answers_to(sheets: Sequence[Sheet], *kinds: str) -> List[Heard]:
    """Return all answers to items of some kinds."""
    return [Heard(s, *pair) for s in sheets for pair in s.pairs(*kinds)]


def _natural(name: str) -> List[Tuple[int, Union[int, str]]]:
    parts: List[str] = re.findall(r"\d+|\D+", name)
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts]


def in_order(places: Sequence[Place], key: Key) -> List[Place]:
    """Sort by experiment, set and layer, as the key's settings list the layers.

    What is no layer, as natural speech, comes first if they do not list it.
    """
    listed = key.settings.get("layers")
    names = [str(one) for one in listed] if isinstance(listed, list) else []
    names = [*(one for one in CONTROLS if one not in names), *names]

    def order(place: Place) -> Tuple[Any, ...]:
        exp, subset, condition, layer = place
        number = names.index(layer) if layer in names else len(names)
        return exp, _natural(subset), condition, number, _natural(layer)

    return sorted(dict.fromkeys(places), key=order)
