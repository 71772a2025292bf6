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
        (0.9, float("inf"), range(9, 10)),
        (0.1 + 0.2, 0.7, range(3, 7)),
        (0.3 - 1e-9, 0.4 + 1e-9, range(3, 4)),
        (0.3 - 1e-6, 0.4 + 1e-6, range(2, 5)),
    ],
)
def test_time_range(folder: Path, start: float, end: Any, frames: List[int]) -> None:
    """All states with a part in the range, edges without rounding errors."""
    part = StateReader(folder).read("b", start, end)
    np.testing.assert_array_equal(part, STATES[list(frames)])
    part[:] = 0  # a copy of one's own, not a view of the file


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "start, end",
    [
        (-0.1, None),
        (1.0, None),
        (0.5, 0.5),
        (0.5, 0.4),
        (3, 4),
        (0.2, -INF),
        (INF, None),
        (NAN, None),
        (0.1, NAN),
    ],
)
def test_times_without_states(folder: Path, start: float, end: Any) -> None:
    """The message says which times there are."""
    with pytest.raises(ProbeError, match="utterance b: .* from 0 to 1.000 s"):
        StateReader(folder).read("b", start, end)


def test_a_part_is_read_without_the_rest(folder: Path) -> None:
    """States in front of a place where the file was cut can still be read."""
    reader = StateReader(folder)
    record = reader.records["b"]
    os.truncate(folder / record.shard, record.end - record.num_bytes // 2)
    np.testing.assert_array_equal(reader.read("b", 0.1, 0.5), STATES[1:5])
    with pytest.raises(ProbeError, match="utterance b: cannot read"):
        reader.read("b", 0.1)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_part_costs_what_it_holds(
    tmp_path: Path, describe: Callable[..., Any], dtype: str
) -> None:
    """Of ten minutes, a second: counted by the system in bytes read."""
    states = np.arange(6000 * 640, dtype=np.float32).reshape(6000, 640) % 1024
    writer = StateWriter(tmp_path, describe(dtype=dtype, width=640))
    with writer.shard(["long"]) as shard:
        shard.add("long", states, 6000 * 1600)
    reader = StateReader(tmp_path)

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = bytes_read()
    part = reader.read("long", 300.0, 301.0)
    cost = bytes_read() - before
    np.testing.assert_array_equal(part, states[3000:3010])
    # A buffer may be filled at each place in the file.
    assert part.nbytes <= cost < part.nbytes + 300_000 < reader["long"].nbytes / 20


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
