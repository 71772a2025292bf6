"""Full disks, and shards that are not what the records say."""

import os
import resource
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest
from processes import contents

from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader, StateWriter

KEYS = [f"spk{index % 3}-utt{index}" for index in range(7)]


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Return a setter of the largest file size; the limit is lifted at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_one_line_and_loses_nothing(
    tmp_path: Path,
    describe: Any,
    dump: Any,
    dtype: str,
    file_limit: Callable[[int], None],
) -> None:
    """A write that the system refuses half-way: earlier chunks stay, no rest."""
    dump(tmp_path, describe(dtype=dtype), KEYS[:2])
    before = contents(tmp_path)
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    file_limit(20000)
    with pytest.raises(ProbeError, match="nothing that is recorded is lost") as error:
        with writer.shard(["big"]) as shard:
            shard.add("big", np.ones((9000, 6), np.float32), 1600)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
    assert contents(tmp_path) == before


def test_no_room_at_all(
    tmp_path: Path,
    describe: Any,
    dump: Any,
    dtype: str,
    file_limit: Callable[[int], None],
) -> None:
    """Whichever file it is that has no room, the next run ends as one that had."""
    dump(tmp_path / "whole", describe(dtype=dtype), KEYS)
    whole = contents(tmp_path / "whole")
    folder = tmp_path / "tight"
    refused = []
    for size in range(0, len(whole["records.jsonl"]), 97):
        file_limit(size)
        try:
            dump(folder, describe(dtype=dtype), KEYS)
        except ProbeError as error:
            refused.append(str(error).split(str(folder))[1].split(" ")[0])
            # Emptied, not left half-written: that would take room as well.
            assert not list(folder.glob(".*"))
    file_limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    dump(folder, describe(dtype=dtype), KEYS)
    ours = contents(folder)
    ours["hidden.scp"] = ours["hidden.scp"].replace(b"/tight/", b"/whole/")
    assert ours == whole
    assert len(refused) > 5


def test_half_written_records_are_taken_back(
    tmp_path: Path, describe: Any, make_states: Any, file_limit: Callable[[int], None]
) -> None:
    """No room for the records, but for the states: the next run repairs it."""
    writer = StateWriter(tmp_path, describe())
    with writer.shard(["first"]) as shard:
        shard.add("first", make_states("first"), 1600)
    before = contents(tmp_path)
    file_limit(len(before["records.jsonl"]) + 50)
    with pytest.raises(ProbeError, match="cannot write"):
        with writer.shard(["a"]) as shard:
            shard.add("a", np.zeros((1, 6), np.float32), 1600)
    assert contents(tmp_path)["records.jsonl"] == before["records.jsonl"]
    StateWriter(tmp_path, describe())
    assert contents(tmp_path) == before


@pytest.mark.parametrize("harm", ["truncate", "remove"])
def test_damaged_shards_are_named_and_dumped_again(
    tmp_path: Path, describe: Any, dump: Any, dtype: str, harm: str
) -> None:
    """A reader says so when it is made; a restart writes the same bytes again."""
    dump(tmp_path, describe(dtype=dtype), KEYS)
    before = contents(tmp_path)
    shard = tmp_path / StateReader(tmp_path).records[KEYS[-1]].shard
    if harm == "truncate":
        os.truncate(shard, shard.stat().st_size - 4)
    else:
        shard.unlink()
    said = f"{shard} is missing or cut short: .* {KEYS[-1]}, and 1 of 7 .* same dump"
    with pytest.raises(ProbeError, match=said):
        StateReader(tmp_path)
    # As long as the states are not there again, no scp file says they were.
    StateWriter(tmp_path, describe(dtype=dtype))
    assert not (tmp_path / "hidden.scp").exists()
    assert len(StateReader(tmp_path)) == 6
    dump(tmp_path, describe(dtype=dtype), KEYS)
    assert contents(tmp_path) == before
