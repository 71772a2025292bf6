"""Files of the scoring commands: tables and audio in, CSV and JSON out."""

import csv
import json
import os
import platform
import re
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Mapping, Sequence, Tuple

import soundfile
from espnet2.fileio.read_text import read_2columns_text

import espnet_probe
from espnet_probe.errors import ProbeError


def use_one_thread() -> None:
    """Keep numerical libraries to one thread per process, unless the user chose.

    Must run before numpy is imported to have an effect on this process; processes
    started later inherit it. With two threads on two busy cores, scoring was measured
    to be several times slower than with one.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def read_table(path: Path, expected: str) -> Dict[str, str]:
    """Read a Kaldi-style table: an id, white space, the rest of the line.

    Args:
        path: The file.
        expected: What it should hold, for the message: "utterance and speaker".

    Returns:
        Id to the rest of its line, which may be empty.

    Raises:
        ProbeError: If the file is missing, not text, empty, or has an id twice.
    """
    if not path.is_file():
        raise ProbeError(f"no file {path}: expected lines of {expected}")
    try:
        table = read_2columns_text(path)
    except RuntimeError as error:
        raise ProbeError(f"{error}: expected every id once") from error
    except ValueError as error:
        raise ProbeError(
            f"{path} has an empty line or is not UTF-8 text: expected lines of "
            f"{expected}"
        ) from error
    if not table:
        raise ProbeError(f"{path} is empty: expected lines of {expected}")
    return dict(table)


def read_full_table(path: Path, expected: str) -> Dict[str, str]:
    """Read a table in which no second column may be empty; see :func:`read_table`."""
    table = read_table(path, expected)
    for name, value in table.items():
        if not value:
            raise ProbeError(f"{path}: {name} has no value, expected {expected}")
    return table


def audio_shape(utt: str, path: str) -> Tuple[int, int]:
    """Read the header of an audio file.

    Args:
        utt: Utterance id, for messages.
        path: The file, relative to the working directory as in ESPnet.

    Returns:
        Sampling rate in Hz and number of samples.

    Raises:
        ProbeError: If the file is missing, cannot be read, or has several channels.
    """
    if path.endswith("|"):
        raise ProbeError(
            f"{utt}: '{path}' is a pipe; expected an audio file: format the set first "
            "(stage 3 of probe.sh)"
        )
    if re.search(r"\.ark:\d+$", path):
        raise ProbeError(
            f"{utt}: {path} is an entry of an ark; expected an audio file: format the "
            "set with --audio_format flac"
        )
    if not Path(path).is_file():
        raise ProbeError(f"{utt}: no file {path}; paths are relative to {Path.cwd()}")
    try:
        info = soundfile.info(path)
    except soundfile.SoundFileError as error:
        raise ProbeError(f"{utt}: cannot read {path} as audio: {error}") from error
    if info.channels != 1:
        raise ProbeError(f"{utt}: {path} has {info.channels} channels, expected one")
    return int(info.samplerate), int(info.frames)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name in its folder; rename it on success.

    Args:
        path: The file that appears, complete, or stays as it was.

    Yields:
        The temporary path to write to.

    Raises:
        ProbeError: If it cannot be written: no permission, a full disk, a folder in
            its place.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise ProbeError(
            f"cannot write {path}: {error}; expected a folder that can be written to, "
            "on a disk with room"
        ) from error


def check_output(folder: Path) -> None:
    """Check that files can be written to a folder, before the work starts.

    Args:
        folder: The folder; it need not be there, and is not made.

    Raises:
        ProbeError: If it is a file, lies in one, or must not be written to.
    """
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise ProbeError(
            f"cannot write to {folder}: {place} is no folder; give another folder"
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise ProbeError(
            f"cannot write to {folder}: no permission in {place}; give another folder"
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all.

    Args:
        path: The file.
        content: What it holds; no NaN.
    """
    with written_whole(path) as part:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")


def write_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    digits: int = 6,
) -> None:
    """Write a table, whole or not at all.

    Args:
        path: The file.
        header: Names of the columns.
        rows: The cells; None is written as empty.
        digits: How many digits of a float to write after the point.
    """
    with written_whole(path) as part:
        with part.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow(
                    f"{cell:.{digits}f}" if isinstance(cell, float) else cell
                    for cell in row
                )


def versions(*packages: str) -> Dict[str, str]:
    """Return the versions that a score depends on.

    Args:
        packages: Distribution names; those that are not installed are left out.

    Returns:
        Version by name, with Python's and the project's own.
    """
    found = {
        "python": platform.python_version(),
        "espnet_probe": espnet_probe.__version__,
    }
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
