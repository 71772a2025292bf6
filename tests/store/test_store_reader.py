"""Tests for espnet_probe.store.reader, and reading by ESPnet's own loader."""

import os
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader, StateWriter

STATES = np.arange(60, dtype=np.float32).reshape(10, 6)


@pytest.fixture(params=["float32", "float16"])
def folder(request: Any, tmp_path: Path, describe: Callable[..., Any]) -> Path:
    """Return a layer of three utterances, 10 states of 0.1 s in the second one."""
    writer = StateWriter(tmp_path / "layer", describe(dtype=request.param))
    with writer.shard(["a", "b", "c"]) as shard:
        shard.add("a", np.full((3, 6), -1, np.float32), 4800)
        shard.add("b", STATES, 16000)
        shard.add("c", np.full((2, 6), -2, np.float32), 3200)
    assert writer.finish(["a", "b", "c"])
    return tmp_path / "layer"


def test_mapping(folder: Path) -> None:
    """Keys, lengths, containment."""
    reader = StateReader(folder)
    assert list(reader) == list(reader.keys()) == ["a", "b", "c"]
    assert reader.lengths == {"a": 3, "b": 10, "c": 2}
    assert len(reader) == 3 and "b" in reader and "d" not in reader
    assert reader.description.layer == "blstm2"
    with pytest.raises(ProbeError, match="no states of utterance 'd'"):
        reader["d"]


@pytest.mark.parametrize(
    "start, end, frames",
    [
        (0.0, None, range(10)),
        (0.3, None, range(3, 10)),
        (0.3, 0.6, range(3, 6)),
        (0.25, 0.31, range(2, 4)),
        (0.0, 0.05, range(1)),
        (0.9, 1.0, range(9, 10)),
        (0.9, 77.0, range(9, 10)),
    ],
)
def test_time_range(folder: Path, start: float, end: Any, frames: List[int]) -> None:
    """All states with a part in the range, edges without rounding errors."""
    part = StateReader(folder).read("b", start, end)
    np.testing.assert_array_equal(part, STATES[list(frames)])
    part[:] = 0  # a copy of one's own, not a view of the file


@pytest.mark.parametrize("start, end", [(-0.1, None), (1.0, None), (0.5, 0.5), (3, 4)])
def test_times_without_states(folder: Path, start: float, end: Any) -> None:
    """The message says which times there are."""
    with pytest.raises(ProbeError, match="utterance b: .* from 0 to 1.000 s"):
        StateReader(folder).read("b", start, end)


def test_a_part_is_read_without_the_rest(folder: Path) -> None:
    """States in front of a place where the file was cut can still be read."""
    reader = StateReader(folder)
    record = reader.records["b"]
    os.truncate(folder / record.shard, record.end - record.num_bytes // 2)
    if record.offset is not None:
        np.testing.assert_array_equal(reader.read("b", 0.1, 0.5), STATES[1:5])
    with pytest.raises(ProbeError, match="utterance b: cannot read"):
        reader.read("b", 0.1)


@pytest.mark.parametrize("size", [0, 12, 40, -1, None])
def test_truncated_or_missing_shard(folder: Path, size: Any) -> None:
    """Utterance and file are named, whatever is left of the file."""
    reader = StateReader(folder)
    record = reader.records["b"]
    shard = folder / record.shard
    if size is None:
        shard.unlink()
    else:
        os.truncate(shard, size if size >= 0 else record.end - 1)
    with pytest.raises(ProbeError, match="utterance b: .*states") as error:
        reader["b"]
    assert str(shard) in str(error.value)


def test_record_pointing_elsewhere(folder: Path) -> None:
    """A file that holds another matrix is not taken for the utterance's."""
    path = folder / "records.jsonl"
    path.write_text(path.read_text().replace("[10, 6]", "[9, 6]"))
    with pytest.raises(ProbeError, match="utterance b"):
        StateReader(folder)["b"]


def test_no_dump(tmp_path: Path) -> None:
    """A folder without dump.yaml is refused."""
    with pytest.raises(ProbeError, match="dump.yaml"):
        StateReader(tmp_path)


def test_espnet_loader_reads_it(folder: Path) -> None:
    """ESPnet's data set gives the same states with a standard type."""
    dataset_module = pytest.importorskip("espnet2.train.dataset")
    reader = StateReader(folder)
    loader_type = {"float32": "kaldi_ark", "float16": "npy"}
    dataset = dataset_module.ESPnetDataset(
        [
            (
                str(folder / "hidden.scp"),
                "hidden_blstm2",
                loader_type[reader.description.dtype],
            )
        ]
    )
    assert list(dataset) == ["a", "b", "c"]
    for key in reader:
        uid, data = dataset[key]
        assert uid == key
        assert data["hidden_blstm2"].dtype == np.float32
        np.testing.assert_array_equal(data["hidden_blstm2"], reader[key])
