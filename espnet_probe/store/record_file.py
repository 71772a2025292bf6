"""The file of records: read by anyone, appended to by several jobs at once."""

import os
from pathlib import Path
from typing import IO, Dict, Iterable, List, Sequence

from espnet_probe.errors import ProbeError
from espnet_probe.store.locking import locked
from espnet_probe.store.record import RECORDS_FILE, Record
from espnet_probe.store.shard_name import shard_file_name, shard_name


def read_records(directory: Path) -> Dict[str, Record]:
    """Read the records of a layer's folder.

    A last line without an end is being written, or was when its job was killed:
    it is left out. Of several records of an utterance the last one counts.

    Returns:
        The records by utterance, in the order of the file; empty if there is no
        file yet.

    Raises:
        ProbeError: If a line is no record; the message names file and line.
    """
    path = directory / RECORDS_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    return {record.utt_id: record for record in _parse(content, path)}


def append_records(directory: Path, records: Iterable[Record]) -> None:
    """Append records in one piece, under the lock of the file.

    Raises:
        OSError: If they cannot be written; the file is then as it was.
    """
    block = "".join(f"{record.to_json()}\n" for record in records).encode()
    with locked(directory / RECORDS_FILE) as handle:
        assert handle is not None, "locked() waits by default"
        drop_broken_tail(handle)
        size = handle.seek(0, os.SEEK_END)
        try:
            rest = memoryview(block)
            while rest:
                rest = rest[handle.write(rest) :]
            os.fsync(handle.fileno())
        except OSError:
            handle.truncate(size)
            raise


def drop_broken_tail(handle: IO[bytes]) -> None:
    """Undo an append that was cut short by a kill; the file must be locked.

    With the broken line go the lines before it of the same append: a shard is
    recorded as a whole or not at all, so that the run that repeats it writes the
    same bytes. The shard's name tells whether its lines are all there.
    """
    size = handle.seek(0, os.SEEK_END)
    if size == 0:
        return
    handle.seek(size - 1)
    if handle.read(1) == b"\n":
        return
    handle.seek(0)
    content = handle.read(size)
    whole = content.rfind(b"\n") + 1
    block: List[Record] = []
    for record in reversed(_parse(content[:whole], Path(handle.name))):
        if block and shard_name(record) != shard_name(block[0]):
            break
        block.insert(0, record)
    if block and not _is_complete(block):
        # Cutting lines off one by one keeps what is before them as it was.
        for _ in block:
            whole = content.rfind(b"\n", 0, whole - 1) + 1
    handle.truncate(whole)


def _is_complete(records: Sequence[Record]) -> bool:
    keys = [record.utt_id for record in records]
    return shard_file_name(keys, records[0].dtype) == shard_name(records[0])


def _parse(content: bytes, path: Path) -> List[Record]:
    records = []
    lines = content.split(b"\n")[:-1]
    for number, line in enumerate(lines, 1):
        try:
            records.append(Record.from_json(line.decode("utf-8")))
        except (ProbeError, UnicodeDecodeError) as error:
            raise ProbeError(
                f"{path}, line {number}: {error}; remove the line and run the same "
                "dump again"
            ) from error
    return records
