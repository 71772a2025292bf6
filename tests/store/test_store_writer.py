"""Tests for espnet_probe.store.writer: what is written, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import contents

from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader, StateWriter

KEYS = [f"spk{index % 3}-utt{index}" for index in range(7)]


def test_what_is_written_is_read(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """States, records and the sorted scp file, in both formats."""
    dump(tmp_path / "layer", describe(dtype=dtype), KEYS)
    reader = StateReader(tmp_path / "layer")
    assert list(reader.keys()) == KEYS
    for key in KEYS:
        expected = make_states(key).astype(dtype)
        assert reader[key].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(reader[key], expected)
        assert reader.records[key].num_samples == 1600 * len(expected)
    lines = (tmp_path / "layer" / "hidden.scp").read_text().splitlines()
    assert [line.split()[0] for line in lines] == sorted(KEYS)
    hidden = [name for name in contents(tmp_path) if Path(name).name[0] == "."]
    assert hidden == []


def test_float16_takes_half_the_bytes(tmp_path: Path, describe: Any) -> None:
    """The numbers lie on disk as float16, not as a float32 of the same value."""
    states = np.ones((500, 6), dtype=np.float32)
    for dtype in ("float32", "float16"):
        writer = StateWriter(tmp_path / dtype, describe(dtype=dtype))
        with writer.shard(["a"]) as shard:
            shard.add("a", states, 80000)
    sizes = {
        dtype: (tmp_path / dtype / StateReader(tmp_path / dtype).records["a"].shard)
        .stat()
        .st_size
        for dtype in ("float32", "float16")
    }
    assert sizes["float32"] == 2 + 15 + 500 * 6 * 4
    assert sizes["float16"] == 128 + 500 * 6 * 2


def test_second_run_writes_nothing(
    tmp_path: Path, describe: Any, dump: Any, dtype: str, monkeypatch: Any
) -> None:
    """What the records hold is skipped."""
    dump(tmp_path, describe(dtype=dtype), KEYS)
    before = contents(tmp_path)
    monkeypatch.setattr(StateWriter, "shard", None)
    dump(tmp_path, describe(dtype=dtype), KEYS)
    assert contents(tmp_path) == before


def test_an_exception_leaves_nothing_of_the_shard(
    tmp_path: Path, describe: Any, make_states: Any, dtype: str
) -> None:
    """The chunk is given up as a whole, whatever stopped it."""
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    with pytest.raises(KeyboardInterrupt):
        with writer.shard(["a", "b"]) as shard:
            shard.add("a", make_states("a"), 1600)
            raise KeyboardInterrupt
    assert sorted(contents(tmp_path)) == ["dump.yaml", "records.jsonl"]
    assert writer.done == set()


def test_all_keys_have_to_be_added_in_order(
    tmp_path: Path, describe: Any, make_states: Any
) -> None:
    """A shard whose name does not say what is in it is a programming error."""
    writer = StateWriter(tmp_path, describe())
    with pytest.raises(ValueError, match="b was not added"):
        with writer.shard(["a", "b"]) as shard:
            shard.add("a", make_states("a"), 1600)
    with pytest.raises(ValueError, match="b is not at place 0"):
        with writer.shard(["a", "b"]) as shard:
            shard.add("b", make_states("b"), 1600)


@pytest.mark.parametrize(
    "states, dtype, said",
    [
        (np.zeros((0, 6), np.float32), "float32", "a, layer blstm2: 99 samples are"),
        (np.zeros((3, 5), np.float32), "float32", r"\(3, 5\), expected \(time, 6\)"),
        (np.zeros(6, np.float32), "float32", r"\(6,\), expected \(time, 6\)"),
        (np.full((1, 6), np.nan), "float32", "NaN or infinity"),
        (np.full((1, 6), 70000.0), "float16", "70000 is too large for float16"),
    ],
)
def test_states_that_cannot_be_stored(
    tmp_path: Path, describe: Any, states: Any, dtype: str, said: str
) -> None:
    """Utterance and layer are named."""
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    with pytest.raises(ProbeError, match=said):
        with writer.shard(["a"]) as shard:
            shard.add("a", states, 99)


def test_records_without_description_are_refused(
    tmp_path: Path, describe: Any, dump: Any
) -> None:
    """Nobody can tell what they are states of."""
    dump(tmp_path, describe(), KEYS)
    (tmp_path / "dump.yaml").unlink()
    with pytest.raises(ProbeError, match="no dump.yaml"):
        StateWriter(tmp_path, describe())


def test_names_with_slashes_stay_in_the_folder(
    tmp_path: Path, describe: Any, make_states: Any, dtype: str
) -> None:
    """VoxCeleb's ids have slashes; as file names they are escaped."""
    key = "id10001/../100%/00001"
    writer = StateWriter(tmp_path / "layer", describe(dtype=dtype))
    with writer.shard([key]) as shard:
        shard.add(key, make_states(key), 1600)
    assert [path.name for path in tmp_path.iterdir()] == ["layer"]
    np.testing.assert_array_equal(
        StateReader(tmp_path / "layer")[key], make_states(key).astype(dtype)
    )
