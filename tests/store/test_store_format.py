"""docs/file_formats.md is right: its reader reads, its rules give the same files."""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict

import minimal_reader
import numpy as np

from espnet_probe.store import DumpDescription, Record, StateReader

DOCUMENT = Path(__file__).parents[2] / "docs" / "file_formats.md"
KEYS = ["b/1", "a%2", "c", "schön"]


def test_the_reader_in_the_document(
    tmp_path: Path, describe: Any, dump: Any, dtype: str
) -> None:
    """The code block, run as it stands, agrees with StateReader."""
    dump(tmp_path, describe(dtype=dtype), KEYS)
    with (tmp_path / "records.jsonl").open("a") as handle:
        handle.write('{"utt_id": "c", "sha')  # an append that is going on
    code = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: Dict[str, Any] = {}
    exec(code[0], names)
    for key in KEYS:
        expected = StateReader(tmp_path)[key]
        found = names["read_states"](str(tmp_path), key)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_a_reader_written_from_the_document(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """Byte by byte, without anything that knows arks or npy files."""
    folder = tmp_path / "block3-attention"
    dump(folder, describe(layer="block3-attention", dtype=dtype), KEYS)
    with (folder / "records.jsonl").open("ab") as handle:
        # An utterance with two lines, and an append that is going on.
        first = (folder / "records.jsonl").read_bytes().splitlines()[0]
        handle.write(first + b'\n{"utt_id": "c", "sha')
    width = minimal_reader.read_description(folder)["width"]
    for key in KEYS:
        expected = make_states(key).astype(dtype)
        for found in (
            minimal_reader.read_states(folder, key),
            minimal_reader.read_scp(folder, key, width),
        ):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_names_of_shards(tmp_path: Path, describe: Any, dump: Any) -> None:
    """Rule 1, and the names of npy files."""
    dump(tmp_path, describe(dtype="float16"), KEYS)
    digest = hashlib.sha256(b"b/1\na%2").hexdigest()[:16]
    names = {path.name for path in (tmp_path / f"states.{digest}").iterdir()}
    assert names == {"b%2F1.npy", "a%252.npy"}


def test_all_fields_are_documented(tmp_path: Path, describe: Any, dump: Any) -> None:
    """Both tables name every key that is written, and the files have no others."""
    text = DOCUMENT.read_text()
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### )", text, re.M | re.S))
    for section, kind in (("dump.yaml", DumpDescription), ("records.jsonl", Record)):
        table = re.findall(r"^\| (`[^|]*`) \|", sections[section], re.M)
        documented = set(re.findall(r"`(\w+)`", " ".join(table)))
        assert documented == {field.name for field in fields(kind)}
    dump(tmp_path, describe(), KEYS)
    line = (tmp_path / "records.jsonl").read_text().splitlines()[0]
    assert set(json.loads(line)) == {field.name for field in fields(Record)}
