"""Dealing triplets to sheets: layers, answers, attention checks, repeats, order.

- Layers: in a sheet, and over all sheets, each has as many trials as any other, or one
  more.
- Answers: in a sheet A is right as often as B, or once more or less, among the trials
  and among all items; so it is within each layer, as near as the number allows.
- Common items: triplets of the same layers in every sheet, so that the agreement of
  listeners can be computed; which voice is A, and their place, is drawn anew in each.
- Attention checks: natural speech, voices that are easy to tell apart. They are spread
  over the sheet.
- Repeats: a trial of the sheet's first part once more, later, with A and B swapped: a
  listener who prefers one side, or guesses, contradicts himself, and it is less easily
  noticed that it is the same.
"""

import random
from dataclasses import dataclass, replace
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import ATTENTION, REPEAT, TRIAL, Clip, Item
from espnet_probe.listening.secret import Secret
from espnet_probe.listening.triplets import (
    Pool,
    TooFewTriplets,
    Triplet,
    TripletDraw,
)

#: Items between a trial and its repeat, where the sheet is long enough.
GAP = 6
#: Part of a sheet whose trials may be repeated.
FIRST_PART = 0.6
#: Attention checks are the easiest of so many draws.
TRIES = 24


@dataclass(frozen=True)
class Place:
    """Where sounds are from.

    Attributes:
        exp: The experiment.
        set: The set.
        condition: ``clean``, or such as ``snr10``.
        layer: The layer, or a control.
    """

    exp: str
    set: str
    condition: str
    layer: str


@dataclass(frozen=True)
class Plan:
    """How many items of each kind.

    Attributes:
        num_sheets: How many sheets.
        trials: Trials in a sheet, the common ones among them.
        common: Trials that all sheets have in common.
        attention: Attention checks in a sheet.
        repeats: Repeated trials in a sheet.
    """

    num_sheets: int
    trials: int
    common: int
    attention: int
    repeats: int

    @property
    def items(self) -> int:
        """Items in a sheet."""
        return self.trials + self.attention + self.repeats

    def check(self) -> None:
        """Check the numbers.

        Raises:
            ProbeError: If they contradict each other.
        """
        if self.num_sheets < 1 or min(self.common, self.attention, self.repeats) < 0:
            raise ProbeError(
                f"got {self.num_sheets} sheets, {self.common} common items, "
                f"{self.attention} attention checks and {self.repeats} repeats: "
                "expected a sheet or more, and no negative number"
            )
        if self.trials < max(1, 2 * self.repeats, self.common):
            raise ProbeError(
                f"a sheet of {self.items} items with {self.attention} attention checks "
                f"and {self.repeats} repeats has {self.trials} trials: expected at "
                f"least {max(1, 2 * self.repeats, self.common)}, twice the repeats and "
                "all common items; give more --items_per_sheet"
            )


#: A trial before it is decided which voice is A.
Trial = Tuple[Place, Triplet]


def deal_places(
    places: Sequence[Place], plan: Plan, draw: random.Random
) -> Tuple[List[Place], List[List[Place]]]:
    """Decide of which layers the trials are.

    Args:
        places: The layers.
        plan: How many trials.
        draw: Decides where it does not come out even.

    Returns:
        Those of the common trials, and by sheet those of its own trials.
    """
    overall = dict.fromkeys(places, 0)

    def deal(number: int, here: Dict[Place, int], weight: int) -> List[Place]:
        dealt = []
        for _ in range(number):
            chosen = min(
                places, key=lambda one: (here[one], overall[one], draw.random())
            )
            here[chosen] += 1
            overall[chosen] += weight
            dealt.append(chosen)
        return dealt

    everywhere = dict.fromkeys(places, 0)
    common = deal(plan.common, everywhere, plan.num_sheets)
    own = [
        deal(plan.trials - plan.common, dict(everywhere), 1)
        for _ in range(plan.num_sheets)
    ]
    return common, own


def draw_trials(
    places: Sequence[Place],
    pools: Mapping[str, Pool],
    plan: Plan,
    seed: int,
) -> Tuple[List[List[Trial]], int]:
    """Draw the trials of all sheets.

    Args:
        places: The layers; at least one.
        pools: The utterances, by set. Sets with the same ones share the draw.
        plan: How many trials.
        seed: Seed of the draw.

    Returns:
        The trials by sheet, and how many of those drawn have X say what A or B says.

    Raises:
        ProbeError: If the numbers contradict each other.
        TooFewTriplets: If the data cannot give them.
    """
    plan.check()
    draw = random.Random(seed)
    draws: Dict[str, TripletDraw] = {}
    for name, pool in pools.items():
        shared = [n for n in draws if pools[n].utt2spk == pool.utt2spk]
        draws[name] = draws[shared[0]] if shared else TripletDraw(pool, draw)
    common_places, own_places = deal_places(places, plan, draw)
    by_place = [*common_places, *(one for own in own_places for one in own)]
    for name in sorted({place.set for place in places}):
        most = max(by_place.count(one) for one in places if one.set == name)
        try:
            draws[name].check(most + plan.trials)
        except TooFewTriplets as error:
            raise TooFewTriplets(f"{name}: {error}") from error
    common = [(place, draws[place.set].draw(place, "all")) for place in common_places]
    sheets = []
    for number, own in enumerate(own_places):
        for place, triplet in common:
            draws[place.set].share([triplet], number)
        drawn = [(place, draws[place.set].draw(place, number)) for place in own]
        sheets.append([*common, *drawn])
    same = sum(one.same_text for one in {id(d): d for d in draws.values()}.values())
    return sheets, same


def draw_attention(
    pool: Pool,
    number: int,
    seed: int,
    genders: Optional[Mapping[str, str]] = None,
    ease: Optional[Callable[[Triplet], float]] = None,
) -> List[Triplet]:
    """Draw triplets of natural speech that are easy to answer.

    Args:
        pool: The utterances.
        number: How many.
        seed: Seed of the draw.
        genders: By speaker: A and B are then of two, if there are two.
        ease: How easy a triplet is; of several draws the easiest is taken.

    Raises:
        TooFewTriplets: If there are not so many different ones.
    """
    if pool.size() < number:
        raise TooFewTriplets(
            f"{pool.describe()}: expected at least {number} for the attention checks; "
            "ask for fewer with --attention"
        )
    draw = random.Random(f"attention {seed}")
    known = genders or {}
    asked = pool.asked()
    turns = draw.sample(asked, len(asked))
    used: Set[Triplet] = set()
    found: List[Triplet] = []
    while len(found) < number:
        # A turn of a speaker all of whose triplets are used draws of another one.
        turn = turns[len(found) % len(turns)]
        best: Optional[Tuple[Tuple[bool, float], Triplet]] = None
        for number_of_try in range(TRIES):
            speaker = turn if number_of_try < TRIES // 2 or best else draw.choice(asked)
            x, own = draw.sample(pool.speakers[speaker], 2)
            partner = draw.choice(pool.others(speaker))
            triplet = Triplet(x, own, draw.choice(pool.speakers[partner]))
            if triplet in used or not pool.differ(triplet):
                continue
            apart = known.get(speaker) != known.get(partner)
            value = (apart, 0.0 if ease is None else ease(triplet))
            if best is None or value > best[0]:
                best = value, triplet
        chosen = _any_unused(pool, used, draw) if best is None else best[1]
        used.add(chosen)
        found.append(chosen)
    return found


def _any_unused(pool: Pool, used: Set[Triplet], draw: random.Random) -> Triplet:
    """Return a triplet that was not used, whatever is said in it."""
    while True:
        speaker = draw.choice(pool.asked())
        x, own = draw.sample(pool.speakers[speaker], 2)
        partner = draw.choice(pool.others(speaker))
        triplet = Triplet(x, own, draw.choice(pool.speakers[partner]))
        if triplet not in used:
            return triplet


@dataclass
class Balance:
    """How often A was right more often than B, by layer, over all sheets."""

    surplus: Dict[Place, int]

    def sides(self, trials: Sequence[Trial], draw: random.Random) -> List[str]:
        """Decide which voice is A in the trials of one sheet.

        Args:
            trials: The trials.
            draw: Decides where it does not come out even.

        Returns:
            The right answers.
        """
        answers = [""] * len(trials)
        odd = []
        for place in dict.fromkeys(place for place, _ in trials):
            here = [n for n, (one, _) in enumerate(trials) if one == place]
            draw.shuffle(here)
            half = len(here) // 2
            for n in here[:half]:
                answers[n] = "A"
            for n in here[half : 2 * half]:
                answers[n] = "B"
            odd += here[2 * half :]
        # Of layers with an odd number of trials half get one more A: those that had
        # fewer so far.
        odd.sort(key=lambda n: (self.surplus.get(trials[n][0], 0), draw.random()))
        more_a = (len(odd) + draw.randrange(2)) // 2
        for rank, n in enumerate(odd):
            answers[n] = "A" if rank < more_a else "B"
            change = 1 if answers[n] == "A" else -1
            place = trials[n][0]
            self.surplus[place] = self.surplus.get(place, 0) + change
        return answers


def _item(kind: str, place: Place, triplet: Triplet, answer: str, pool: Pool) -> Item:
    clips = [
        Clip(utt, pool.utt2spk[utt]) for utt in (triplet.own, triplet.other, triplet.x)
    ]
    own, other, asked = clips
    first, second = (own, other) if answer == "A" else (other, own)
    return Item(
        item="",
        kind=kind,
        repeats=None,
        exp=place.exp,
        layer=place.layer,
        set=place.set,
        condition=place.condition,
        a=first,
        b=second,
        x=asked,
        answer=answer,
    )


def _more_even(items: Sequence[Item], number: int, draw: random.Random) -> List[str]:
    """Return answers that make those of all items as even as they can be."""
    count = {side: sum(item.answer == side for item in items) for side in "AB"}
    answers = []
    for _ in range(number):
        low = min("AB", key=lambda side: (count[side], draw.random()))
        count[low] += 1
        answers.append(low)
    return answers


def _swapped(item: Item) -> Item:
    answer = "B" if item.answer == "A" else "A"
    return replace(item, kind=REPEAT, a=item.b, b=item.a, answer=answer)


def _choose_repeats(
    items: Sequence[Item], number: int, repeated: Dict[Place, int], draw: random.Random
) -> List[int]:
    """Choose trials to repeat: A's and B's in turn, of layers that had fewest."""
    part = max(2 * number, round(FIRST_PART * len(items)))
    left = [n for n in range(len(items)) if items[n].kind == TRIAL]
    left = [n for n in left if n < part] or left
    chosen: List[int] = []
    for _ in range(number):
        answers = [items[n].answer for n in chosen]
        rare = min("AB", key=lambda side: (answers.count(side), draw.random()))

        def order(n: int) -> Tuple[bool, int, float]:
            place = Place(*items[n].place)
            return items[n].answer != rare, repeated.get(place, 0), draw.random()

        pick = min(left, key=order)
        left.remove(pick)
        place = Place(*items[pick].place)
        repeated[place] = repeated.get(place, 0) + 1
        chosen.append(pick)
    return chosen


def lay_out(
    sheets: Sequence[Sequence[Trial]],
    attention: Sequence[Triplet],
    natural: Optional[Place],
    pools: Mapping[str, Pool],
    plan: Plan,
    secret: Secret,
) -> Dict[int, List[Item]]:
    """Put the items of all sheets in order, and name them.

    Args:
        sheets: The trials of each sheet.
        attention: Triplets for the attention checks of all sheets.
        natural: Where their sounds are from; None if there are none.
        pools: The utterances, by set.
        plan: How many items of each kind.
        secret: What names, sides and order follow from.

    Returns:
        The items by sheet, from 1, without scores.
    """
    balance, repeated = Balance({}), {}  # type: Balance, Dict[Place, int]
    checks = list(attention)
    done = {}
    for number, trials in enumerate(sheets, start=1):
        draw = secret.draw(f"sheet {number}")
        answers = balance.sides(trials, draw)
        items = [
            _item(TRIAL, place, triplet, answer, pools[place.set])
            for (place, triplet), answer in zip(trials, answers)
        ]
        draw.shuffle(items)
        originals = _choose_repeats(items, plan.repeats, repeated, draw)
        later = {id(items[n]): _swapped(items[n]) for n in originals}
        sides = _more_even([*items, *later.values()], plan.attention, draw)
        for n, answer in enumerate(sides):
            assert natural is not None
            check = _item(ATTENTION, natural, checks.pop(0), answer, pools[natural.set])
            # One in each of as many equal parts of the sheet.
            start, end = (len(items) * m // plan.attention for m in (n, n + 1))
            items.insert(draw.randint(start, max(start, end)), check)
        for original, again in [
            (one, later[id(one)]) for one in list(items) if id(one) in later
        ]:
            first = next(n for n, one in enumerate(items) if one is original)
            items.insert(
                draw.randint(min(first + GAP + 1, len(items)), len(items)), again
            )
        done[number] = _named(items, later, number, secret)
    return done


def _named(
    items: Sequence[Item], later: Mapping[int, Item], sheet: int, secret: Secret
) -> List[Item]:
    """Give the items of a sheet their names, and repeats that of what they repeat."""
    names = {id(item): secret.name(f"item {sheet} {n}") for n, item in enumerate(items)}
    repeats = {id(again): names[first] for first, again in later.items()}
    return [
        replace(item, item=names[id(item)], repeats=repeats.get(id(item)))
        for item in items
    ]
