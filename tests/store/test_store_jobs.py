"""Several jobs, each a process of its own, that write one folder at once."""

import errno
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import pytest
from processes import contents, fork, start, was_killed

from espnet_probe.errors import ProbeError
from espnet_probe.store import ShardBusy, StateReader, StateWriter

KEYS = [f"{index:03d}" for index in range(60)]


def together(works: List[Callable[[], None]], gate: Path) -> None:
    """Run the functions at once in processes, none of which may fail."""

    def gated(work: Callable[[], None]) -> None:
        while not gate.exists():
            time.sleep(0.001)
        work()

    jobs = [start(lambda work=work: gated(work)) for work in works]
    gate.touch()
    assert [os.waitpid(job, 0)[1] for job in jobs] == [0] * len(jobs)


def test_jobs_with_different_utterances(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """Every record is whole, and the last job writes the scp; but for the order of
    the records all is as if one job had done it."""
    halves = KEYS[:30], KEYS[30:]
    for half in halves:
        dump(tmp_path / "alone", describe(dtype=dtype), half, KEYS)
    folder = tmp_path / "layer"
    jobs = [
        lambda half=half: dump(folder, describe(dtype=dtype), half, KEYS)
        for half in halves
    ]
    together(jobs, tmp_path / "go")
    reader = StateReader(folder)
    for key in KEYS:
        np.testing.assert_array_equal(reader[key], make_states(key).astype(dtype))
    ours, alone = contents(folder), contents(tmp_path / "alone")
    for files in (ours, alone):
        files["hidden.scp"] = files["hidden.scp"].replace(b"/alone/", b"/layer/")
        files["records.jsonl"] = b"".join(
            sorted(files["records.jsonl"].splitlines(keepends=True))
        )
    assert ours == alone


def test_jobs_with_the_same_utterances(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """None fails, and every utterance is written and recorded once."""
    dump(tmp_path / "alone", describe(dtype=dtype), KEYS)
    folder = tmp_path / "layer"
    jobs = [lambda: dump(folder, describe(dtype=dtype), KEYS)] * 3
    together(jobs, tmp_path / "go")
    ours, alone = contents(folder), contents(tmp_path / "alone")
    assert ours.keys() == alone.keys()
    lines = ours["records.jsonl"].splitlines()
    assert sorted(lines) == sorted(alone["records.jsonl"].splitlines())
    for key in KEYS:
        np.testing.assert_array_equal(
            StateReader(folder)[key], make_states(key).astype(dtype)
        )


def test_what_another_job_is_writing(
    tmp_path: Path, describe: Any, make_states: Any, dtype: str
) -> None:
    """It can be passed over, or waited for; then there is nothing left to write."""
    description = describe(dtype=dtype)

    def passes_over() -> None:
        with pytest.raises(ShardBusy, match="another job is writing a and 1 more"):
            with StateWriter(tmp_path, description).shard(["a", "b"], wait=False):
                raise AssertionError("entered the same shard twice")

    def waits() -> None:
        later = StateWriter(tmp_path, description)
        with later.shard(["a", "b"]) as shard:
            assert shard is None and later.done == {"a", "b"}

    writer = StateWriter(tmp_path, description)
    with writer.shard(["a", "b"]) as shard:
        shard.add("a", make_states("a"), 1600)
        assert fork(passes_over) == 0
        waiting = start(waits)
        time.sleep(0.1)
        assert os.waitpid(waiting, os.WNOHANG) == (0, 0)
        shard.add("b", make_states("b"), 1600)
    before = contents(tmp_path)
    assert os.waitpid(waiting, 0)[1] == 0
    # The lock may have been there still, or again: the waiting job's.
    files = {name: one for name, one in before.items() if not name.startswith(".")}
    assert contents(tmp_path) == files


def test_a_waiting_job_takes_over_from_one_that_is_killed(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """The lock goes with its job; the utterances are written all the same."""
    description = describe(dtype=dtype)

    def hangs() -> None:
        with StateWriter(tmp_path / "layer", description).shard(["a", "b"]) as shard:
            shard.add("a", make_states("a"), 1600)
            (tmp_path / "inside").touch()
            time.sleep(60)

    hanging = start(hangs)
    while not (tmp_path / "inside").exists():
        time.sleep(0.001)
    waiting = start(lambda: dump(tmp_path / "layer", description, ["a", "b"]))
    time.sleep(0.1)
    os.kill(hanging, signal.SIGKILL)
    assert was_killed(os.waitpid(hanging, 0)[1])
    assert os.waitpid(waiting, 0)[1] == 0
    assert list(StateReader(tmp_path / "layer")) == ["a", "b"]
    assert not list((tmp_path / "layer").glob(".*"))


def test_files_of_a_living_job_are_left_alone(
    tmp_path: Path, describe: Any, make_states: Any, dtype: str
) -> None:
    """A job that starts while another writes cleans up only after the dead."""
    description = describe(dtype=dtype)
    first = StateWriter(tmp_path, description)
    with first.shard(["a", "b"]) as shard:
        shard.add("a", make_states("a"), 1600)
        assert fork(lambda: StateWriter(tmp_path, description) and None) == 0
        shard.add("b", make_states("b"), 1600)
    np.testing.assert_array_equal(
        StateReader(tmp_path)["b"], make_states("b").astype(dtype)
    )


def test_a_file_system_without_locks(
    tmp_path: Path, describe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says what to do, as for a full disk."""

    def refuse(handle: Any, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ProbeError, match="records.jsonl: the file system gives no"):
        StateWriter(tmp_path, describe())
