"""docs/file_formats.md is right: its reader reads, its rules give the same files."""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from espnet_probe.store import DumpDescription, Record, StateReader

DOCUMENT = Path(__file__).parents[2] / "docs" / "file_formats.md"
KEYS = ["b/1", "a%2", "c"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
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
