"""Dumps under what happens to jobs: company, kills, full disks, damaged files."""

import os
import resource
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import yaml
from dump_case import arguments, write_set
from processes import contents, die, die_at_rename, fork, start, was_killed
from tiny_models import asr_config, write_exp

from espnet_probe.bin.dump_hidden import main
from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.errors import ProbeError
from espnet_probe.store import StateReader
from espnet_probe.store.disk import estimate_bytes
from espnet_probe.upstream import Upstream


@pytest.fixture(scope="module")
def exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the exp folder of a random BLSTM with projection."""
    folder = tmp_path_factory.mktemp("dump") / "asr_a"
    return write_exp(folder, asr_config("blstm"))


@pytest.fixture(params=["float32", "float16"])
def command(request: Any, exp: Path, tmp_path: Path) -> List[str]:
    """Return the command that dumps two layers of seven utterances to ``out``."""
    data_dir = write_set(tmp_path / "raw")
    layers = ["--layers", "blstm1 blstm5", "--dtype", request.param]
    return arguments(exp, data_dir, tmp_path / "out", *layers)


@pytest.fixture
def whole(command: List[str], tmp_path: Path) -> Dict[str, bytes]:
    """Return what an undisturbed run of the command leaves; it is moved away."""
    main(command)
    files = contents(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "whole")
    return files


def test_two_jobs_at_once_with_the_same_utterances(
    command: List[str], whole: Dict[str, bytes], tmp_path: Path
) -> None:
    """They share the work: but for the order of the records all is as from one."""
    jobs = [start(lambda: main(command)) for _ in range(2)]
    assert [os.waitpid(job, 0)[1] for job in jobs] == [0, 0]
    ours = contents(tmp_path / "out")
    for files in (ours, whole):
        for name in ("blstm1/records.jsonl", "blstm5/records.jsonl"):
            files[name] = b"".join(sorted(files[name].splitlines(keepends=True)))
    assert ours == whole


def _in_the_middle_of_a_shard() -> None:
    original, calls = Upstream.hidden_states, []

    def dying(self: Upstream, *inputs: Any) -> Any:
        calls.append(inputs)
        if len(calls) == 5:
            die()
        return original(self, *inputs)

    Upstream.hidden_states = dying  # type: ignore[method-assign]


def _between_shard_and_record() -> None:
    renamed: List[str] = []

    def watch(event: str, inputs: Any) -> None:
        if event == "os.rename" and Path(inputs[1]).name.startswith("states."):
            renamed.append(inputs[1])
        if event == "open" and renamed and Path(inputs[0]).name == "records.jsonl":
            die()

    sys.addaudithook(watch)


@pytest.mark.parametrize(
    "prepare, shards_there",
    [
        (lambda: die_at_rename("dump.yaml"), 0),
        (_in_the_middle_of_a_shard, 2),
        (_between_shard_and_record, 1),
        (lambda: die_at_rename("hidden.scp"), 6),
    ],
)
def test_killed_and_started_again(
    command: List[str],
    whole: Dict[str, bytes],
    tmp_path: Path,
    prepare: Callable[[], None],
    shards_there: int,
) -> None:
    """SIGKILL; then the same bytes as without it."""

    def killed() -> None:
        prepare()
        main(command)

    assert was_killed(fork(killed))
    assert len(list((tmp_path / "out").glob("*/states.*"))) == shards_there
    main(command)
    assert contents(tmp_path / "out") == whole


def test_disk_that_gets_full(
    command: List[str], whole: Dict[str, bytes], tmp_path: Path
) -> None:
    """One line; with room the same command goes on."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(map(len, whole.values()))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, before[1]))
        with pytest.raises(ProbeError, match="cannot write .*run the same command"):
            main(command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    main(command)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("harm", ["truncate", "remove"])
def test_damaged_shard(
    command: List[str], whole: Dict[str, bytes], tmp_path: Path, harm: str
) -> None:
    """The reader names it; the same command repairs it."""
    main(command)
    layer = tmp_path / "out" / "blstm5"
    shard = layer / StateReader(layer).records["utt6"].shard
    if harm == "truncate":
        os.truncate(shard, shard.stat().st_size // 2)
    else:
        shard.unlink()
    with pytest.raises(ProbeError, match=f"{shard} is missing or cut short.*same dump"):
        StateReader(layer)
    main(command)
    assert contents(tmp_path / "out") == whole


def test_other_versions_are_refused(command: List[str], tmp_path: Path) -> None:
    """Both are named, and the dump stays as it was."""
    main(command)
    path = tmp_path / "out" / "blstm5" / "dump.yaml"
    description = yaml.safe_load(path.read_text())
    ours = description["versions"]["torch"]
    description["versions"]["torch"] = "1.0.1"
    path.write_text(yaml.safe_dump(description))
    before = contents(tmp_path / "out")
    said = f"made with versions .*torch 1.0.1, this run's is .*torch {ours}"
    with pytest.raises(ProbeError, match=said.replace("+", r"\+")):
        main(command)
    assert contents(tmp_path / "out") == before


def test_estimate_of_a_real_dump(
    command: List[str], whole: Dict[str, bytes], exp: Path, tmp_path: Path
) -> None:
    """Never too small; apart from what small files cost, within a tenth."""
    num_samples = Waveforms(tmp_path / "raw", 16000).check(
        [f"utt{i}" for i in range(7)]
    )
    upstream = Upstream.from_exp(exp)
    layers = [(x.frame_shift, x.width) for x in upstream.select("blstm1 blstm5")]
    dtype = command[command.index("--dtype") + 1]
    estimate = estimate_bytes(num_samples, 16000, layers, dtype)
    assert sum(map(len, whole.values())) <= estimate
    states = sum(len(whole[name]) for name in whole if "states." in name)
    rest = estimate_bytes({key: 1 for key in num_samples}, 16000, layers, dtype)
    assert estimate - rest <= 1.1 * states
