"""The files that hold states: a Kaldi ark, or a folder of npy files.

A shard is made under a temporary name by one job alone; renaming and recording
it is the business of :mod:`espnet_probe.store.writer`.
"""

import io
import os
import shutil
from pathlib import Path
from typing import IO, Optional, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray
from omniio import kaldi

from espnet_probe.store.locking import sync_folder
from espnet_probe.store.shard_name import npy_file_name


def remove(path: Path) -> None:
    """Remove a file or a folder, which need not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class ShardFile(Protocol):
    """What both forms of a shard can do."""

    def add(self, utt_id: str, states: NDArray[np.floating]) -> Tuple[str, int | None]:
        """Append an utterance; return (path below the shard or "", offset)."""

    def close(self) -> None:
        """Make everything durable and close the files."""

    def abandon(self) -> None:
        """Close the files as they are."""


class ArkShard:
    """float32 states of several utterances in one ark, by ESPnet's own writer.

    Args:
        temporary: Where to write.
    """

    def __init__(self, temporary: Path) -> None:
        self._handle: IO[bytes] = open(temporary, "wb")

    def add(self, utt_id: str, states: NDArray[np.floating]) -> Tuple[str, int | None]:
        """Append (time, feature) states; return "" and their offset in bytes."""
        # The writer says where the object starts only in the scp it writes.
        scp = io.StringIO()
        kaldi.save_ark(self._handle, {utt_id: states}, scp=scp)
        return "", int(scp.getvalue().rpartition(":")[2])

    def close(self) -> None:
        """Make the ark durable and close it."""
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()

    def abandon(self) -> None:
        """Close the ark as it is."""
        _close_quietly(self._handle)


class NpyShard:
    """float16 states, one npy file per utterance, in a folder of their own.

    ESPnet's ark writer stores float16 as float32; npy keeps it.

    Args:
        temporary: The folder to make.
    """

    def __init__(self, temporary: Path) -> None:
        self._folder = temporary
        self._handle: Optional[IO[bytes]] = None
        temporary.mkdir()

    def add(self, utt_id: str, states: NDArray[np.floating]) -> Tuple[str, int | None]:
        """Write (time, feature) states; return the file's name and None."""
        name = npy_file_name(utt_id)
        self._handle = open(self._folder / name, "xb")
        # Through a buffer of ours: numpy's tofile() on a full disk gives an
        # error without the system's reason.
        buffer = io.BytesIO()
        np.save(buffer, states, allow_pickle=False)
        self._handle.write(buffer.getbuffer())
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()
        return name, None

    def close(self) -> None:
        """Make the folder's names durable."""
        sync_folder(self._folder)

    def abandon(self) -> None:
        """Close the open file as it is."""
        if self._handle is not None:
            _close_quietly(self._handle)


def _close_quietly(handle: IO[bytes]) -> None:
    # Closing flushes, which fails again on a full disk; the file is thrown away.
    try:
        handle.close()
    except OSError:
        pass
