"""Archives of ESPnet's ``pack``, unpacked once into the cache.

ESPnet's ``unpack`` writes the folder that it unpacks to into the configurations, so a
folder cannot be moved into place afterwards. It is unpacked where it stays, under a
lock, and a file that is written last says that it is whole.
"""

import hashlib
import json
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Any, Dict, Tuple

import yaml
from filelock import FileLock

from espnet_probe.cache import cache_folder
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.build import one_line

#: Written last; has the folder that the files were unpacked to, and what they are.
MARKER = ".unpacked.json"

#: Files of at most so many bytes, such as configurations, are known by their content,
#: larger ones by their size: weights are not read again whenever a model is loaded.
SMALL = 1_000_000

#: What reading a damaged archive raises.
_DAMAGED = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    NotImplementedError,
)


def unpack_once(archive: Path) -> Tuple[Path, Dict[str, str]]:
    """Unpack an archive into the cache, if it is not there, and name its files.

    The folder's name is the archive's SHA-256, so a copy or another name of the same
    archive is not unpacked again. Two processes may call this at once.

    Args:
        archive: A file that ESPnet's ``pack`` made.

    Returns:
        The folder, and names such as ``asr_model_file`` → path in it.

    Raises:
        ProbeError: If the archive is damaged or refused; the cache is left without it.
    """
    try:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        folder = (cache_folder() / "models" / digest).absolute()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            named = _finished(folder)
            if named is None:
                named = _unpack(archive, folder)
    except OSError as error:
        raise ProbeError(f"cannot unpack {archive}: {error}") from error
    return folder, named


def _finished(folder: Path) -> Any:
    """Return what a whole folder has; None if it is not whole, or was moved."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(marker, dict) or marker.get("folder") != str(folder):
        return None
    contents = marker.get("contents")
    if not isinstance(contents, dict):
        return None
    try:
        whole = all(_content(folder / name) == was for name, was in contents.items())
    except OSError:
        return None
    return marker["files"] if whole else None


def _content(path: Path) -> str:
    """Return what tells a file from one that was cut short or written over."""
    size = path.stat().st_size
    if size > SMALL:
        return str(size)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unpack(archive: Path, folder: Path) -> Dict[str, str]:
    """Check an archive and unpack it, all or nothing."""
    from espnet2.main_funcs.pack_funcs import UnsafeArchiveMemberError, unpack

    # Of a process that was killed, or of a cache that was moved.
    if folder.exists():
        shutil.rmtree(folder)
    try:
        _check(archive)
        named = unpack(archive, folder, use_cache=False)
        contents = {
            str(path.relative_to(folder)): _content(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        marker = {"folder": str(folder), "files": named, "contents": contents}
        part = folder / f"{MARKER}.part"
        part.write_text(json.dumps(marker), encoding="utf-8")
        os.replace(part, folder / MARKER)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, UnsafeArchiveMemberError):
            raise ProbeError(f"{archive} is refused: {error}") from error
        if isinstance(error, _DAMAGED):
            raise ProbeError(
                f"cannot unpack {archive}, it is damaged or the disk is full: "
                f"{type(error).__name__}: {error}"
            ) from error
        if isinstance(error, (yaml.YAMLError, UnicodeDecodeError)):
            # ESPnet reads the configurations, as plain YAML, to write into them.
            raise ProbeError(
                f"a configuration in {archive} is no plain YAML: pack the model again "
                f"({type(error).__name__}: {one_line(error)})"
            ) from error
        raise
    return named


def _check(archive: Path) -> None:
    """Refuse an archive before anything of it is written.

    Raises:
        ProbeError: If a member is a link or would be written outside the folder, if
            there is no meta.yaml, or if that names files that are not in the archive.
    """
    from espnet2.main_funcs.pack_funcs import Archiver

    try:
        opened = Archiver(archive)
    except ValueError as error:
        raise ProbeError(
            f"{archive} is no archive by its name: expected .zip, .tar, .tgz, .tbz2, "
            ".txz, .tar.gz, .tar.bz2 or .tar.xz"
        ) from error
    with opened:
        # A list: an archive may have a name twice.
        members = [(opened.get_name_from_info(info), info) for info in opened]
        for name, info in members:
            if _escapes(name) or not _is_plain(info):
                raise ProbeError(
                    f"{archive} is refused: its member {name!r} would write outside "
                    "its folder, or is no plain file"
                )
        metas = [
            info for name, info in members if PurePosixPath(name).name == "meta.yaml"
        ]
        if not metas:
            raise ProbeError(
                f"{archive} has no meta.yaml: expected an archive made by "
                "espnet2.bin.pack"
            )
        files = read_meta(opened.extractfile(metas[0]), str(archive))
    names = {str(PurePosixPath(name)) for name, _ in members}
    for key, name in files.items():
        if str(PurePosixPath(name)) not in names:
            raise ProbeError(
                f"{archive} is incomplete: its meta.yaml has {key}: {name}, which is "
                "not among its files"
            )


def read_meta(file: Any, origin: str) -> Dict[str, str]:
    """Read what a packed model's meta.yaml names, before ESPnet acts on it.

    Args:
        file: Its text, or the opened file.
        origin: What the model is called in messages.

    Returns:
        Names such as ``asr_model_file`` → path relative to the model's folder.

    Raises:
        ProbeError: If it is not of ESPnet, or names what is outside of the folder.
    """
    try:
        meta = yaml.safe_load(file)
        files = {**meta["yaml_files"], **meta["files"]}
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ProbeError(
            f"meta.yaml in {origin} is none of ESPnet's: expected yaml_files and "
            f"files ({type(error).__name__})"
        ) from error
    for key, name in files.items():
        if not isinstance(name, str) or _escapes(name):
            raise ProbeError(
                f"{origin} is refused: its meta.yaml has {key}: {name}, outside the "
                "model's own folder; pack the model from the recipe's folder"
            )
    return files


def _escapes(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name[:2]


def _is_plain(info: Any) -> bool:
    """Tell whether a member is a file or a folder, not a link or a device."""
    if isinstance(info, tarfile.TarInfo):
        return info.isfile() or info.isdir()
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in (0, stat.S_IFREG, stat.S_IFDIR)
