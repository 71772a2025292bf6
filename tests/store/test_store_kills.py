"""A job that is killed, wherever it is, and started again."""

import resource
import signal
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest
from processes import (
    contents,
    die,
    die_at_rename,
    die_before_call,
    fork,
    was_killed,
)

from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader, StateWriter
from espnet_probe.store.shard import remove

KEYS = ["spk0-utt0", "spk1-utt1", "spk2-utt2", "spk0-utt3", "spk1-utt4"]


def check_rest(folder: Path, make_states: Callable[[str], Any], dtype: str) -> None:
    """What a killed job leaves is read right, or refused in one line."""
    try:
        reader = StateReader(folder)
    except ProbeError as error:
        assert "dump.yaml" in str(error)
        return
    for key in reader:
        np.testing.assert_array_equal(reader[key], make_states(key).astype(dtype))


def test_kill_before_every_call_then_restart_gives_the_same_bytes(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """SIGKILL before the n-th call that changes a file, for all n."""
    folder, keys = tmp_path / "layer", KEYS[:3]
    dump(folder, describe(dtype=dtype), keys)
    whole = contents(folder)

    def killed(number: int) -> None:
        die_before_call(number)
        dump(folder, describe(dtype=dtype), keys)

    number, status = 0, -1
    while status != 0:
        number += 1
        remove(folder)
        status = fork(lambda: killed(number))
        assert status == 0 or was_killed(status)
        left = {name for name in contents(folder) if name not in whole}
        # Shards keep their names from run to run: only temporary files are new.
        assert all(name.startswith(".") for name in left)
        check_rest(folder, make_states, dtype)
        dump(folder, describe(dtype=dtype), keys)
        assert contents(folder) == whole
    # A description, two shards and an scp file, each written, synced and renamed in
    # a folder that is synced; two locks removed; records, twice written and synced.
    assert number > 20


@pytest.mark.parametrize("chunks_there", [0, 1])
def test_kill_in_the_middle_of_a_write(
    tmp_path: Path,
    describe: Any,
    make_states: Any,
    dump: Any,
    dtype: str,
    chunks_there: int,
) -> None:
    """The system ends the job at the n-th byte of a file, whichever file it is."""
    folder, keys = tmp_path / "layer", KEYS[:4]
    dump(folder, describe(dtype=dtype), keys)
    whole = contents(folder)

    def killed(size: int) -> None:
        # Python ignores the signal; here it has to end the process, as it is.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        dump(folder, describe(dtype=dtype), keys)

    at: Dict[str, int] = {}
    for size in range(1, max(map(len, whole.values())), 59):
        remove(folder)
        if chunks_there:
            dump(folder, describe(dtype=dtype), keys[:2], keys)
        status = fork(lambda: killed(size))
        assert status == 0 or was_killed(status, signal.SIGXFSZ)
        for name, content in contents(folder).items():
            if len(content) == size:
                at[Path(name).parts[0]] = size
        check_rest(folder, make_states, dtype)
        dump(folder, describe(dtype=dtype), keys)
        assert contents(folder) == whole
    if chunks_there:
        assert "records.jsonl" in at
        assert any(name.startswith(".states.") for name in at)
    else:
        assert ".dump.yaml.tmp" in at


@pytest.mark.parametrize("name", ["dump.yaml", "states.", "hidden.scp"])
def test_kill_before_a_rename(
    tmp_path: Path, describe: Any, dump: Any, dtype: str, name: str
) -> None:
    """The file is not there, what came before it is, and the next run makes it."""
    folder = tmp_path / "layer"
    dump(folder, describe(dtype=dtype), KEYS)
    whole = contents(folder)
    remove(folder)

    def killed() -> None:
        die_at_rename(name)
        dump(folder, describe(dtype=dtype), KEYS)

    assert was_killed(fork(killed))
    assert not list(folder.glob(f"{name}*")) and list(folder.glob(f".{name}*"))
    if name == "hidden.scp":
        assert list(StateReader(folder)) == KEYS
    dump(folder, describe(dtype=dtype), KEYS)
    assert contents(folder) == whole


def test_kill_in_the_middle_of_a_shard_keeps_finished_chunks(
    tmp_path: Path, describe: Any, make_states: Any, dtype: str
) -> None:
    """After a kill inside the second chunk one chunk is there, and no rest."""

    def killed() -> None:
        writer = StateWriter(tmp_path, describe(dtype=dtype))
        for chunk in (KEYS[:2], KEYS[2:]):
            with writer.shard(chunk) as shard:
                for key in chunk:
                    shard.add(key, make_states(key), 1600)
                    if key == KEYS[3]:
                        die()

    assert was_killed(fork(killed))
    assert list(StateReader(tmp_path)) == KEYS[:2]
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    assert writer.done == set(KEYS[:2])
    assert not list(tmp_path.glob(".*"))
    assert not writer.finish(KEYS)
    assert not (tmp_path / "hidden.scp").exists()


def test_a_repair_that_is_killed_is_taken_up(
    tmp_path: Path, describe: Any, dump: Any, dtype: str
) -> None:
    """SIGKILL before every call of the run that replaces a damaged shard."""
    folder = tmp_path / "layer"
    keys = KEYS[:2]

    def killed(number: int) -> None:
        die_before_call(number)
        dump(folder, describe(dtype=dtype), keys)

    dump(folder, describe(dtype=dtype), keys)
    whole = contents(folder)
    number, status = 0, -1
    while status != 0:
        number += 1
        (folder / StateReader(folder).records[keys[0]].shard).unlink()
        status = fork(lambda: killed(number))
        assert status == 0 or was_killed(status)
        dump(folder, describe(dtype=dtype), keys)
        assert contents(folder) == whole
    assert number > 20
