"""Files of a report: written whole or not at all, and linked by relative path."""

import hashlib
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional
from urllib.parse import quote


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` and rename it when all went well.

    Args:
        path: The file to write; its folder is made.

    Yields:
        The temporary path, with the suffix of ``path`` because writers of audio
        and pictures choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, replacing what is there."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def link(target: Path, folder: Path) -> str:
    """Return the relative address of ``target`` for a page in ``folder``."""
    relative = os.path.relpath(target.resolve(), folder.resolve())
    # quote also encodes ":", so that no name is read as a scheme.
    return quote(Path(relative).as_posix())


def slug(name: str) -> str:
    """Return a file name for a name from data: letters, digits, ``-`` and ``_``.

    A name that has other characters gets a piece of its hash, so that different
    names give different files.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    if plain == name:
        return name
    return f"{plain.strip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def find_file(said: str, folder: Path, recipe: Path) -> Optional[Path]:
    """Return the file that a ``wav.scp`` names, found also where it has been moved.

    Args:
        said: What the list says.
        folder: The list's own, which has the sounds that were made in ``wav``.
        recipe: The recipe's folder, where relative paths start.

    Returns:
        The file; None if there is none.
    """
    # Another recipe, in the working directory, may have a sound of the same name.
    for place in (recipe / said, Path(said), folder / "wav" / Path(said).name):
        try:
            if place.is_file():
                return place
        except OSError:
            continue  # a command, too long for a path
    return None
