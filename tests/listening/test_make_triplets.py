"""Drawing triplets, dealing them to sheets: balance, distinctness, refusals."""

import random
from collections import Counter
from typing import Dict, List

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import ATTENTION, REPEAT, TRIAL, Item
from espnet_probe.listening.secret import Secret
from espnet_probe.listening.sheets import (
    GAP,
    Place,
    Plan,
    draw_attention,
    draw_trials,
    lay_out,
)
from espnet_probe.listening.triplets import (
    Pool,
    TooFewTriplets,
    Triplet,
    TripletDraw,
)

SPEAKERS = 10
PLACES = [Place("exp/a", "test", "clean", name) for name in ("natural", "l1", "l2")]
NATURAL = PLACES[0]


def people(speakers: int = SPEAKERS, each: int = 5) -> Dict[str, str]:
    return {f"{s}-{u}": str(s) for s in range(speakers) for u in range(each)}


def make(
    plan: Plan, seed: int = 0, secret: str = "0" * 32, pool: Pool = Pool(people())
) -> Dict[int, List[Item]]:
    pools = {"test": pool}
    trials, _ = draw_trials(PLACES, pools, plan, seed)
    checks = draw_attention(pool, plan.num_sheets * plan.attention, seed)
    return lay_out(trials, checks, NATURAL, pools, plan, Secret(secret))


@pytest.mark.parametrize(
    "plan",
    [
        Plan(1, 12, 0, 2, 2),
        Plan(4, 13, 4, 3, 3),
        Plan(3, 2, 1, 0, 1),
        Plan(5, 9, 9, 1, 0),
    ],
)
def test_sheets_are_balanced(plan: Plan) -> None:
    sheets = make(plan)
    assert list(sheets) == list(range(1, plan.num_sheets + 1))
    over_all: Counter[str] = Counter()
    for items in sheets.values():
        kinds = Counter(item.kind for item in items)
        assert [kinds[k] for k in (TRIAL, ATTENTION, REPEAT)] == [
            plan.trials,
            plan.attention,
            plan.repeats,
        ]
        trials = [item for item in items if item.kind == TRIAL]
        layers = Counter(item.layer for item in trials)
        over_all += layers
        counts = [layers[place.layer] for place in PLACES]
        assert max(counts) - min(counts) <= 1
        for part in (items, trials):
            answers = Counter(item.answer for item in part)
            assert abs(answers["A"] - answers["B"]) <= 1
        for place in PLACES:
            here = Counter(i.answer for i in trials if i.layer == place.layer)
            assert abs(here["A"] - here["B"]) <= 1
        # No triplet twice, but for the repeats.
        assert len({item.triplet[-3:] for item in trials}) == len(trials)
    counts = [over_all[place.layer] for place in PLACES]
    assert max(counts) - min(counts) <= (plan.num_sheets if plan.common % 3 else 1)


def test_triplets_are_what_they_should_be() -> None:
    for items in make(Plan(4, 15, 3, 2, 2)).values():
        for item in items:
            clips = {"A": item.a, "B": item.b}
            assert item.a.speaker != item.b.speaker
            assert clips[item.answer].speaker == item.x.speaker
            assert item.x.utterance not in (item.a.utterance, item.b.utterance)
            for clip in (item.a, item.b, item.x):
                assert clip.utterance.split("-")[0] == clip.speaker


def test_speakers_have_equal_shares_on_each_layer() -> None:
    sheets = make(Plan(5, 12, 0, 0, 0))
    trials = [item for items in sheets.values() for item in items]
    for place in PLACES:
        here = [item for item in trials if item.layer == place.layer]
        assert len(here) == 20
        asked = Counter(item.x.speaker for item in here)
        assert set(asked.values()) == {2} and len(asked) == SPEAKERS
        others = Counter(
            (item.b if item.answer == "A" else item.a).speaker for item in here
        )
        assert max(others.values()) <= 3 and len(others) == SPEAKERS


def test_repeats_swap_and_keep_their_distance() -> None:
    for items in make(Plan(6, 24, 6, 3, 4)).values():
        places = {item.item: n for n, item in enumerate(items)}
        by_name = {item.item: item for item in items}
        again = [item for item in items if item.kind == REPEAT]
        assert len({item.repeats for item in again}) == 4
        assert Counter(item.answer for item in again) == {"A": 2, "B": 2}
        for item in again:
            first = by_name[item.repeats or ""]
            assert first.kind == TRIAL and first.triplet == item.triplet
            assert (first.a, first.b) == (item.b, item.a)
            assert places[item.item] - places[first.item] > GAP


def test_common_items_are_in_all_sheets() -> None:
    sheets = make(Plan(3, 12, 4, 1, 1))
    found = [
        {item.triplet for item in items if item.kind == TRIAL}
        for items in sheets.values()
    ]
    assert len(set.intersection(*found)) == 4
    assert len(set.union(*found)) == 4 + 3 * 8
    common = set.intersection(*found)
    names = [i.item for own in sheets.values() for i in own if i.triplet in common]
    assert len(names) == len(set(names))


def test_what_follows_from_seed_and_what_from_secret() -> None:
    plan = Plan(2, 12, 2, 2, 2)
    assert make(plan) == make(plan)

    def triplets(sheets: Dict[int, List[Item]]) -> List[object]:
        return [{i.triplet for i in own if i.kind == TRIAL} for own in sheets.values()]

    other = make(plan, secret="1" * 32)
    assert triplets(other) == triplets(make(plan))
    assert {i.item for i in other[1]}.isdisjoint(i.item for i in make(plan)[1])
    assert [i.answer for i in other[1]] != [i.answer for i in make(plan)[1]]
    assert [i.layer for i in other[1]] != [i.layer for i in make(plan)[1]]
    assert triplets(make(plan, seed=1)) != triplets(make(plan))


def test_one_gender_and_other_words() -> None:
    utt2spk = people()
    genders = {str(s): "fm"[s % 2] for s in range(SPEAKERS)}
    texts = {utt: "same" if utt[-1] in "01" else utt[-1] for utt in utt2spk}
    pool = Pool(utt2spk, genders, texts)
    trials, same = draw_trials(PLACES, {"test": pool}, Plan(4, 12, 0, 0, 0), 3)
    assert same == 0
    for _, triplet in (one for sheet in trials for one in sheet):
        speakers = [int(utt2spk[utt]) for utt in (triplet.own, triplet.other)]
        assert speakers[0] % 2 == speakers[1] % 2
        assert texts[triplet.x] not in (texts[triplet.own], texts[triplet.other])
    # Where all say the same, that is told and not refused.
    pool = Pool(utt2spk, None, dict.fromkeys(utt2spk, "same"))
    _, same = draw_trials(PLACES, {"test": pool}, Plan(1, 12, 0, 0, 0), 3)
    assert same == 12
    with pytest.raises(ProbeError, match="no gender of the speaker 0"):
        Pool(utt2spk, {"1": "f"})


def test_all_triplets_there_are_can_be_drawn() -> None:
    pool = Pool(people(2, 2))
    assert pool.size() == 8  # 2 speakers as X, 2 utterances, 1 other, 2 of the other
    draw = TripletDraw(pool, random.Random(0))
    found = {draw.draw("layer", "sheet") for _ in range(8)}
    assert len(found) == 8
    with pytest.raises(TooFewTriplets, match="no triplet is left"):
        draw.draw("layer", "sheet")


@pytest.mark.parametrize(
    "pool, message",
    [
        (
            Pool(people(1, 9)),
            "9 utterances of 1 speakers, 0 of whom .* give 0 triplets",
        ),
        (Pool(people(9, 1)), "9 utterances of 9 speakers, 0 of whom .* give 0 trip"),
        (
            Pool(people(2, 3), {"0": "f", "1": "m"}),
            "counterpart of one gender, give 0 triplets: expected at least 16",
        ),
        (Pool(people(2, 2)), "test: 4 utterances .* give 8 triplets: expected .* 16"),
    ],
)
def test_too_little_is_refused_with_counts(pool: Pool, message: str) -> None:
    with pytest.raises(TooFewTriplets, match=message):
        make(Plan(1, 12, 0, 0, 0), pool=pool)


def test_numbers_that_contradict_each_other_are_refused() -> None:
    for plan, message in (
        (Plan(0, 12, 0, 1, 1), "got 0 sheets"),
        (Plan(1, 3, 0, 1, 2), "has 3 trials: expected at least 4"),
        (Plan(2, 3, 5, 1, 1), "has 3 trials: expected at least 5"),
        (Plan(1, 12, -1, 1, 1), "no negative number"),
    ):
        with pytest.raises(ProbeError, match=message):
            plan.check()


def test_attention_checks_are_the_easy_ones() -> None:
    pool = Pool(people())

    def ease(triplet: Triplet) -> float:
        return abs(int(pool.utt2spk[triplet.x]) - int(pool.utt2spk[triplet.other]))

    hard = draw_attention(pool, 8, 0)
    easy = draw_attention(pool, 8, 0, None, ease)
    assert len(set(easy)) == 8
    assert sum(map(ease, easy)) > 1.4 * sum(map(ease, hard))
    genders = {str(s): "fm"[s % 2] for s in range(SPEAKERS)}
    for one in draw_attention(pool, 8, 0, genders, ease):
        assert genders[pool.utt2spk[one.x]] != genders[pool.utt2spk[one.other]]
    with pytest.raises(TooFewTriplets, match="expected at least 9 for the attention"):
        draw_attention(Pool(people(2, 2)), 9, 0)
    assert len(set(draw_attention(Pool(people(2, 2)), 8, 0))) == 8
