"""Tests for espnet_probe.store.writer: shards, resume, jobs side by side, kills."""

import multiprocessing
import os
import resource
import signal
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader, StateWriter

KEYS = [f"spk{index % 3}-utt{index}" for index in range(7)]


def contents(directory: Path) -> Dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def fork(work: Callable[[], None]) -> int:
    """Run a function in a forked process; return its exit status as waitpid's."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.fixture(params=["float32", "float16"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Return each of the number formats."""
    return str(request.param)


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Return a setter of the largest file size; the limit is lifted at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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


def test_kill_at_every_step_then_restart_gives_the_same_bytes(
    tmp_path: Path, describe: Any, dump: Any, dtype: str, monkeypatch: Any
) -> None:
    """SIGKILL before the n-th sync or rename, for all n: nothing is lost."""
    description = describe(dtype=dtype)
    folder = tmp_path / "layer"
    keys = KEYS[:3]
    dump(folder, description, keys)
    whole = contents(folder)

    def kill_before(step: int) -> None:
        count = 0

        def counting(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args)

            return wrapped

        for name in ("fsync", "replace"):
            setattr(os, name, counting(getattr(os, name)))
        dump(folder, description, keys)

    for step in range(1, 1000):
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        status = fork(lambda: kill_before(step))
        if status == 0:
            break
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        left = [name for name in contents(folder) if name not in whole]
        # Shards keep their names from run to run: only temporary files are new.
        assert all(name.startswith(".") for name in left)
        dump(folder, description, keys)
        assert contents(folder) == whole
    # 2 chunks with a sync of data, names and records and a rename each, at least.
    assert step > 8


def test_kill_in_the_middle_keeps_finished_chunks(
    tmp_path: Path, describe: Any, make_states: Any, dump: Any, dtype: str
) -> None:
    """After a kill inside the third chunk two chunks are there."""

    def killed() -> None:
        writer = StateWriter(tmp_path, describe(dtype=dtype))
        for start in range(0, len(KEYS), 2):
            chunk = KEYS[start : start + 2]
            with writer.shard(chunk) as shard:
                for key in chunk:
                    shard.add(key, make_states(key), 1600)
                    if start == 4:
                        os.kill(os.getpid(), signal.SIGKILL)

    assert os.WIFSIGNALED(fork(killed))
    assert list(StateReader(tmp_path).keys()) == KEYS[:4]
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    assert writer.done == set(KEYS[:4])
    assert not list(tmp_path.glob(".*"))
    assert not writer.finish(KEYS)
    assert not (tmp_path / "hidden.scp").exists()


def _write_half(
    directory: Path, description: Any, keys: List[str], go: Event, everything: List[str]
) -> None:
    writer = StateWriter(directory, description)
    go.wait()
    for key in keys:
        with writer.shard([key]) as shard:
            shard.add(key, np.full((3, 6), float(key), dtype=np.float32), 4800)
    writer.finish(everything)


def test_two_processes_write_one_layer(
    tmp_path: Path, describe: Any, dtype: str
) -> None:
    """Both at once: every record is whole, and the last one writes the scp."""
    keys = [f"{index:03d}" for index in range(80)]
    context = multiprocessing.get_context("fork")
    go = context.Event()
    jobs = [
        context.Process(
            target=_write_half,
            args=(tmp_path, describe(dtype=dtype), keys[half::2], go, keys),
        )
        for half in (0, 1)
    ]
    for job in jobs:
        job.start()
    go.set()
    for job in jobs:
        job.join(30)
        assert job.exitcode == 0
    reader = StateReader(tmp_path)
    assert sorted(reader) == keys
    for key in keys:
        assert (reader[key] == float(key)).all()
    assert len((tmp_path / "hidden.scp").read_text().splitlines()) == len(keys)


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


def test_same_utterances_in_two_jobs_are_refused(tmp_path: Path, describe: Any) -> None:
    """The message names the folder and an utterance."""
    writer = StateWriter(tmp_path, describe())
    with pytest.raises(ProbeError, match="another job is writing a and 1 more"):
        with writer.shard(["a", "b"]):
            with StateWriter(tmp_path, describe()).shard(["a", "b"]):
                raise AssertionError("entered the same shard twice")


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


def test_full_disk_is_one_line_and_loses_nothing(
    tmp_path: Path,
    describe: Any,
    make_states: Any,
    dump: Any,
    dtype: str,
    file_limit: Callable[[int], None],
) -> None:
    """A write that the system refuses half-way: earlier chunks stay, no rest."""
    dump(tmp_path, describe(dtype=dtype), KEYS[:2])
    before = contents(tmp_path)
    writer = StateWriter(tmp_path, describe(dtype=dtype))
    file_limit(20000)
    with pytest.raises(ProbeError, match="nothing that is recorded is lost"):
        with writer.shard(["big"]) as shard:
            shard.add("big", np.ones((9000, 6), np.float32), 1600)
    assert contents(tmp_path) == before


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
def test_damaged_shards_are_dumped_again(
    tmp_path: Path, describe: Any, dump: Any, dtype: str, harm: str
) -> None:
    """A restart replaces what the records point to in vain, with the same bytes."""
    dump(tmp_path, describe(dtype=dtype), KEYS)
    before = contents(tmp_path)
    shard = tmp_path / StateReader(tmp_path).records[KEYS[-1]].shard
    if harm == "truncate":
        os.truncate(shard, shard.stat().st_size - 4)
    else:
        shard.unlink()
    dump(tmp_path, describe(dtype=dtype), KEYS)
    assert contents(tmp_path) == before


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
