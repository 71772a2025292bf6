"""Files that several jobs share: exclusive locks and atomic replacement."""

import errno
import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, Optional

from espnet_probe.errors import ProbeError


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[Optional[IO[bytes]]]:
    """Open a file, made if needed, and hold it exclusively.

    The kernel drops the lock with the process, however it ends, so a file that
    can be locked belongs to no living job. Jobs on several machines are told
    apart where the file system passes flock on: see ``docs/file_formats.md``.

    Args:
        path: The file to lock.
        wait: Whether to wait for another holder.

    Yields:
        The file, opened unbuffered for reading and appending; None if another
        process holds it and ``wait`` is false.

    Raises:
        ProbeError: If the file system knows no locks.
    """
    while True:
        handle = open(path, "a+b", buffering=0)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            handle.close()
            yield None
            return
        except OSError as error:
            handle.close()
            if error.errno in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise ProbeError(
                    f"{path}: the file system gives no locks ({error.strerror}): "
                    "write to one that does, or mount it with them"
                ) from error
            raise
        # Between open and flock another job may have renamed or removed the
        # file: then the lock is on something that nobody else will look at.
        if _is_at(handle, path):
            break
        handle.close()
    try:
        yield handle
    finally:
        # Closing alone would leave the lock to a process that was forked meanwhile.
        fcntl.flock(handle, fcntl.LOCK_UN)
        handle.close()


def replace_text(path: Path, text: str, temporary: Path) -> None:
    """Write a text file so that it is there as a whole or not at all.

    Args:
        path: The file to write.
        text: What it shall hold.
        temporary: A name in the same folder that no other job uses meanwhile.
    """
    try:
        with open(temporary, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename alone may not survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_at(handle: IO[bytes], path: Path) -> bool:
    # Opened, not asked by name: on NFS only that is sure to see what another
    # machine has done ("close-to-open"; names are cached for up to a minute).
    try:
        with open(path, "rb") as found:
            return os.path.samestat(os.fstat(handle.fileno()), os.fstat(found.fileno()))
    except FileNotFoundError:
        return False
