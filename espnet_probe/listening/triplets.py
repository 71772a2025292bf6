"""Drawing triplets A, B, X: two speakers, and another utterance of one of them.

Conventions
-----------
A triplet is drawn as three utterances: ``x``, ``own`` (of the speaker of ``x``) and
``other`` (of another one). Which of the last two is called A is decided elsewhere.

Speakers are taken in turn: the next is who has been X least often on that layer, then
in that sheet, then at all; so are their counterparts and the utterances. Where texts
are known, X says something else than A and B as long as there is such a triplet, for
the same words would be a cue of their own.
"""

import random
from dataclasses import dataclass
from typing import (
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
)

from espnet_probe.errors import ProbeError
from espnet_probe.scores.balanced_pairs import by_speaker
from espnet_probe.scores.trial_sampling import genders_of_speakers


class TooFewTriplets(ProbeError):
    """The data cannot give the triplets that a test needs."""


@dataclass(frozen=True)
class Triplet:
    """Three utterances.

    Attributes:
        x: The utterance that is asked about.
        own: Another one of the same speaker.
        other: One of another speaker.
    """

    x: str
    own: str
    other: str


class Pool:
    """The utterances that triplets are drawn from.

    Attributes:
        utt2spk: The speaker of each utterance.
        speakers: The utterances of each speaker, sorted.
        texts: What is said, as far as that is known.
    """

    def __init__(
        self,
        utt2spk: Mapping[str, str],
        genders: Optional[Mapping[str, str]] = None,
        texts: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Sort the utterances.

        Args:
            utt2spk: The speaker of each utterance.
            genders: By speaker or utterance: A and B are then of one gender.
            texts: Text by utterance; may lack some.

        Raises:
            ProbeError: If the gender of a speaker is unknown or contradicts itself.
        """
        self.utt2spk = dict(utt2spk)
        self.speakers = by_speaker(self.utt2spk)
        said = texts or {}
        self.texts = {utt: said[utt] for utt in self.utt2spk if utt in said}
        found = genders_of_speakers(self.utt2spk, genders) if genders else {}
        self._group = {speaker: found.get(speaker, "") for speaker in self.speakers}
        self.within = " of one gender" if genders else ""

    def others(self, speaker: str) -> List[str]:
        """Return the speakers who can be the other one beside a speaker."""
        own = self._group[speaker]
        return [s for s, g in self._group.items() if g == own and s != speaker]

    def asked(self) -> List[str]:
        """Return the speakers who can be X: two utterances, and a counterpart."""
        return [
            speaker
            for speaker, utts in self.speakers.items()
            if len(utts) > 1 and self.others(speaker)
        ]

    def size(self) -> int:
        """Return how many triplets there are."""
        total = 0
        for speaker in self.asked():
            own = len(self.speakers[speaker])
            rest = sum(len(self.speakers[other]) for other in self.others(speaker))
            total += own * (own - 1) * rest
        return total

    def describe(self) -> str:
        """Say what there is, for messages."""
        return (
            f"{len(self.utt2spk)} utterances of {len(self.speakers)} speakers, "
            f"{len(self.asked())} of whom have two or more and a counterpart"
            f"{self.within}, give {self.size()} triplets"
        )

    def differ(self, triplet: Triplet) -> bool:
        """Say whether X says something else than A and B, as far as is known."""
        said = self.texts.get(triplet.x)
        return said is None or said not in (
            self.texts.get(triplet.own),
            self.texts.get(triplet.other),
        )


class Count:
    """How often something was taken: on a layer, in a sheet, and at all."""

    def __init__(self) -> None:
        """Start with nothing taken."""
        self._counts: Dict[Hashable, int] = {}

    def add(self, name: Hashable, *places: Hashable) -> None:
        """Count one more, in each of the places and at all."""
        for place in (*places, None):
            key = (name, place)
            self._counts[key] = self._counts.get(key, 0) + 1

    def of(self, name: Hashable, place: Hashable = None) -> int:
        """Return how often in a place; None for at all."""
        return self._counts.get((name, place), 0)


class TripletDraw:
    """Draws triplets one by one, each speaker about equally often.

    Attributes:
        same_text: How many of those drawn have X say what A or B says.
    """

    def __init__(self, pool: Pool, draw: random.Random) -> None:
        """Begin.

        Args:
            pool: The utterances.
            draw: Source of randomness.
        """
        self.same_text = 0
        self._pool = pool
        self._draw = draw
        self._asked, self._other, self._pair = Count(), Count(), Count()
        self._utts = Count()
        self._used: Dict[Hashable, Set[Triplet]] = {}

    def check(self, most: int) -> None:
        """Check that there are enough triplets.

        Args:
            most: How many different ones a layer or a sheet needs.

        Raises:
            TooFewTriplets: If not, with counts.
        """
        if self._pool.size() < most:
            raise TooFewTriplets(
                f"{self._pool.describe()}: expected at least {most} for one sheet and "
                "layer; take a set with more speakers or utterances, or ask for fewer "
                "sheets (--num_sheets) or items (--items_per_sheet)"
            )

    def draw(self, place: Hashable, sheet: Hashable) -> Triplet:
        """Draw a triplet that neither the place nor the sheet has had.

        Args:
            place: The layer, of a set and an experiment.
            sheet: The sheet, or whatever its triplets must differ in.

        Raises:
            TooFewTriplets: If there is none left.
        """
        layer, page = ("layer", place), ("sheet", sheet)
        used = self._used.setdefault(layer, set())
        used_here = self._used.setdefault(page, set())
        asked = self._in_turn(self._pool.asked(), self._asked, layer, page)
        for speaker in asked:
            partners = self._in_turn(
                self._pool.others(speaker), self._other, layer, page, speaker
            )
            for partner in partners:
                found = self._choose(speaker, partner, page, used | used_here)
                if found is None:
                    continue
                self._asked.add(speaker, layer, page)
                self._other.add(partner, layer, page)
                self._pair.add((speaker, partner))
                used.add(found)
                self._take(found, page)
                self.same_text += not self._pool.differ(found)
                return found
        raise TooFewTriplets(f"no triplet is left: {self._pool.describe()}")

    def share(self, triplets: Iterable[Triplet], sheet: Hashable) -> None:
        """Count triplets that were drawn for several sheets as those of one of them.

        Args:
            triplets: The triplets.
            sheet: The sheet.
        """
        for triplet in triplets:
            self._take(triplet, ("sheet", sheet))
            utt2spk = self._pool.utt2spk
            self._asked.add(utt2spk[triplet.x], ("sheet", sheet))
            self._other.add(utt2spk[triplet.other], ("sheet", sheet))

    def _take(self, triplet: Triplet, page: Hashable) -> None:
        self._used.setdefault(page, set()).add(triplet)
        for utt in (triplet.x, triplet.own, triplet.other):
            self._utts.add(utt, page)

    def _in_turn(
        self,
        names: Sequence[str],
        count: Count,
        layer: Hashable,
        page: Hashable,
        speaker: Optional[str] = None,
    ) -> List[str]:
        """Return speakers, those first who were taken least."""
        order = [
            (
                count.of(name, layer),
                count.of(name, page),
                0 if speaker is None else self._pair.of((speaker, name)),
                count.of(name),
                self._draw.random(),
                name,
            )
            for name in names
        ]
        return [entry[-1] for entry in sorted(order)]

    def _choose(
        self, speaker: str, partner: str, page: Hashable, used: Set[Triplet]
    ) -> Optional[Triplet]:
        """Choose utterances of two speakers, those first that were taken least."""
        own = self._fresh(self._pool.speakers[speaker], page)
        other = self._fresh(self._pool.speakers[partner], page)
        for strict in (True, False):
            for triplet in self._candidates(own, other, strict):
                if triplet not in used:
                    return triplet
        return None

    def _candidates(
        self, own: Sequence[str], other: Sequence[str], strict: bool
    ) -> Iterator[Triplet]:
        """Give the triplets of two speakers; strictly, those with other words."""
        for x in own:
            for second in own:
                # Not later: else a pair with the same words costs a round of B's.
                if x == second or (
                    strict and not self._pool.differ(Triplet(x, second, second))
                ):
                    continue
                for third in other:
                    triplet = Triplet(x, second, third)
                    if not strict or self._pool.differ(triplet):
                        yield triplet

    def _fresh(self, utts: Sequence[str], page: Hashable) -> List[str]:
        order = [
            (self._utts.of(utt, page), self._utts.of(utt), self._draw.random(), utt)
            for utt in utts
        ]
        return [entry[-1] for entry in sorted(order)]
