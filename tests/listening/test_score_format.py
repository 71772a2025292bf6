"""The file of answers: one text in both languages, and nothing else is read."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from listening_case import answer_sheet, document_of, make_key

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import (
    MAX_BYTES,
    Answers,
    canonical_text,
    checksum,
    read_answers,
)

NASTY = '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028ü€😀</script>\ud800x\udc00'


def with_check(document: Dict[str, Any]) -> bytes:
    own = {name: one for name, one in document.items() if name != "check"}
    return json.dumps(dict(own, check=checksum(canonical_text(own)))).encode()


def similar(answers: Answers) -> Answers:
    rated = [
        replace(one, choice=None, ratings={"A": 5, "B": 2}) for one in answers.answers
    ]
    return replace(answers, scale="similarity", answers=rated)


def test_the_hash_is_fnv_1a() -> None:
    # Test vectors of RFC 9923.
    assert checksum("") == "811c9dc5"
    assert checksum("a") == "e40c292c"
    assert checksum("foobar") == "bf9cf968"


def test_the_canonical_text_is_that_of_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    one = similar(replace(answer_sheet(make_key()), agent=NASTY))
    script = """
    const text = JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")));
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text))
      hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    console.log(JSON.stringify([text, hash.toString(16).padStart(8, "0")]));
    """
    text = canonical_text(one.document())
    result = subprocess.run(
        [node, "-e", script],
        # All beyond ASCII escaped: the pipe changes nothing.
        input=json.dumps(one.document()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == [text, checksum(text)]


@pytest.mark.parametrize("agent", ["", NASTY])
def test_what_is_written_is_read(agent: str) -> None:
    one = replace(answer_sheet(make_key()), agent=agent)
    assert read_answers(one.text().encode()) == one
    assert read_answers(similar(one).text().encode()) == similar(one)


def test_order_and_white_space_do_not_matter() -> None:
    one = answer_sheet(make_key())
    turned = dict(reversed(document_of(one).items()))
    text = "\ufeff" + json.dumps(turned, indent=4)
    assert read_answers(text.encode()) == one


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"<html>not found</html>", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        (b'{"format": NaN}', "not JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[1, 2]", "list"),
        (b"{}", "format is null"),
        (b" " * (MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_answers_file_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ProbeError, match=said):
        read_answers(content)


def first(change: Dict[str, Any]) -> Callable[[Dict[str, Any]], object]:
    return lambda document: document["answers"][0].update(change)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda d: d.update(version=2), "version is 2"),
        (lambda d: d.update(version=True), "version is true"),
        (lambda d: d.pop("sheet"), "no sheet"),
        (lambda d: d.update(more=1), "unknown"),
        (lambda d: d.update(sheet="1"), "sheet is"),
        (lambda d: d.update(sheet=True), "sheet is true"),
        (lambda d: d.update(sheet=0), "sheet is 0"),
        (lambda d: d.update(sheet=1e400), "not JSON"),
        (lambda d: d.update(listener="a b"), "listener is"),
        (lambda d: d.update(listener=None), "listener is null"),
        (lambda d: d.update(started="yesterday"), "started is"),
        (lambda d: d.update(started=""), "started is"),
        (lambda d: d.update(finished="2026-13-01T10:00:00Z"), "finished is"),
        (lambda d: d.update(complete=1), "complete is 1"),
        (lambda d: d.update(scale="stars"), "scale is"),
        (lambda d: d.update(scale=["ab"]), "scale is"),
        (lambda d: d.update(answers={}), "answers is"),
        (lambda d: d.update(answers=[3]), "answer 1: expected an object"),
        (lambda d: d.update(level_check="x" * 300), "at most 200"),
        (first({"choice": "C"}), "answer 1: choice"),
        (first({"choice": None}), "answer 1: choice"),
        (first({"ratings": {"A": 1, "B": 2}}), "answer 1: ratings"),
        (first({"milliseconds": -1}), "milliseconds is -1"),
        (first({"milliseconds": 1.5}), "milliseconds is 1.5"),
        (first({"milliseconds": 10**20}), "milliseconds is"),
        (first({"plays": {"A": 1, "B": 1}}), "plays: no X"),
        (first({"item": "../x"}), "item is"),
    ],
)
def test_impossible_values_are_refused(
    change: Callable[[Dict[str, Any]], object], said: str
) -> None:
    document = document_of(answer_sheet(make_key()))
    change(document)
    content = json.dumps(document) if "JSON" in said else with_check(document).decode()
    with pytest.raises(ProbeError, match=said):
        read_answers(content.encode())


@pytest.mark.parametrize("rating", [0, 6, "3", None, 2.5])
def test_ratings_go_from_one_to_five(rating: object) -> None:
    document = document_of(similar(answer_sheet(make_key())))
    document["answers"][2]["ratings"]["B"] = rating
    with pytest.raises(ProbeError, match="answer 3, ratings: B is"):
        read_answers(with_check(document))


def test_an_edited_file_is_refused() -> None:
    document = document_of(answer_sheet(make_key()))
    answer = document["answers"][0]
    answer["choice"] = "B" if answer["choice"] == "A" else "A"
    with pytest.raises(ProbeError, match="edited"):
        read_answers(json.dumps(document).encode())


def test_messages_are_short_and_on_one_line() -> None:
    document = document_of(answer_sheet(make_key()))
    document["listener"] = "\n\x1b[31m" * 10_000
    with pytest.raises(ProbeError) as error:
        read_answers(with_check(document))
    assert len(str(error.value)) < 300 and str(error.value).isprintable()


def test_a_key_is_read_as_it_was_written(tmp_path: Path) -> None:
    from espnet_probe.listening.key_format import read_key

    key = make_key()
    key.write(tmp_path / "key.json")
    assert read_key(tmp_path / "key.json") == key
    assert [path.name for path in tmp_path.iterdir()] == ["key.json"]


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda d: d.update(format="x"), "format"),
        (lambda d: d["settings"].update(scale="stars"), "scale"),
        (lambda d: d["sheets"].update({"one": {"items": []}}), "sheet one"),
        (lambda d: d["sheets"].update({"03": {"items": []}}), "sheet 03"),
        (lambda d: d["sheets"].update({"3": d["sheets"]["1"]}), "twice"),
        (lambda d: d["sheets"]["1"]["items"][0].update(answer="C"), "answer"),
        (
            lambda d: d["sheets"]["1"]["items"][0]["x"].update(speaker="nobody"),
            "X by",
        ),
        (lambda d: d["sheets"]["1"]["items"][-1].update(repeats=None), "repeat"),
        (lambda d: d["sheets"]["1"]["items"][0].update(repeats="i0002"), "repeats"),
        (
            lambda d: d["sheets"]["1"]["items"][0]["scores"].update(
                ge2e={"xa": 10**400, "xb": 0}
            ),
            "not finite",
        ),
    ],
)
def test_a_key_that_contradicts_itself_is_refused(
    tmp_path: Path, change: Callable[[Dict[str, Any]], object], said: str
) -> None:
    from espnet_probe.listening.key_format import read_key

    document = make_key().document()
    change(document)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ProbeError, match=said):
        read_key(path)
