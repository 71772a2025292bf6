"""What the answers to one layer say, beside the embedders on the same triplets."""

from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.listening.answer_format import HIGHEST, LOWEST, SIMILARITY
from espnet_probe.listening.answers import ratings_of
from espnet_probe.listening.heard import CONTROLS, Heard, Place, in_order
from espnet_probe.listening.key_format import Item, Key
from espnet_probe.scores.agreement import Agreement, agreement
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


def interval_entries(name: str, value: Interval) -> Dict[str, Any]:
    """Return an interval's entries in the file, and the reason where there is none.

    Args:
        name: Of the number that it is of.
        value: The interval.
    """
    found: Dict[str, Any] = {f"{name}_ci95": value.as_list()}
    if value.reason:
        found[f"{name}_reason"] = value.reason
    return found


def agreement_entries(found: Agreement) -> Dict[str, Any]:
    """Return the entries of an agreement in the file."""
    return {
        "kappa": found.kappa,
        **interval_entries("kappa", found.interval),
        "same_percent": found.percent,
        "triplets": found.num_items,
        "answers": found.num_answers,
    }


def agree(heard: Sequence[Heard], num_draws: int, seed: int) -> Agreement:
    """Compute how far listeners agree; what one hears of a triplet counts once.

    Args:
        heard: Answers, equal ratings among them being left out.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.
    """
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
            **interval_entries("mean", mean.interval),
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
            **interval_entries("error_percent", rate.interval),
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
        **interval_entries("eer_percent", interval),
        "pairs": int(scores.size),
        "speakers": len(numbers),
    }


def answered(heard: Sequence[Heard]) -> Answered:
    """Return answers as the arrays that scores are computed from."""
    return Answered(
        np.array([one.wrong for one in heard], dtype=np.float64),
        [one.listener for one in heard],
        [one.triplet for one in heard],
    )


def steps(
    by_place: Mapping[Place, Sequence[Heard]], key: Key, num_draws: int, seed: int
) -> List[Dict[str, Any]]:
    """Return how much the error rises from each layer to the next of a set.

    Args:
        by_place: The answers to each layer.
        key: The key, for the order of the layers.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.
    """
    places = [p for p in in_order(list(by_place), key) if p[-1] not in CONTROLS]
    found = []
    for one, other in zip(places, places[1:]):
        if one[:-1] != other[:-1]:
            continue
        pair = answered(by_place[one]), answered(by_place[other])
        rise = rate_difference(*pair, num_draws, seed)
        found.append(
            {
                **dict(zip(("exp", "set", "condition"), one)),
                "from": one[-1],
                "to": other[-1],
                "rise": rise.value,
                **interval_entries("rise", rise.interval),
                "over": rise.over,
            }
        )
    return found


def rate_of(
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
    own = answered(heard)
    wrong = own.wrong
    rate = error_rate(*own, num_draws, seed)
    speakers = {one.item.speaker_of(side) for one in heard for side in ("A", "B")}
    every = [*wrong, *(one.wrong for one in left_out)]
    found = {
        **dict(zip(("exp", "set", "condition", "layer"), place)),
        "error_percent": rate.value,
        **interval_entries("error_percent", rate.interval),
        "over": rate.over,
        "answers": rate.num_answers,
        "wrong": rate.num_wrong,
        "ties": rate.num_ties,
        "listeners": rate.num_listeners,
        "triplets": rate.num_triplets,
        "speakers": len(speakers),
        "error_percent_with_inattentive": 100.0 * float(np.mean(every)),
        "agreement": agreement_entries(agree(heard, num_draws, seed)),
        "embedders": _embedders(heard, num_draws, seed),
    }
    if key.scale == SIMILARITY:
        found["ratings"] = _ratings(heard, num_draws, seed)
    return found
