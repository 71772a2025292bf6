"""What a listening test's file says, checked against counts by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from listening_case import LAYERS, answer_sheet, make_key, write_answers

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import Answers
from espnet_probe.listening.answer_table import COLUMNS, table
from espnet_probe.listening.answers import Collected, collect, find_files
from espnet_probe.listening.key_format import ATTENTION, TRIAL, Item, Key
from espnet_probe.listening.results import score
from espnet_probe.scores.verification import eer

KEY = make_key(num_sheets=1, per_layer=6)


def items_of(layer: str, number: int) -> List[str]:
    found = [i.item for i in KEY.sheets[1] if i.layer == layer and i.kind == TRIAL]
    return found[:number]


def collected(folder: Path, *sheets: Answers, key: Key = KEY) -> Collected:
    return collect(find_files([write_answers(folder, *sheets)]), key, 0)


def panel(folder: Path) -> Collected:
    """Six listeners: one is wrong twice about blstm5, two once."""
    wrong = [items_of("blstm5", 2), items_of("blstm5", 1), items_of("blstm5", 1)]
    wrong += [[], [], []]
    sheets = [
        replace(
            answer_sheet(KEY, 1, f"person{number}", one),
            started=f"2026-01-0{number + 1}T09:00:00Z",
            finished=f"2026-01-0{number + 1}T10:00:00Z",
        )
        for number, one in enumerate(wrong)
    ]
    return collected(folder, *sheets)


def by_layer(content: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    return {one["layer"]: one for one in content["rates"]}


def test_error_rates_are_counts_of_trials(tmp_path: Path) -> None:
    content = score(KEY, panel(tmp_path))
    rates = by_layer(content)
    assert list(rates) == list(LAYERS)
    last = rates["blstm5"]
    assert (last["wrong"], last["answers"]) == (4, 36)
    assert (last["listeners"], last["triplets"]) == (6, 6)
    assert last["error_percent"] == pytest.approx(100 * 4 / 36)
    low, high = last["error_percent_ci95"]
    assert 0 <= low < last["error_percent"] < high < 50
    assert last["over"] == "listeners and triplets"
    assert rates["cnn1"]["error_percent"] == 0.0
    # 36 answers without an error: the exact bound.
    assert rates["cnn1"]["error_percent_ci95"][1] == pytest.approx(9.739, abs=0.001)
    steps = [(one["from"], one["to"]) for one in content["steps"]]
    assert steps == list(zip(LAYERS, LAYERS[1:]))
    assert content["steps"][-1]["rise"] == pytest.approx(100 * 4 / 36)
    assert content["listeners"] == 6 and content["answers"] == 6 * 24
    assert content["minutes_per_sheet"] == pytest.approx(27 * 5 / 60)


def test_embedders_are_scored_on_the_same_triplets(tmp_path: Path) -> None:
    """Each triplet once, however many heard it; the same definition of an error."""
    content = score(KEY, panel(tmp_path))
    own = [i for i in KEY.sheets[1] if i.layer == "blstm5" and i.kind == TRIAL]
    wrong, scores, targets = 0, [], []
    for item in own:
        pair = item.scores["ge2e"]
        assert pair is not None
        chosen = "A" if pair["xa"] > pair["xb"] else "B"
        wrong += chosen != item.answer
        for side, name in (("A", "xa"), ("B", "xb")):
            scores.append(pair[name])
            targets.append(side == item.answer)
    import numpy as np

    found = by_layer(content)["blstm5"]["embedders"]["ge2e"]
    assert found["triplets"] == 6 and found["pairs"] == 12
    assert found["error_percent"] == pytest.approx(100 * wrong / 6)
    assert found["eer_percent"] == eer(np.array(scores), np.array(targets))


def test_repeats_and_attention_do_not_count_as_errors(tmp_path: Path) -> None:
    """The repeat is answered otherwise, one attention check wrongly."""
    repeat = KEY.sheets[1][-1]
    check = next(i for i in KEY.sheets[1] if i.kind == ATTENTION)
    odd = answer_sheet(KEY, 1, "odd", [repeat.item, check.item])
    found = collect(find_files([write_answers(tmp_path, odd)]), KEY, 1)
    content = score(KEY, found)
    assert all(one["error_percent"] == 0.0 for one in content["rates"])
    assert content["consistency"]["same"] == 0
    assert content["consistency"]["repeats"] == 1
    assert content["attention"]["failed"] == 1 and content["attention"]["checks"] == 2
    whole = score(KEY, panel(tmp_path / "panel"))
    assert whole["consistency"]["percent"] == 100.0


def test_inattentive_sheets_are_left_out_and_told(tmp_path: Path) -> None:
    check = next(i for i in KEY.sheets[1] if i.kind == ATTENTION)
    asleep = answer_sheet(KEY, 1, "asleep", [check.item, *items_of("cnn1", 6)])
    found = collected(tmp_path, answer_sheet(KEY), asleep)
    content = score(KEY, found)
    assert content["files"]["inattentive"] == [
        {"file": "answers_1.json", "failed": 1, "checks": 2}
    ]
    rate = by_layer(content)["cnn1"]
    assert rate["error_percent"] == 0.0 and rate["answers"] == 6
    assert rate["error_percent_with_inattentive"] == 50.0
    assert content["attention"]["sheets_left_out"] == 1


def test_agreement_is_about_who_was_named(tmp_path: Path) -> None:
    content = score(KEY, panel(tmp_path))
    rates = by_layer(content)
    assert rates["cnn1"]["agreement"]["kappa"] == pytest.approx(1.0)
    assert 0 < rates["blstm5"]["agreement"]["kappa"] < 1
    assert rates["blstm5"]["agreement"]["triplets"] == 6


def test_a_triplet_is_the_same_in_other_sheets() -> None:
    from espnet_probe.listening.heard import triplet_name

    one = KEY.sheets[1][0]
    turned: Item = replace(one, item="other", a=one.b, b=one.a, answer="A")
    assert triplet_name(one) == triplet_name(turned) == triplet_name(KEY.sheets[1][-1])
    assert triplet_name(one) != triplet_name(KEY.sheets[1][1])


def test_ratings_give_means_and_errors(tmp_path: Path) -> None:
    key = make_key(num_sheets=1, per_layer=6, scale="similarity")
    plain = answer_sheet(key)
    items = {item.item: item for item in key.sheets[1]}
    rated = []
    for one in plain.answers:
        item = items[one.item]
        same, other = (3, 3) if item.layer == "blstm5" else (5, 2)
        ratings = {"A": same, "B": other} if item.answer == "A" else None
        ratings = ratings or {"A": other, "B": same}
        rated.append(replace(one, choice=None, ratings=ratings))
    answers = replace(plain, scale="similarity", answers=rated)
    content = score(key, collected(tmp_path, answers, key=key))
    rates = by_layer(content)
    assert rates["cnn1"]["error_percent"] == 0.0
    assert rates["cnn1"]["ratings"]["same_speaker"]["mean"] == 5.0
    assert rates["cnn1"]["ratings"]["different_speaker"]["counts"]["2"] == 6
    last = rates["blstm5"]
    assert last["error_percent"] == 50.0 and (last["wrong"], last["ties"]) == (0, 6)
    assert last["ratings"]["by_margin"][0]["margin"] == 0.0


def test_the_table_has_every_answer(tmp_path: Path) -> None:
    rows = [dict(zip(COLUMNS, row)) for row in table(panel(tmp_path))]
    assert len(rows) == 6 * 27
    wrong = [row for row in rows if row["kind"] == TRIAL and row["wrong"] == "1"]
    assert len(wrong) == 4 and {row["layer"] for row in wrong} == {"blstm5"}


def test_no_answers_at_all_are_told_with_reasons(tmp_path: Path) -> None:
    other = replace(answer_sheet(KEY), test="other")
    with pytest.raises(ProbeError, match="answers_0.json: of another test"):
        score(KEY, collected(tmp_path, other))
