"""What a listening test found: ``listening.json``, and a table of every answer.

Error rates, agreement and ratings are computed in ``scores``; here the answers of one
layer are brought together, and the embedders' scores of the triplets that were heard.
"""

import json
import re
from dataclasses import dataclass
from statistics import median
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import HIGHEST, LOWEST, SIMILARITY, Answer
from espnet_probe.listening.answers import Collected, Sheet, ratings_of, wrongness
from espnet_probe.listening.key_format import REPEAT, TRIAL, Item, Key
from espnet_probe.scores.agreement import Agreement, agreement, consistency
from espnet_probe.scores.intervals import Interval
from espnet_probe.scores.listening import (
    Answered,
    error_rate,
    errors_by_margin,
    human_mean,
    machine_error,
    rate_difference,
)
from espnet_probe.scores.speaker_draws import eer_interval
from espnet_probe.scores.verification import eer

FORMAT = "espnet_probe.listening_results"
VERSION = 1

#: What the numbers mean; it stands in the file.
DEFINITIONS = {
    "triplet": "three sounds A, B, X, all reconstructed from one layer: A and B are of "
    "different speakers, X is of one of them",
    "error_percent": "share of the answers to triplets of a layer that name the wrong "
    "speaker (rate the other speaker higher; equal ratings count half), pooled from "
    "counts; guessing gives 50; attention checks and repeated items do not count",
    "error_percent_ci95": "95 % interval by a bootstrap that draws listeners and "
    "triplets separately (Owen, 2007), never narrower than Clopper's and Pearson's of "
    "as many independent answers; 'over' says what was drawn",
    "steps.rise": "points by which the error of the next layer is higher, with an "
    "interval over the same listeners",
    "embedders.error_percent": "share of the same triplets, each counted once, in "
    "which the embedder scores X and the wrong speaker higher: the same definition",
    "embedders.eer_percent": "equal error rate of the pairs X, A and X, B of the same "
    "triplets as trials of speaker verification",
    "agreement.kappa": "Fleiss' kappa for two answers and unequal numbers of listeners "
    "(Fleiss and Cuzick, 1979), over triplets heard by several",
    "consistency.percent": "of the items heard a second time in one sheet, how many "
    "were answered by the same speaker again",
}

#: Rows of a report that are no layers.
CONTROLS = ("natural", "oracle")

#: Columns of the table of answers.
COLUMNS = (
    "file",
    "listener",
    "sheet",
    "counted",
    "item",
    "kind",
    "repeats",
    "exp",
    "set",
    "condition",
    "layer",
    "a",
    "b",
    "x",
    "answer",
    "choice",
    "rating_a",
    "rating_b",
    "wrong",
    "plays_a",
    "plays_b",
    "plays_x",
    "milliseconds",
    "simulated",
)

Place = Tuple[str, str, str, str]


@dataclass(frozen=True)
class Heard:
    """One answer to one triplet."""

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


def _in_order(places: Sequence[Place], key: Key) -> List[Place]:
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


def _interval(name: str, value: Interval) -> Dict[str, Any]:
    """Return an interval's entries, and the reason where there is none."""
    found: Dict[str, Any] = {f"{name}_ci95": value.as_list()}
    if value.reason:
        found[f"{name}_reason"] = value.reason
    return found


def _agreement(found: Agreement) -> Dict[str, Any]:
    return {
        "kappa": found.kappa,
        **_interval("kappa", found.interval),
        "same_percent": found.percent,
        "triplets": found.num_items,
        "answers": found.num_answers,
    }


def _agree(heard: Sequence[Heard], num_draws: int, seed: int) -> Agreement:
    """Return how far listeners agree; what one hears of a triplet counts once."""
    first: Dict[Tuple[str, str], Heard] = {}
    for one in heard:
        if one.named is not None:
            first.setdefault((one.listener, one.triplet), one)
    said = [
        one.named == min(one.item.speaker_of("A"), one.item.speaker_of("B"))
        for one in first.values()
    ]
    names = [one.triplet for one in first.values()]
    return agreement(np.array(said, dtype=np.bool_), names, num_draws, seed)


def _ratings(heard: Sequence[Heard], num_draws: int, seed: int) -> Dict[str, Any]:
    pairs = np.array([ratings_of(one.item, one.answer) for one in heard], dtype=float)
    people, names = [h.listener for h in heard], [h.triplet for h in heard]
    found: Dict[str, Any] = {}
    for column, who in enumerate(("same_speaker", "different_speaker")):
        values = pairs[:, column]
        mean = human_mean(values, people, names, num_draws, seed)
        counts = {
            str(rating): int(np.sum(values == rating))
            for rating in range(LOWEST, HIGHEST + 1)
        }
        found[who] = {
            "mean": mean.value,
            **_interval("mean", mean.interval),
            "over": mean.over,
            "counts": counts,
        }
    found["by_margin"] = errors_by_margin(pairs[:, 0], pairs[:, 1])
    return found


def _embedders(heard: Sequence[Heard], num_draws: int, seed: int) -> Dict[str, Any]:
    """Return what each embedder makes of the triplets that were heard."""
    items = list({one.triplet: one.item for one in heard}.values())
    names = dict.fromkeys(name for item in items for name in item.scores)
    found = {}
    for name in names:
        known = [item for item in items if item.scores.get(name) is not None]
        if not known:
            found[name] = {"reason": "no scores of these triplets", "triplets": 0}
            continue
        pairs = [_pair(item, name) for item in known]
        same, other = (np.array(one, dtype=np.float64) for one in zip(*pairs))
        rate = machine_error(same, other, num_draws, seed)
        found[name] = {
            "error_percent": rate.value,
            **_interval("error_percent", rate.interval),
            **_equal_error(known, same, other, num_draws, seed),
            "triplets": len(known),
            "without_scores": len(items) - len(known),
        }
    return found


def _pair(item: Item, embedder: str) -> Tuple[float, float]:
    """Return the scores of X with the same speaker and with the other one."""
    scores = item.scores[embedder]
    assert scores is not None
    pair = scores["xa"], scores["xb"]
    return pair if item.answer == "A" else (pair[1], pair[0])


def _equal_error(
    items: Sequence[Item],
    same: NDArray[np.float64],
    other: NDArray[np.float64],
    num_draws: int,
    seed: int,
) -> Dict[str, Any]:
    scores = np.concatenate([same, other])
    targets = np.arange(scores.size) < same.size
    first = [item.x.speaker for item in items] * 2
    sides = [item.answer for item in items]
    sides += ["B" if side == "A" else "A" for side in sides]
    second = [item.speaker_of(side) for item, side in zip([*items, *items], sides)]
    numbers = {name: n for n, name in enumerate(sorted({*first, *second}))}
    one, two = (
        np.array([numbers[name] for name in names], dtype=np.int64)
        for names in (first, second)
    )
    interval = eer_interval(scores, targets, one, two, num_draws, seed)
    return {
        "eer_percent": eer(scores, targets),
        **_interval("eer_percent", interval),
        "pairs": int(scores.size),
        "speakers": len(numbers),
    }


def _answered(heard: Sequence[Heard]) -> Answered:
    return Answered(
        np.array([one.wrong for one in heard], dtype=np.float64),
        [one.listener for one in heard],
        [one.triplet for one in heard],
    )


def _steps(
    by_place: Mapping[Place, Sequence[Heard]], key: Key, num_draws: int, seed: int
) -> List[Dict[str, Any]]:
    """Return how much the error rises from each layer to the next of a set."""
    places = [p for p in _in_order(list(by_place), key) if p[-1] not in CONTROLS]
    found = []
    for one, other in zip(places, places[1:]):
        if one[:-1] != other[:-1]:
            continue
        pair = _answered(by_place[one]), _answered(by_place[other])
        rise = rate_difference(*pair, num_draws, seed)
        found.append(
            {
                **dict(zip(("exp", "set", "condition"), one)),
                "from": one[-1],
                "to": other[-1],
                "rise": rise.value,
                **_interval("rise", rise.interval),
                "over": rise.over,
            }
        )
    return found


def _rate(
    place: Place,
    heard: Sequence[Heard],
    left_out: Sequence[Heard],
    key: Key,
    num_draws: int,
    seed: int,
) -> Dict[str, Any]:
    """Return all that is said of one layer.

    Args:
        place: Experiment, set, condition and layer.
        heard: The answers that count.
        left_out: Those of sheets with failed attention checks.
        key: The key.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.
    """
    answered = _answered(heard)
    wrong = answered.wrong
    rate = error_rate(*answered, num_draws, seed)
    speakers = {one.item.speaker_of(side) for one in heard for side in ("A", "B")}
    every = [*wrong, *(one.wrong for one in left_out)]
    found = {
        **dict(zip(("exp", "set", "condition", "layer"), place)),
        "error_percent": rate.value,
        **_interval("error_percent", rate.interval),
        "over": rate.over,
        "answers": rate.num_answers,
        "wrong": rate.num_wrong,
        "ties": rate.num_ties,
        "listeners": rate.num_listeners,
        "triplets": rate.num_triplets,
        "speakers": len(speakers),
        "error_percent_with_inattentive": 100.0 * float(np.mean(every)),
        "agreement": _agreement(_agree(heard, num_draws, seed)),
        "embedders": _embedders(heard, num_draws, seed),
    }
    if key.scale == SIMILARITY:
        found["ratings"] = _ratings(heard, num_draws, seed)
    return found


def score(
    key: Key, collected: Collected, num_draws: int = 1000, seed: int = 0
) -> Dict[str, Any]:
    """Score a listening test.

    Args:
        key: The key.
        collected: The answers that count, and those that do not.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The content of ``listening.json`` without configuration and versions.

    Raises:
        ProbeError: If no sheet counts, or none of them has a triplet.
    """
    sheets = collected.sheets
    heard = answers_to(sheets, TRIAL)
    if not heard:
        reasons = [f"{one.file}: {one.reason}" for one in collected.refused]
        reasons += [
            f"{one.file}: {one.failed_attention} of {one.num_attention} attention "
            "checks failed"
            for one in collected.inattentive
        ]
        more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        raise ProbeError(
            "no answers to score: each file was left out "
            f"({'; '.join(reasons[:3])}{more})"
        )
    others = answers_to(collected.inattentive, TRIAL)
    by_place: Dict[Place, List[Heard]] = {}
    for one in heard:
        by_place.setdefault(one.item.place, []).append(one)
    rates = [
        _rate(
            place,
            by_place[place],
            [one for one in others if one.item.place == place],
            key,
            num_draws,
            seed,
        )
        for place in _in_order(list(by_place), key)
    ]
    minutes = [
        sum(answer.milliseconds for answer in sheet.answers.answers) / 60_000
        for sheet in sheets
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "test": key.test,
        "scale": key.scale,
        "simulated": sorted({s.answers.simulated for s in sheets} - {""}),
        "listeners": len({sheet.answers.listener for sheet in sheets}),
        "sheets": len(sheets),
        "answers": len(heard),
        "rates": rates,
        "steps": _steps(by_place, key, num_draws, seed),
        "agreement": _agreement(_agree(heard, num_draws, seed)),
        "consistency": _consistency(sheets, num_draws, seed),
        "attention": _attention(collected),
        "minutes_per_sheet": median(minutes),
        "files": {
            "scored": [sheet.file for sheet in sheets],
            "inattentive": [
                {
                    "file": sheet.file,
                    "failed": sheet.failed_attention,
                    "checks": sheet.num_attention,
                }
                for sheet in collected.inattentive
            ],
            "refused": [
                {"file": one.file, "reason": one.reason} for one in collected.refused
            ],
        },
        "definitions": DEFINITIONS,
    }


def _consistency(
    sheets: Sequence[Sheet], num_draws: int, seed: int
) -> Mapping[str, Any]:
    same, people = [], []
    for sheet in sheets:
        first = {h.item.item: h for h in answers_to([sheet], TRIAL)}
        for again in answers_to([sheet], REPEAT):
            before = first[again.item.repeats or ""]
            same.append(before.named == again.named)
            people.append(again.listener)
    found = consistency(np.array(same, dtype=np.bool_), people, num_draws, seed)
    return {
        "percent": found.percent,
        **_interval("percent", found.interval),
        "same": found.num_same,
        "repeats": found.num_repeats,
    }


def _attention(collected: Collected) -> Mapping[str, Any]:
    every = [*collected.sheets, *collected.inattentive]
    checks = sum(sheet.num_attention for sheet in every)
    failed = sum(sheet.failed_attention for sheet in every)
    return {
        "checks": checks,
        "failed": failed,
        "failed_percent": 100.0 * failed / checks if checks else None,
        "sheets_left_out": len(collected.inattentive),
        "sheets_without_checks": sum(not sheet.num_attention for sheet in every),
    }


def table(collected: Collected) -> List[Sequence[Any]]:
    """Return the rows of the table of answers, columns as :data:`COLUMNS`.

    Args:
        collected: Sheets that count, and those left out for failed attention checks,
            which are in the table too, as not counted.
    """
    rows: List[Sequence[Any]] = []
    for counted, sheets in ((1, collected.sheets), (0, collected.inattentive)):
        for sheet in sheets:
            for item, answer in sheet.pairs("trial", "attention", "repeat"):
                rated: Mapping[str, int] = answer.ratings or {}
                rows.append(
                    (
                        sheet.file,
                        sheet.answers.listener,
                        sheet.answers.sheet,
                        counted,
                        item.item,
                        item.kind,
                        item.repeats,
                        item.exp,
                        item.set,
                        item.condition,
                        item.layer,
                        item.a.utterance,
                        item.b.utterance,
                        item.x.utterance,
                        item.answer,
                        choice_of(answer),
                        rated.get("A"),
                        rated.get("B"),
                        f"{wrongness(item, answer):g}",
                        *(answer.plays[sound] for sound in ("A", "B", "X")),
                        answer.milliseconds,
                        sheet.answers.simulated,
                    )
                )
    return rows
