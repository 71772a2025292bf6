"""The files beside a page: in its folder, or in the page itself as ``data:`` addresses.

Names of files are made of numbers and slugs, never of names from data.
"""

import base64
import hashlib
from pathlib import Path
from typing import Dict, Optional, Set

from espnet_probe.report.files import slug

AUDIO, PICTURES, FILES = "audio", "pictures", "files"
TYPES = {
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".opus": "audio/ogg",
    ".png": "image/png",
    ".wav": "audio/wav",
}
#: Letters of one part of a name; file systems take 255 bytes of a whole one.
LONGEST = 48


def part(name: str) -> str:
    """Return a piece of a file's name for a name from data; different ones differ.

    Args:
        name: Such as that of a layer.
    """
    plain = slug(name)
    if len(plain) <= LONGEST:
        return plain
    # A name that was changed ends in its hash; one that was not gets it now.
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST - 9]}-{digest}"


class Assets:
    """Takes files in and gives their addresses; what is the same is kept once."""

    def __init__(self, folder: Path, single_file: bool = False) -> None:
        """Begin with nothing.

        Args:
            folder: Where the files go, in folders of their own; made when needed.
            single_file: Whether sounds and pictures are to stand in the page itself,
                and copies of result files are left out.
        """
        self.folder = folder
        self.single_file = single_file
        self._known: Dict[str, str] = {}
        self._copied: Dict[Path, str] = {}
        self._taken: Set[str] = set()

    def add(self, content: bytes, kind: str, stem: str, suffix: str) -> str:
        """Take in a sound or a picture.

        Args:
            content: The file.
            kind: Its folder, such as ``audio``.
            stem: Its name, of letters, digits, ``-`` and ``_``.
            suffix: Such as ``.flac``.

        Returns:
            The address; that of an equal file, if there has been one.
        """
        key = f"{suffix}{hashlib.sha256(content).hexdigest()}"
        if key not in self._known:
            if self.single_file:
                text = base64.b64encode(content).decode("ascii")
                self._known[key] = f"data:{TYPES[suffix]};base64,{text}"
            else:
                address = f"{kind}/{stem}{suffix}"
                self._write(address, content)
                self._known[key] = address
        return self._known[key]

    def copy(self, source: Optional[Path], *place: str) -> Optional[str]:
        """Copy a result file, and give the address of the copy.

        Args:
            source: The file; it may be missing.
            place: The names from data that its own name alone would not tell, such as
                model, set and layer.

        Returns:
            None if there is no file, or files do not go with the page.
        """
        if source is None or self.single_file:
            return None
        known = self._copied.get(source)
        if known is None:
            try:
                content = source.read_bytes()
            except OSError:
                return None
            known = self._address(source.name, *place)
            self._write(known, content)
            self._copied[source] = known
        return known

    def text(self, content: str, *place: str) -> Optional[str]:
        """Write a result file of the page's own, and give its address.

        Args:
            content: The text.
            place: As for :meth:`copy`; the last one is the file's name with a suffix.

        Returns:
            None if files do not go with the page.
        """
        if self.single_file:
            return None
        address = self._address(place[-1], *place[:-1])
        self._write(address, content.encode("utf-8"))
        return address

    def _address(self, name: str, *place: str) -> str:
        """Return an address that no other file has."""
        file, number = Path(name), 1
        folder = "/".join([FILES, *(part(one) for one in place)])
        address = f"{folder}/{part(file.stem)}{_suffix(file)}"
        while address in self._taken:
            number += 1
            address = f"{folder}/{part(file.stem)}-{number}{_suffix(file)}"
        self._taken.add(address)
        return address

    def _write(self, address: str, content: bytes) -> None:
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _suffix(path: Path) -> str:
    """Return a suffix that browsers show as text rather than run or save."""
    if path.suffix in (".json", ".jsonl", ".csv", ".yaml", ".txt"):
        return path.suffix
    return f"-{slug(path.suffix[1:])}.txt" if path.suffix else ".txt"
