"""Tests for espnet_probe.store.description and disk."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.store import DumpDescription, StateWriter
from espnet_probe.store.description import check_same, installed_versions
from espnet_probe.store.disk import check_free_space, estimate_bytes


def test_written_and_read(tmp_path: Path, describe: Any) -> None:
    """dump.yaml holds every field; nothing temporary stays."""
    describe().write(tmp_path)
    assert DumpDescription.read(tmp_path) == describe()
    assert [path.name for path in tmp_path.iterdir()] == ["dump.yaml"]
    values = yaml.safe_load((tmp_path / "dump.yaml").read_text())
    assert values["width"] == 6 and values["versions"]["espnet"] == "202611"


def test_versions_are_those_installed() -> None:
    """The project's own version is among them."""
    from espnet_probe import __version__

    versions = installed_versions()
    assert versions["espnet_probe"] == __version__
    assert set(versions) == {"espnet_probe", "espnet", "torch"}


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"upstream_hash": "f" * 64, "upstream_origin": "exp/b"}, "exp/asr_a.*exp/b"),
        ({"layer": "blstm3"}, "layer blstm2, this run's is blstm3"),
        ({"dtype": "float16"}, "dtype float32, this run's is float16"),
        ({"target": {"n_mels": 40}}, "n_mels 80, this run's is n_mels 40"),
        ({"width": 7}, "width 6, this run's is 7"),
        ({"frame_shift": 0.2}, "frame_shift 0.1, this run's is 0.2"),
        ({"versions": {"torch": "3"}}, "torch 2.11.0, this run's is torch 3"),
    ],
)
def test_other_origin_is_refused(
    tmp_path: Path, describe: Any, changed: Dict[str, Any], said: str
) -> None:
    """Both are named; the folder stays as it was."""
    StateWriter(tmp_path, describe())
    before = (tmp_path / "dump.yaml").read_bytes()
    with pytest.raises(ProbeError, match=said):
        StateWriter(tmp_path, describe(**changed))
    assert (tmp_path / "dump.yaml").read_bytes() == before


def test_same_weights_from_elsewhere_are_the_same(
    tmp_path: Path, describe: Any
) -> None:
    """A model that has been moved is still that model."""
    describe().write(tmp_path)
    check_same(tmp_path, describe(upstream_origin="/elsewhere/model.pth"))


@pytest.mark.parametrize(
    "text, said",
    [
        ("[1", "no YAML"),
        ("- 1", "no mapping"),
        ("format: 99", "format is 99"),
        ("format: 1", "missing or unexpected"),
    ],
)
def test_files_that_are_no_description(tmp_path: Path, text: str, said: str) -> None:
    """The file is named."""
    (tmp_path / "dump.yaml").write_text(text)
    with pytest.raises(ProbeError, match=f"dump.yaml.* {said}|dump.yaml: {said}"):
        DumpDescription.read(tmp_path)


@pytest.mark.parametrize("changed", [{"dtype": "int8"}, {"width": 0}, {"fs": None}])
def test_impossible_descriptions(describe: Any, changed: Dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(ProbeError, match=next(iter(changed))):
        describe(**changed)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_estimate_is_a_close_upper_bound(
    tmp_path: Path, describe: Any, dtype: str
) -> None:
    """Not below what is written in the end, and at most a tenth above."""
    num_samples = {f"speaker-utt{index}": 32000 + 999 * index for index in range(20)}
    writer = StateWriter(tmp_path, describe(dtype=dtype, width=640, frame_shift=0.025))
    with writer.shard(list(num_samples)) as shard:
        for key, samples in num_samples.items():
            shard.add(key, np.zeros((samples // 400 + 1, 640), np.float32), samples)
    writer.finish(list(num_samples))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = sum(path.stat().st_size for path in files)
    estimate = estimate_bytes(num_samples, 16000, [(0.025, 640)], dtype)
    assert written <= estimate <= 1.1 * written
    assert estimate_bytes(num_samples, 16000, [(0.025, 640)] * 3, dtype) == 3 * estimate


def test_too_little_space(tmp_path: Path, monkeypatch: Any) -> None:
    """Both numbers are in the message; the folder need not be there."""
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 1024**3)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    folder = tmp_path / "not" / "there"
    assert check_free_space(folder, 2 * 1024**3) == 3 * 1024**3
    with pytest.raises(ProbeError, match="4.000 GiB and 3.000 GiB are free"):
        check_free_space(folder, 4 * 1024**3)
    assert not folder.exists()


def test_store_loads_neither_torch_nor_espnet() -> None:
    """The store can be read where only numpy and omniio are."""
    code = (
        "import sys, espnet_probe.store, espnet_probe.store.disk; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'espnet2')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_versions_name_the_packages_that_a_model_needs():
    versions = installed_versions(["numpy", "no_such_package"])
    assert versions["numpy"] == metadata.version("numpy")
    assert versions["no_such_package"] == "unknown"
    assert list(installed_versions()) == ["espnet_probe", "espnet", "torch"]
