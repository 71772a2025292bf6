"""Tests for espnet_probe.store.record and record_file."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.store.record import RECORDS_FILE, Record
from espnet_probe.store.record_file import append_records, read_records
from espnet_probe.store.shard_name import shard_file_name


def values(**changed: Any) -> Dict[str, Any]:
    """Return the fields of a record that is right, with some changed."""
    right = dict(
        utt_id="spk1-utt1",
        shard="states.0123456789abcdef.ark",
        offset=10,
        shape=(7, 4),
        dtype="float32",
        frame_shift=0.025,
        stride=2,
        num_samples=2800,
    )
    return {**right, **changed}


def test_json_and_back_gives_the_same_record() -> None:
    """A record survives its line, non-ASCII names included."""
    for changed in ({}, {"offset": None, "dtype": "float16"}, {"utt_id": "Jürgen-1"}):
        record = Record(**values(**changed))
        line = record.to_json()
        assert "\n" not in line
        assert Record.from_json(line) == record


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"utt_id": "two words"}, "utt_id is 'two words'"),
        ({"utt_id": ""}, "utt_id is ''"),
        ({"utt_id": 3}, "utt_id is 3"),
        ({"shard": "/elsewhere/a.ark"}, "relative"),
        ({"shard": "../a.ark"}, "relative"),
        ({"shard": ""}, "shard is ''"),
        ({"shard": None}, "shard is None"),
        ({"offset": -1}, "offset is -1"),
        ({"offset": True}, "offset is True"),
        ({"offset": 1.5}, "offset is 1.5"),
        ({"shape": (0, 4)}, "both at least 1"),
        ({"shape": (7,)}, "both at least 1"),
        ({"dtype": "int8"}, "float32 or float16"),
        ({"frame_shift": 0}, "above 0"),
        ({"frame_shift": float("nan")}, "above 0"),
        ({"stride": 0}, "stride is 0"),
        ({"num_samples": "10"}, "num_samples is '10'"),
    ],
)
def test_impossible_values_are_refused(changed: Dict[str, Any], said: str) -> None:
    """The message has the value and, once it is known, the utterance."""
    with pytest.raises(ProbeError, match=said) as error:
        Record(**values(**changed))
    if "utt_id" not in changed:
        assert "spk1-utt1" in str(error.value)


@pytest.mark.parametrize(
    "line, said",
    [
        ("nonsense", "no JSON"),
        ("[1, 2]", "JSON object"),
        (json.dumps({"utt_id": "a"}), "frame_shift"),
        (json.dumps(values(more=1)), "more"),
    ],
)
def test_lines_that_are_no_records(line: str, said: str) -> None:
    """What is wrong is said."""
    with pytest.raises(ProbeError, match=said):
        Record.from_json(line)


def test_last_record_of_an_utterance_counts(tmp_path: Path) -> None:
    """A folder without records is empty; later records replace earlier ones."""
    assert read_records(tmp_path) == {}
    append_records(tmp_path, [Record(**values()), Record(**values(utt_id="b"))])
    append_records(tmp_path, [Record(**values(offset=99))])
    records = read_records(tmp_path)
    assert list(records) == ["spk1-utt1", "b"]
    assert records["spk1-utt1"].offset == 99


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """File and line number are in the message."""
    append_records(tmp_path, [Record(**values())])
    with (tmp_path / RECORDS_FILE).open("a") as handle:
        handle.write("{}\n")
    with pytest.raises(ProbeError, match="records.jsonl, line 2: missing"):
        read_records(tmp_path)


def test_half_an_append_is_taken_back_with_its_shard(tmp_path: Path) -> None:
    """A line cut short is not read; the next append removes its whole shard."""
    first, second, third = "states.a.ark", "states.b.ark", "states.c.ark"
    append_records(tmp_path, [Record(**values(utt_id="1", shard=first))])
    append_records(
        tmp_path,
        [Record(**values(utt_id=name, shard=second)) for name in ("2", "3", "4")],
    )
    path = tmp_path / RECORDS_FILE
    path.write_bytes(path.read_bytes()[:-20])
    assert list(read_records(tmp_path)) == ["1", "2", "3"]
    append_records(tmp_path, [Record(**values(utt_id="5", shard=third))])
    assert list(read_records(tmp_path)) == ["1", "5"]


def test_half_an_append_leaves_complete_shards(tmp_path: Path) -> None:
    """If its first line is cut, what stands before it was recorded as a whole."""
    keys = [["1", "2"], ["3", "4"]]
    for chunk in keys:
        shard = shard_file_name(chunk, "float32")
        append_records(
            tmp_path, [Record(**values(utt_id=key, shard=shard)) for key in chunk]
        )
    path = tmp_path / RECORDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    append_records(tmp_path, [])
    assert path.read_bytes() == b"".join(lines[:2])
    path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    append_records(tmp_path, [])
    assert path.read_bytes() == b"".join(lines[:2])
