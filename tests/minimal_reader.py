"""A reader of dumps written from docs/file_formats.md alone, to hold it to its words.

Nothing of the project is imported here, nor anything that knows arks or npy files.
"""

import ast
import json
import struct
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import yaml
from numpy.typing import NDArray


def read_description(folder: Path) -> Dict[str, Any]:
    """Read dump.yaml as its table describes it."""
    description: Dict[str, Any] = yaml.safe_load((folder / "dump.yaml").read_text())
    assert description["format"] == 1, "a format that this reader does not know"
    return description


def read_lines(folder: Path) -> Dict[str, Dict[str, Any]]:
    """Read records.jsonl: what follows the last line's end is passed over."""
    text = (folder / "records.jsonl").read_bytes()
    whole = text[: text.rfind(b"\n") + 1].decode("utf-8")
    lines = [json.loads(line) for line in whole.split("\n") if line]
    # The last one of an utterance counts.
    return {line["utt_id"]: line for line in lines}


def read_ark(content: bytes, offset: int, key: str, width: int) -> NDArray[Any]:
    """Read a matrix of an ark, and look at the id in front of it."""
    name = key.encode() + b" "
    assert content[offset - len(name) : offset] == name
    marker, four, rows, also_four, columns = struct.unpack_from(
        "<5sbibi", content, offset
    )
    assert (marker, four, also_four, columns) == (b"\0BFM ", 4, 4, width)
    rows_of_bytes = [
        struct.unpack_from(f"<{width}f", content, offset + 15 + 4 * index * width)
        for index in range(rows)
    ]
    return np.array(rows_of_bytes, dtype=np.float32)


def read_npy(content: bytes, width: int) -> NDArray[Any]:
    """Read an npy file: 128 bytes that say what it is, then the values."""
    assert content[:8] == b"\x93NUMPY\1\0"
    assert struct.unpack_from("<H", content, 8) == (118,)
    head: Dict[str, Any] = ast.literal_eval(content[10:128].decode("latin-1"))
    shape: Tuple[int, int] = head["shape"]
    assert (head["descr"], head["fortran_order"], shape[1]) == ("<f2", False, width)
    assert len(content) == 128 + 2 * shape[0] * shape[1]
    return np.frombuffer(content, dtype="<f2", offset=128).reshape(shape)


def read_states(folder: Path, key: str) -> NDArray[Any]:
    """Read all states of an utterance."""
    description, record = read_description(folder), read_lines(folder)[key]
    content = (folder / record["shard"]).read_bytes()
    if description["dtype"] == "float32":
        states = read_ark(content, record["offset"], key, description["width"])
    else:
        assert record["offset"] is None
        states = read_npy(content, description["width"])
    assert list(states.shape) == record["shape"]
    return states


def read_scp(folder: Path, key: str, width: int) -> NDArray[Any]:
    """Read all states of an utterance by its line of hidden.scp."""
    lines = (folder / "hidden.scp").read_text(encoding="utf-8").splitlines()
    path = dict(line.split(" ", 1) for line in lines)[key]
    if path.endswith(".npy"):
        return read_npy(Path(path).read_bytes(), width)
    path, offset = path.rsplit(":", 1)
    return read_ark(Path(path).read_bytes(), int(offset), key, width)
