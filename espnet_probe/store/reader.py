"""Reading states back: by utterance, or a part of one by time."""

import math
import os
import struct
from io import BufferedReader
from pathlib import Path
from typing import Dict, Iterator, KeysView, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.store.description import DumpDescription
from espnet_probe.store.record import Record
from espnet_probe.store.record_file import read_records
from espnet_probe.store.recovery import damaged_records

#: A float32 matrix in a Kaldi ark: binary marker, token "FM ", and the numbers of
#: rows and columns, each as a width byte (4) and a little-endian int32
#: (kaldi-matrix.cc, Matrix::Write). The rows follow, one after another.
_ARK_HEADER = struct.Struct("<5sbibi")
_ARK_START = b"\0BFM "

#: Times within this part of a frame are taken as on its edge: 0.3 / 0.1 < 3.
_FRAME_TOLERANCE = 1e-6


class StateReader(Mapping[str, NDArray[np.floating]]):
    """The states in one layer's folder: a mapping from utterance to (time, feature).

    Args:
        directory: The folder, as :class:`espnet_probe.store.StateWriter` leaves it.

    Raises:
        ProbeError: If the folder is none, its records cannot be read, or a file
            that they name is missing or too short.

    Examples:
        >>> reader = StateReader("dump/hidden/asr/test/blstm3")  # doctest: +SKIP
        >>> states = reader["utt1"]  # (time, feature)
        >>> part = reader.read("utt1", start=0.5, end=1.0)
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self.description = DumpDescription.read(self.directory)
        self.records: Dict[str, Record] = read_records(self.directory)
        damaged = damaged_records(self.directory, self.records.values())
        if damaged:
            raise ProbeError(
                f"{self.directory / damaged[0].shard} is missing or cut short: it has "
                f"to hold the states of utterance {damaged[0].utt_id}, and "
                f"{len(damaged)} of {len(self)} utterances here are lost so; run the "
                "same dump again, it writes them anew"
            )

    def keys(self) -> KeysView[str]:
        """Return the utterances, in the order in which they were written."""
        return self.records.keys()

    @property
    def lengths(self) -> Dict[str, int]:
        """The number of states of every utterance."""
        return {utt_id: record.shape[0] for utt_id, record in self.records.items()}

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __contains__(self, utt_id: object) -> bool:
        return utt_id in self.records

    def __getitem__(self, utt_id: str) -> NDArray[np.floating]:
        return self.read(utt_id)

    def read(
        self, utt_id: str, start: float = 0.0, end: Optional[float] = None
    ) -> NDArray[np.floating]:
        """Read the states of an utterance, or of a part of it.

        State ``i`` stands for the time from ``i`` to ``i + 1`` frame shifts. All
        states that have a part in [start, end) are read, and no others from the
        disk; a time within a millionth of a frame shift of a border is on it.

        Args:
            utt_id: The utterance.
            start: Seconds from the beginning.
            end: Seconds from the beginning; None, or any time after the last
                state, for all that is left.

        Returns:
            (time, feature), float32 or float16 as they were stored.

        Raises:
            ProbeError: If there is no such utterance or time, or its file is
                missing, too short or holds something else.
        """
        record = self.records.get(utt_id)
        if record is None:
            raise ProbeError(
                f"{self.directory} has no states of utterance {utt_id!r}; it has "
                f"those of {len(self)} utterances"
            )
        first, stop = _frames(record, start, end)
        path = self.directory / record.shard
        try:
            with open(path, "rb") as handle:
                if record.offset is None:
                    _skip_npy_header(handle, record)
                else:
                    _skip_ark_header(handle, record, record.offset)
                return _read_rows(handle, record, first, stop)
        except (OSError, ValueError, EOFError, struct.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise ProbeError(
                f"utterance {utt_id}: cannot read its states from {path} ({reason}): "
                "the file is missing, cut short or changed; run the same dump again"
            ) from error


def _frames(record: Record, start: float, end: Optional[float]) -> Tuple[int, int]:
    length, shift = record.shape[0], record.frame_shift
    last = length if end is None else min(end / shift, length)
    # Asked this way round, for every comparison with NaN is false.
    if start >= 0 and last > 0 and start / shift < length:
        first = math.floor(start / shift + _FRAME_TOLERANCE)
        stop = math.ceil(last - _FRAME_TOLERANCE)
        if first < stop:
            return first, stop
    until = "the end" if end is None else f"{end} s"
    raise ProbeError(
        f"utterance {record.utt_id}: there are no states from {start} s to {until}; "
        f"they go from 0 to {length * shift:.3f} s"
    )


def _skip_ark_header(handle: BufferedReader, record: Record, offset: int) -> None:
    handle.seek(offset)
    header = _ARK_HEADER.unpack(handle.read(_ARK_HEADER.size))
    rows, columns = record.shape
    if header != (_ARK_START, 4, rows, 4, columns):
        raise ValueError(f"no float32 matrix of {rows} x {columns} at {offset}")


def _skip_npy_header(handle: BufferedReader, record: Record) -> None:
    if np.lib.format.read_magic(handle) != (1, 0):
        raise ValueError("npy files of a dump have version 1.0")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(handle)
    if by_columns or shape != record.shape or dtype != _on_disk(record):
        raise ValueError(
            f"got {dtype} {shape}, recorded is {record.dtype} {record.shape}"
        )


def _read_rows(
    handle: BufferedReader, record: Record, first: int, stop: int
) -> NDArray[np.floating]:
    columns, dtype = record.shape[1], _on_disk(record)
    handle.seek(first * columns * dtype.itemsize, os.SEEK_CUR)
    states = np.empty((stop - first, columns), dtype)
    # Of a matrix cut behind the wanted part that part can be read.
    if handle.readinto(states.reshape(-1).view(np.uint8)) != states.nbytes:
        raise EOFError("the end of the file comes first")
    return states.astype(record.dtype, copy=False)


def _on_disk(record: Record) -> np.dtype[np.floating]:
    # Little-endian, whatever the machine.
    return np.dtype(record.dtype).newbyteorder("<")
