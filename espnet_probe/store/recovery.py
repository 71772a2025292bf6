"""Putting a layer's folder in order after a kill or a damaged file."""

from pathlib import Path
from typing import Iterable, List, Set

from espnet_probe.store.locking import locked, replace_text
from espnet_probe.store.record import RECORDS_FILE, SCP_FILE, Record
from espnet_probe.store.record_file import read_records
from espnet_probe.store.shard import remove
from espnet_probe.store.shard_name import SHARD_GLOB, shard_name


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


def damaged_records(directory: Path, records: Iterable[Record]) -> List[Record]:
    """Return the records whose file is missing or too short, by its size alone.

    Args:
        directory: The layer's folder.
        records: The records to look after.
    """
    return [record for record in records if not is_intact(directory, record)]


def drop_damaged_shards(directory: Path) -> List[str]:
    """Take back the records of shards that are missing or too short.

    The caller holds the lock of the records. All records of such a shard go, so
    that it is written again as it was, and so does ``hidden.scp``, which would
    point to it.

    Returns:
        The names of these shards.
    """
    records = read_records(directory)
    damaged = set(map(shard_name, damaged_records(directory, records.values())))
    if damaged:
        # First, or a kill here would leave it without anything to be repaired.
        remove(directory / SCP_FILE)
        kept = [
            record for record in records.values() if shard_name(record) not in damaged
        ]
        text = "".join(f"{record.to_json()}\n" for record in kept)
        temporary = directory / f".{RECORDS_FILE}.tmp"
        replace_text(directory / RECORDS_FILE, text, temporary)
    return sorted(damaged)


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
