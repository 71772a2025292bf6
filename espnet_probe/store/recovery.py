"""Putting a layer's folder in order after a kill or a damaged file."""

from pathlib import Path
from typing import List, Set

from espnet_probe.store.locking import locked, replace_text
from espnet_probe.store.record import RECORDS_FILE, Record
from espnet_probe.store.record_file import read_records, shard_name
from espnet_probe.store.shard import SHARD_GLOB, remove


def is_intact(directory: Path, record: Record) -> bool:
    """Tell by its size whether a record's file can hold the states.

    Args:
        directory: The layer's folder.
        record: The record to look after.
    """
    try:
        size = (directory / record.shard).stat().st_size
    except OSError:
        return False
    return size >= record.end


def drop_damaged_shards(directory: Path) -> List[str]:
    """Take back the records of shards that are missing or too short.

    The caller holds the lock of the records. All records of such a shard go, so
    that it is written again as it was.

    Returns:
        The names of these shards.
    """
    records = read_records(directory)
    damaged = sorted(
        {
            shard_name(record)
            for record in records.values()
            if not is_intact(directory, record)
        }
    )
    if damaged:
        kept = [
            record for record in records.values() if shard_name(record) not in damaged
        ]
        text = "".join(f"{record.to_json()}\n" for record in kept)
        temporary = directory / f".{RECORDS_FILE}.tmp"
        replace_text(directory / RECORDS_FILE, text, temporary)
    return damaged


def clean_up(directory: Path) -> None:
    """Remove what killed jobs have left: unfinished and unrecorded shards.

    What a living job is writing is locked by it and stays.
    """
    unfinished = {path.name[1:-5] for path in directory.glob(".states.*.lock")}
    finished = {path.name for path in directory.glob(SHARD_GLOB)}
    for name in sorted(unfinished | (finished - _recorded(directory))):
        lock_path = directory / f".{name}.lock"
        with locked(lock_path, wait=False) as lock:
            if lock is None:
                continue
            remove(directory / f".{name}.tmp")
            # Asked again: the job that wrote it may have recorded it by now.
            if name not in _recorded(directory):
                remove(directory / name)
            lock_path.unlink(missing_ok=True)


def _recorded(directory: Path) -> Set[str]:
    return {shard_name(record) for record in read_records(directory).values()}
