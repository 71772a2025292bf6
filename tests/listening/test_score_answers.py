"""Each file of answers counts, or is named with the reason why it does not."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Callable, List

import pytest
from listening_case import answer_sheet, make_key, write_answers

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import (
    MAX_BYTES,
    Answers,
    canonical_text,
    checksum,
)
from espnet_probe.listening.answers import Collected, collect, find_files
from espnet_probe.listening.key_format import ATTENTION

KEY = make_key()
GOOD = answer_sheet(KEY)


def collected(folder: Path, max_failed: int = 1, simulated: bool = False) -> Collected:
    return collect(find_files([folder]), KEY, max_failed, simulated)


def without_first(answers: Answers) -> Answers:
    return replace(answers, answers=list(answers.answers)[1:])


def with_first_twice(answers: Answers) -> Answers:
    return replace(answers, answers=[answers.answers[0], *answers.answers])


def with_stranger(answers: Answers) -> Answers:
    other = replace(answers.answers[0], item="elsewhere")
    return replace(answers, answers=[other, *list(answers.answers)[1:]])


def unheard(answers: Answers) -> Answers:
    one = replace(answers.answers[0], plays={"A": 1, "B": 1, "X": 0})
    return replace(answers, answers=[one, *list(answers.answers)[1:]])


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda one: replace(one, test="other"), "of another test"),
        (lambda one: replace(one, sheet=7), "unknown sheet 7"),
        (lambda one: replace(one, sheet=2), "not of this sheet"),
        (without_first, "incomplete: 18 of 19"),
        (lambda one: replace(one, complete=False), "incomplete"),
        (lambda one: replace(one, answers=[]), "incomplete: 0 of 19"),
        (with_first_twice, "answered twice"),
        (with_stranger, "not of this sheet: elsewhere"),
        (unheard, "answer 1: X was never played"),
        (lambda one: replace(one, finished=""), "no time"),
        (lambda one: replace(one, finished="2025-01-01T00:00:00Z"), "before it was"),
        (lambda one: replace(one, simulated="a robot"), "not by a person"),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_left_out(
    tmp_path: Path, change: Callable[[Answers], Answers], said: str
) -> None:
    found = collected(write_answers(tmp_path, change(GOOD), GOOD))
    assert [sheet.file for sheet in found.sheets] == ["answers_1.json"]
    assert [one.file for one in found.refused] == ["answers_0.json"]
    assert said in found.refused[0].reason


def test_another_scale_is_refused(tmp_path: Path) -> None:
    rated = [
        replace(one, choice=None, ratings={"A": 5, "B": 2}) for one in GOOD.answers
    ]
    other = replace(GOOD, scale="similarity", answers=rated)
    found = collected(write_answers(tmp_path, other))
    assert "scale" in found.refused[0].reason


def test_the_first_answers_of_a_listener_count(tmp_path: Path) -> None:
    """Whatever the names of the files: what was finished first."""
    again = replace(
        answer_sheet(KEY, wrong=[KEY.sheets[1][0].item]),
        started="2026-01-02T10:00:00Z",
        finished="2026-01-02T10:10:00Z",
    )
    found = collected(write_answers(tmp_path, again, GOOD))
    assert [sheet.file for sheet in found.sheets] == ["answers_1.json"]
    assert "before, in answers_1.json" in found.refused[0].reason


def test_a_listener_may_answer_several_sheets(tmp_path: Path) -> None:
    found = collected(write_answers(tmp_path, GOOD, answer_sheet(KEY, 2)))
    assert len(found.sheets) == 2 and not found.refused


def test_one_content_counts_once(tmp_path: Path) -> None:
    """A file saved twice, and one passed off as another person's."""
    stolen = replace(GOOD, listener="berta", agent="Chromium")
    found = collected(write_answers(tmp_path, GOOD, GOOD, stolen))
    assert [sheet.file for sheet in found.sheets] == ["answers_0.json"]
    reasons = [one.reason for one in found.refused]
    assert reasons == ["doubled: the same content as answers_0.json"] * 2


def test_nothing_that_lies_there_stops_the_others(tmp_path: Path) -> None:
    folder = write_answers(tmp_path / "answers", GOOD)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (folder / "empty.json").write_bytes(b"")
    with (folder / "huge.json").open("wb") as stream:
        stream.truncate(50 * MAX_BYTES)
    (folder / "posted").mkdir()
    text = answer_sheet(KEY, 2, "berta").text()
    (folder / "posted" / "no suffix").write_text(text, encoding="utf-8")
    (folder / "deep.json").write_text("[" * 200_000, encoding="utf-8")
    document = json.loads(GOOD.text())
    document["answers"][0]["milliseconds"] += 1
    (folder / "edited.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    os.mkfifo(folder / "pipe")
    (folder / "nowhere.json").symlink_to(folder / "nothing")
    found = collected(folder)
    assert [one.file for one in found.sheets] == ["answers_0.json", "posted/no suffix"]
    reasons = {one.file: one.reason for one in found.refused}
    assert sorted(reasons) == [
        "deep.json",
        "edited.json",
        "empty.json",
        "huge.json",
        "picture.png",
    ]
    assert "edited" in reasons["edited.json"]
    assert "at most" in reasons["huge.json"]
    assert "not JSON" in reasons["picture.png"]


def attention_items(number: int) -> List[str]:
    return [i.item for i in KEY.sheets[1] if i.kind == ATTENTION][:number]


@pytest.mark.parametrize("failed, allowed, counts", [(0, 0, 1), (1, 0, 0), (1, 1, 1)])
def test_failed_attention_checks_exclude_a_sheet(
    tmp_path: Path, failed: int, allowed: int, counts: int
) -> None:
    answers = answer_sheet(KEY, wrong=attention_items(failed))
    found = collected(write_answers(tmp_path, answers), allowed)
    assert len(found.sheets) == counts and len(found.inattentive) == 1 - counts
    sheet = [*found.sheets, *found.inattentive][0]
    assert (sheet.failed_attention, sheet.num_attention) == (failed, 2)


def test_simulated_answers_and_peoples_never_count_together(tmp_path: Path) -> None:
    robot = replace(answer_sheet(KEY, 2, "robot"), simulated="a robot")
    folder = write_answers(tmp_path, GOOD, robot)
    assert [one.file for one in collected(folder).sheets] == ["answers_0.json"]
    assert [one.file for one in collected(folder, 1, True).sheets] == ["answers_1.json"]


def test_no_files_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="no file of answers"):
        find_files([tmp_path])
    with pytest.raises(ProbeError, match="is not there"):
        find_files([tmp_path / "nothing"])


def test_several_folders_keep_their_names_apart(tmp_path: Path) -> None:
    one = write_answers(tmp_path / "one", GOOD)
    other = write_answers(tmp_path / "other", answer_sheet(KEY, 2))
    names = [name for name, _ in find_files([one, other])]
    assert names == [str(one / "answers_0.json"), str(other / "answers_0.json")]


def test_no_change_of_a_file_makes_scoring_crash(tmp_path: Path) -> None:
    """Bytes changed, cut out and doubled; values replaced by others of any type."""
    rng = random.Random(0)
    whole = GOOD.text().encode()
    odd = [None, True, -1, 1e300, "", "A", [], {}, [[]], {"A": 1}, "\ud800", 10**30]
    folder = tmp_path / "answers"
    folder.mkdir()
    for number in range(300):
        if number % 2:
            start, end = sorted(rng.sample(range(len(whole)), 2))
            end = min(end, start + rng.randrange(1, 40))
            middle = rng.choice(
                [b"", bytes([rng.randrange(256)]), whole[start:end] * 2]
            )
            content = whole[:start] + middle + whole[end:]
        else:
            document = json.loads(whole)
            place = rng.choice([document, rng.choice(document["answers"])])
            place[rng.choice(list(place))] = rng.choice(odd)
            own = {name: one for name, one in document.items() if name != "check"}
            # With the right hash, so that reading goes on.
            document["check"] = checksum(canonical_text(own))
            content = json.dumps(document).encode()
        (folder / f"{number:03d}.json").write_bytes(content)
    found = collected(folder)
    assert len(found.sheets) + len(found.inattentive) <= 1
    assert len(found.refused) >= 299
    assert all(one.reason and one.reason.isprintable() for one in found.refused)
