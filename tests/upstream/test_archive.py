"""Archives are unpacked once, whole or not at all, and only into their own folder."""

import io
import json
import multiprocessing
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
import yaml
from packed_models import pack_recipe, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.archive import MARKER, unpack_once
from espnet_probe.upstream.files import files_of_archive

META = {
    "yaml_files": {"asr_train_config": "exp/config.yaml"},
    "files": {"asr_model_file": "exp/model.pth"},
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def exp(tmp_path_factory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"))


def unpacked(cache: Path) -> list:
    models = cache / "models"
    found = models.iterdir() if models.is_dir() else []
    return sorted(path.name for path in found if path.suffix != ".lock")


def write_zip(path: Path, files: Dict[str, Any], meta: Optional[Any] = META) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        if meta is not None:
            archive.writestr("meta.yaml", yaml.safe_dump(meta))
        for name, content in files.items():
            archive.writestr(name, content)
    return path


FILES = {"exp/config.yaml": "encoder: rnn\n", "exp/model.pth": b"weights"}


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar.xz", "tar"])
def test_all_kinds_of_archives(exp, tmp_path, kind, cache):
    archive = pack_recipe(exp, tmp_path / f"asr.{kind}")
    files = files_of_archive(archive)
    assert files.task == "asr" and files.origin == str(archive)
    assert files.weights.read_bytes() == (exp / "valid.loss.ave.pth").read_bytes()
    # ESPnet has written where the statistics are now.
    config = yaml.safe_load(files.config.read_text())
    stats = Path(config["normalize_conf"]["stats_file"])
    assert stats.is_file() and stats.is_relative_to(cache / "models")


def test_the_second_time_nothing_is_written(exp, tmp_path, cache):
    archive = pack_recipe(exp, tmp_path / "a.zip")
    first = files_of_archive(archive)
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    copy = tmp_path / "copy.zip"
    copy.write_bytes(archive.read_bytes())
    second = files_of_archive(copy)
    assert second.folder == first.folder
    after = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    assert after == before and len(unpacked(cache)) == 1


def test_what_a_killed_process_left_is_done_again(exp, tmp_path):
    archive = pack_recipe(exp, tmp_path / "a.zip")
    files = files_of_archive(archive)
    wanted = files.weights.read_bytes()
    # Killed while it wrote: no marker, a file cut short, one too many.
    (files.folder / MARKER).unlink()
    files.weights.write_bytes(wanted[:100])
    (files.folder / "left.part").touch()
    assert files_of_archive(archive) == files
    assert files.weights.read_bytes() == wanted
    assert not (files.folder / "left.part").exists()
    # A file that somebody removed.
    files.weights.unlink()
    assert files_of_archive(archive).weights.read_bytes() == wanted
    # A marker that was cut short.
    (files.folder / MARKER).write_text("{")
    assert files_of_archive(archive) == files


def test_a_file_of_the_cache_that_was_written_over(exp, tmp_path):
    archive = pack_recipe(exp, tmp_path / "a.zip")
    files = files_of_archive(archive)
    wanted = files.config.read_text()
    (stats,) = files.folder.rglob("feats_stats.npz")
    for path in (files.config, stats, files.weights):
        content = path.read_bytes()
        path.write_bytes(content[:-10])
        assert files_of_archive(archive) == files
        assert path.read_bytes() == content
    # As long as before.
    files.config.write_text(wanted.replace("blank", "blink"))
    assert files_of_archive(archive).config.read_text() == wanted
    # Markers of another version, or of somebody else.
    for marker in ("[]", json.dumps({"folder": str(files.folder), "files": {}})):
        (files.folder / MARKER).write_text(marker)
        assert files_of_archive(archive) == files


def test_a_cache_that_was_moved(exp, tmp_path, cache, monkeypatch):
    archive = pack_recipe(exp, tmp_path / "a.zip")
    files_of_archive(archive)
    moved = tmp_path / "moved"
    os.rename(cache, moved)
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(moved))
    files = files_of_archive(archive)
    config = yaml.safe_load(files.config.read_text())
    assert Path(config["normalize_conf"]["stats_file"]).is_relative_to(moved)


def _unpack(archive: str, barrier: Any, results: Any) -> None:
    barrier.wait()
    folder, named = unpack_once(Path(archive))
    results.put(json.dumps([str(folder), named], sort_keys=True))


def test_two_processes_at_once(tmp_path, cache):
    big = {**FILES, "exp/model.pth": bytes(3_000_000)}
    archive = write_zip(tmp_path / "a.zip", big)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(3), context.Queue()
    arguments = (str(archive), barrier, results)
    processes = [context.Process(target=_unpack, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    answers = {results.get(timeout=300) for _ in processes}
    for process in processes:
        process.join()
    assert len(answers) == 1 and len(unpacked(cache)) == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_an_archive_cut_short(exp, tmp_path, cache):
    for kind in ("zip", "tgz", "tar"):
        content = pack_recipe(exp, tmp_path / f"whole.{kind}").read_bytes()
        cut = tmp_path / f"cut.{kind}"
        cut.write_bytes(content[: len(content) // 2])
        with pytest.raises(ProbeError, match="is damaged|is incomplete"):
            files_of_archive(cut)
    assert unpacked(cache) == []


def test_a_changed_byte_in_the_weights(tmp_path, cache):
    archive = write_zip(tmp_path / "a.zip", FILES)
    content = archive.read_bytes()
    assert content.count(b"weights") == 1
    archive.write_bytes(content.replace(b"weights", b"wEights"))
    with pytest.raises(ProbeError, match="damaged.*CRC"):
        files_of_archive(archive)
    assert unpacked(cache) == []


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt"])
def test_members_outside_of_the_folder(tmp_path, cache, name):
    archive = write_zip(tmp_path / "a.zip", {**FILES, name: "x"})
    with pytest.raises(ProbeError, match="is refused: its member") as caught:
        files_of_archive(archive)
    assert "\n" not in str(caught.value)
    assert unpacked(cache) == []


@pytest.mark.parametrize(
    "config",
    [b"a: [\n", b"a: !!python/object/apply:os.getcwd []\n", b"a: \xff\xfe\x00\n"],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_configuration_that_is_no_plain_yaml(tmp_path, cache, config, kind):
    archive = tmp_path / f"a.{kind}"
    zipped = write_zip(tmp_path / "a.zip", {**FILES, "exp/config.yaml": config})
    if kind == "tar":
        with zipfile.ZipFile(zipped) as old, tarfile.open(archive, "w") as new:
            for name in old.namelist():
                info = tarfile.TarInfo(name)
                info.size = len(old.read(name))
                new.addfile(info, io.BytesIO(old.read(name)))
    with pytest.raises(ProbeError, match="a configuration in .* no plain") as caught:
        files_of_archive(archive)
    assert "\n" not in str(caught.value) and str(archive) in str(caught.value)
    assert unpacked(cache) == []


def test_links_are_refused(tmp_path, cache):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            content = yaml.safe_dump(META).encode()
            info = tarfile.TarInfo("meta.yaml")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            info = tarfile.TarInfo("exp")
            info.type, info.linkname = kind, "/tmp"
            archive.addfile(info)
        with pytest.raises(ProbeError, match="'exp' would write outside"):
            files_of_archive(path)
    # The same name again, as a plain file, does not hide it.
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("exp"))
    with pytest.raises(ProbeError, match="'exp' would write outside"):
        files_of_archive(path)
    link = zipfile.ZipInfo("exp/link")
    link.external_attr = 0o120777 << 16
    path = write_zip(tmp_path / "a.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/tmp")
    with pytest.raises(ProbeError, match="'exp/link' would write outside"):
        files_of_archive(path)
    assert unpacked(cache) == []


@pytest.mark.parametrize(
    "meta, message",
    [
        (None, "has no meta.yaml"),
        ("text", "meta.yaml in .* is none of ESPnet's"),
        ({"files": {}}, "meta.yaml in .* is none of ESPnet's"),
        ({"files": [], "yaml_files": 1}, "meta.yaml in .* is none of ESPnet's"),
        (
            {**META, "files": {"asr_model_file": "/etc/hostname"}},
            "refused: its meta.yaml has asr_model_file: /etc/hostname",
        ),
        (
            {**META, "files": {"asr_model_file": "exp/../../x.pth"}},
            "refused: its meta.yaml has asr_model_file",
        ),
        (
            {**META, "files": {"asr_model_file": "exp/gone.pth"}},
            "is incomplete: .* exp/gone.pth",
        ),
    ],
)
def test_wrong_meta(tmp_path, cache, meta, message):
    archive = write_zip(tmp_path / "a.zip", FILES, meta)
    with pytest.raises(ProbeError, match=message):
        files_of_archive(archive)
    assert unpacked(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path, cache, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", FILES)
    models = cache / "models"
    models.mkdir(parents=True)
    models.chmod(0o500)
    if os.access(models, os.W_OK):
        # Root may write everywhere: a file stands where the folder should be.
        models.chmod(0o700)
        models.rmdir()
        models.write_text("")
    with pytest.raises(ProbeError, match="cannot unpack"):
        files_of_archive(archive)


def test_what_is_no_archive(tmp_path):
    with pytest.raises(ProbeError, match="no archive .*gone.zip"):
        files_of_archive(tmp_path / "gone.zip")
    with pytest.raises(ProbeError, match="is a folder: name it with --upstream_exp"):
        files_of_archive(tmp_path)
    (tmp_path / "a.rar").write_text("x")
    with pytest.raises(ProbeError, match="no archive by its name: expected .zip"):
        files_of_archive(tmp_path / "a.rar")
    (tmp_path / "a.zip").write_text("x")
    with pytest.raises(ProbeError, match="damaged"):
        files_of_archive(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "config, weights, message",
    [
        ("lm_train_config", "lm_file", "expected one <task>_train_config"),
        ("training_config", "inference_config", "bundle of espnet3"),
    ],
)
def test_archives_without_a_model_to_probe(tmp_path, config, weights, message):
    meta = {
        "yaml_files": {config: "exp/config.yaml"},
        "files": {weights: "exp/model.pth"},
    }
    archive = write_zip(tmp_path / "a.zip", FILES, meta)
    with pytest.raises(ProbeError, match=message):
        files_of_archive(archive)


def test_the_language_model_beside_a_recogniser_is_passed_over(tmp_path):
    meta = {
        "yaml_files": {
            "lm_train_config": "exp/lm.yaml",
            "asr_train_config": "exp/config.yaml",
        },
        "files": {"lm_file": "exp/lm.pth", "asr_model_file": "exp/model.pth"},
    }
    more = {**FILES, "exp/lm.yaml": "lm: seq_rnn\n", "exp/lm.pth": b""}
    files = files_of_archive(write_zip(tmp_path / "a.zip", more, meta))
    assert files.config.name == "config.yaml" and files.task == "asr"
    # spk and others: no name before train_config.
    meta = {
        "yaml_files": {"train_config": "exp/config.yaml"},
        "files": {"model_file": "exp/model.pth"},
    }
    assert files_of_archive(write_zip(tmp_path / "b.zip", FILES, meta)).task == ""
