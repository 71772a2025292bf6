"""Writing one layer's states so that no run loses what an earlier one did."""

import logging
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Iterator, List, Optional, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.store.description import (
    DESCRIPTION_FILE,
    DumpDescription,
    check_same,
)
from espnet_probe.store.locking import locked, replace_text, sync_folder
from espnet_probe.store.record import RECORDS_FILE, SCP_FILE, Record
from espnet_probe.store.record_file import (
    append_records,
    drop_broken_tail,
    read_records,
)
from espnet_probe.store.recovery import clean_up, drop_damaged_shards
from espnet_probe.store.shard import ArkShard, NpyShard, ShardFile, remove
from espnet_probe.store.shard_name import shard_file_name


class ShardBusy(ProbeError):
    """Another job is writing the same utterances at this moment."""


class StateWriter:
    """Writes one layer's states into one folder; several jobs may do so at once.

    Making it cleans up what killed jobs left behind, and takes back records
    whose files have been damaged; jobs that are still running are not touched.

    Args:
        directory: The layer's folder; made if it is not there.
        description: What the states are.

    Raises:
        ProbeError: If the folder holds states of other origin, or its files are
            not those of a dump.

    Examples:
        >>> writer = StateWriter(folder, description)  # doctest: +SKIP
        >>> todo = [key for key in chunk if key not in writer.done]
        >>> with writer.shard(todo) as shard:
        ...     for key in todo if shard else []:
        ...         shard.add(key, states[key], num_samples[key])
        >>> writer.finish(all_keys)
    """

    def __init__(self, directory: Path, description: DumpDescription) -> None:
        self.directory = Path(directory)
        self.description = description
        with _writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            with locked(self.directory / RECORDS_FILE) as handle:
                assert handle is not None, "locked() waits by default"
                drop_broken_tail(handle)
                self._describe()
                for name in drop_damaged_shards(self.directory):
                    logging.warning(
                        "%s is damaged: its utterances are dumped again",
                        self.directory / name,
                    )
            clean_up(self.directory)
        #: The utterances that are recorded, as far as this job knows.
        self.done: Set[str] = set(read_records(self.directory))

    def _describe(self) -> None:
        if (self.directory / DESCRIPTION_FILE).exists():
            check_same(self.directory, self.description)
        elif read_records(self.directory):
            raise ProbeError(
                f"{self.directory} has records but no {DESCRIPTION_FILE} that says "
                "of which upstream: remove the folder and dump again"
            )
        else:
            self.description.write(self.directory)

    @contextmanager
    def shard(
        self, keys: Sequence[str], wait: bool = True
    ) -> Iterator[Optional["Shard"]]:
        """Write the states of some utterances as one unit.

        When the block ends, the shard is made durable, renamed and recorded; on
        any exception in it nothing of the shard stays.

        Args:
            keys: The utterances, all of which have to be added in the block.
            wait: Whether to wait while another job is writing the same ones.

        Yields:
            The shard, to be given every utterance's states in this order; None
            if another job has recorded them since this one has looked.

        Raises:
            ShardBusy: If another job is writing the same utterances and ``wait``
                is false.
            ProbeError: If the files cannot be written.
            ValueError: If not exactly the utterances in ``keys`` were added.
        """
        name = shard_file_name(keys, self.description.dtype)
        lock_path = self.directory / f".{name}.lock"
        temporary = self.directory / f".{name}.tmp"
        with _locked_shard(lock_path, wait) as lock:
            if lock is None:
                raise ShardBusy(
                    f"{self.directory}: another job is writing {keys[0]} and "
                    f"{len(keys) - 1} more; wait for it, or give it other utterances"
                )
            try:
                if self._recorded_since(name, keys):
                    yield None
                    return
                with _writing(temporary):
                    remove(temporary)
                    shard = Shard(name, temporary, keys, self.description)
                try:
                    yield shard
                    with _writing(self.directory / name):
                        self._commit(shard, temporary)
                finally:
                    shard.abandon()
            finally:
                remove(temporary)
                # Before the lock is given up, or it could be somebody else's.
                lock_path.unlink(missing_ok=True)

    def _recorded_since(self, name: str, keys: Sequence[str]) -> bool:
        # The records are read only if there is a reason: they may be many.
        if (self.directory / name).exists():
            self.done.update(read_records(self.directory))
        return self.done.issuperset(keys)

    def _commit(self, shard: "Shard", temporary: Path) -> None:
        shard.close()
        final = self.directory / shard.name
        if final.is_dir():
            # Left by a job killed before it was recorded; a folder that is not
            # empty cannot be replaced by a rename.
            remove(final)
        os.replace(temporary, final)
        sync_folder(self.directory)
        append_records(self.directory, shard.records)
        self.done.update(record.utt_id for record in shard.records)

    def finish(self, keys: Sequence[str]) -> bool:
        """Write ``hidden.scp`` if the states of all these utterances are there.

        It names all utterances in the folder, also those of another set.

        With several jobs every one calls it at its end, and the last one finds
        everything there.

        Args:
            keys: The utterances of the whole set, in any order.

        Returns:
            Whether all are there and ``hidden.scp`` was written, sorted by id.
        """
        with _writing(self.directory), locked(self.directory / RECORDS_FILE):
            records = read_records(self.directory)
            if any(key not in records for key in keys):
                return False
            lines = []
            for key in sorted(records):
                record = records[key]
                offset = "" if record.offset is None else f":{record.offset}"
                lines.append(f"{key} {self.directory / record.shard}{offset}\n")
            temporary = self.directory / f".{SCP_FILE}.tmp"
            replace_text(self.directory / SCP_FILE, "".join(lines), temporary)
        return True


class Shard:
    """The utterances that are written and recorded together.

    Made by :meth:`StateWriter.shard`.

    Attributes:
        keys: The utterances, in the order in which they have to be added.
    """

    def __init__(
        self,
        name: str,
        temporary: Path,
        keys: Sequence[str],
        description: DumpDescription,
    ) -> None:
        self.name = name
        self.records: List[Record] = []
        self.keys = list(keys)
        self._description = description
        self._temporary = temporary
        self._file: ShardFile = (
            ArkShard(temporary)
            if description.dtype == "float32"
            else NpyShard(temporary)
        )

    def add(self, utt_id: str, states: NDArray[np.floating], num_samples: int) -> None:
        """Write the states of the next utterance.

        Args:
            utt_id: The utterance; the next of the shard's keys.
            states: (time, feature), of valid frames only.
            num_samples: Length of the waveform that they were computed from.

        Raises:
            ProbeError: If there is not one state, the width is not the layer's,
                or a number is not finite (in float16: above 65504).
            ValueError: If it is not this utterance's turn.
        """
        position = len(self.records)
        if position >= len(self.keys) or self.keys[position] != utt_id:
            raise ValueError(f"{utt_id} is not at place {position} of the shard's keys")
        about = self._description
        where = f"utterance {utt_id}, layer {about.layer}"
        if states.ndim != 2 or states.shape[1] != about.width:
            raise ProbeError(
                f"{where}: got states of shape {tuple(states.shape)}, expected "
                f"(time, {about.width})"
            )
        if len(states) == 0:
            raise ProbeError(
                f"{where}: {num_samples} samples are shorter than one state; remove "
                "the utterance from the set"
            )
        with np.errstate(over="ignore"):
            # Little-endian, whatever the machine: see docs/file_formats.md.
            dtype = np.dtype(about.dtype).newbyteorder("<")
            stored = np.ascontiguousarray(states, dtype)
        if not np.isfinite(stored).all():
            hint = (
                "the upstream gives NaN or infinity here"
                if not np.isfinite(states).all()
                else f"{np.abs(states).max():g} is too large for float16, use float32"
            )
            raise ProbeError(f"{where}: states are not finite: {hint}")
        with _writing(self._temporary):
            below, offset = self._file.add(utt_id, stored)
        self.records.append(
            Record(
                utt_id=utt_id,
                shard=f"{self.name}/{below}" if below else self.name,
                offset=offset,
                shape=(int(states.shape[0]), int(states.shape[1])),
                dtype=about.dtype,
                frame_shift=about.frame_shift,
                stride=about.stride,
                num_samples=num_samples,
            )
        )

    def close(self) -> None:
        """Make the files durable; every key must have been added."""
        if len(self.records) != len(self.keys):
            raise ValueError(f"{self.keys[len(self.records)]} was not added")
        self._file.close()

    def abandon(self) -> None:
        """Close the files as they are."""
        self._file.abandon()


@contextmanager
def _locked_shard(path: Path, wait: bool) -> Iterator[Optional[IO[bytes]]]:
    # By hand, for only the locking is to be reported as a failure to write: what
    # happens in the block below has reports of its own.
    with ExitStack() as stack:
        with _writing(path):
            lock = stack.enter_context(locked(path, wait))
        yield lock


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses into one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise ProbeError(
            f"cannot write {path} ({error.strerror or error}): nothing that is "
            "recorded is lost; make room or give rights, and run the same command"
        ) from error
