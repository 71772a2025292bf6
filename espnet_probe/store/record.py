"""What is known of one utterance's states: where they lie and what they are."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Dict, Optional, Tuple

from espnet_probe.errors import ProbeError

#: The number formats that a dump may have, and their bytes per number.
BYTES_PER_NUMBER: Dict[str, int] = {"float32": 4, "float16": 2}

#: Bytes before the numbers of a float32 matrix in a Kaldi ark: binary marker (2),
#: token "FM " (3), rows and columns with their width byte (5 each).
ARK_HEADER_BYTES = 15

#: Bytes before the numbers in an npy file: numpy pads its header to a multiple of
#: 64, which is 128 for any array of two dimensions (numpy.lib.format, version 1.0).
NPY_HEADER_BYTES = 128

#: The file that holds the records of a layer, one JSON object a line.
RECORDS_FILE = "records.jsonl"

#: The scp file for ESPnet's data loader: type kaldi_ark (float32) or npy (float16).
SCP_FILE = "hidden.scp"


@dataclass(frozen=True)
class Record:
    """One line of ``records.jsonl``.

    Args:
        utt_id: The utterance, without white space.
        shard: The file that holds the states, relative to the layer's folder,
            with forward slashes.
        offset: Where the Kaldi object starts in an ark, in bytes; None for a
            file that holds this utterance alone (npy).
        shape: (time, feature) of the states.
        dtype: ``float32`` or ``float16``.
        frame_shift: Seconds from one state to the next.
        stride: Input frames per state.
        num_samples: Length of the waveform the states were computed from.

    Raises:
        ProbeError: If a value cannot be right.
    """

    utt_id: str
    shard: str
    offset: Optional[int]
    shape: Tuple[int, int]
    dtype: str
    frame_shift: float
    stride: int
    num_samples: int

    def __post_init__(self) -> None:
        _require(
            isinstance(self.utt_id, str) and len(self.utt_id.split()) == 1,
            "utt_id",
            self.utt_id,
            "a name without white space",
        )
        # The id is the first thing said of every further defect.
        where = f"utterance {self.utt_id}: "
        path = PurePosixPath(self.shard) if isinstance(self.shard, str) else None
        _require(
            path is not None
            and bool(path.parts)
            and not path.is_absolute()
            and ".." not in path.parts,
            "shard",
            self.shard,
            "a file name relative to the layer's folder",
            where,
        )
        _require(
            self.offset is None or _is_int(self.offset, 0),
            "offset",
            self.offset,
            "a number of bytes, or null",
            where,
        )
        _require(
            isinstance(self.shape, tuple)
            and len(self.shape) == 2
            and all(_is_int(size, 1) for size in self.shape),
            "shape",
            self.shape,
            "[time, feature], both at least 1",
            where,
        )
        _require(
            self.dtype in BYTES_PER_NUMBER,
            "dtype",
            self.dtype,
            " or ".join(BYTES_PER_NUMBER),
            where,
        )
        _require(
            isinstance(self.frame_shift, (int, float))
            and not isinstance(self.frame_shift, bool)
            and math.isfinite(self.frame_shift)
            and self.frame_shift > 0,
            "frame_shift",
            self.frame_shift,
            "seconds above 0",
            where,
        )
        _require(_is_int(self.stride, 1), "stride", self.stride, "at least 1", where)
        _require(
            _is_int(self.num_samples, 1),
            "num_samples",
            self.num_samples,
            "at least 1",
            where,
        )

    @property
    def num_bytes(self) -> int:
        """Bytes that the numbers alone take on disk."""
        return self.shape[0] * self.shape[1] * BYTES_PER_NUMBER[self.dtype]

    @property
    def end(self) -> int:
        """Where the states end in their file, in bytes from its beginning."""
        if self.offset is None:
            return NPY_HEADER_BYTES + self.num_bytes
        return self.offset + ARK_HEADER_BYTES + self.num_bytes

    def to_json(self) -> str:
        """Return the record as one line of JSON, without the line's end."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """Read a record from one line of JSON.

        Raises:
            ProbeError: If the line is no JSON object with exactly the fields of
                a record, or a value cannot be right.
        """
        try:
            values: Any = json.loads(line)
        except json.JSONDecodeError as error:
            raise ProbeError(f"got no JSON record: {line[:60]!r} ({error})") from error
        if not isinstance(values, dict):
            raise ProbeError(f"got {line[:60]!r}, expected a JSON object")
        expected = set(cls.__dataclass_fields__)
        if set(values) != expected:
            wrong = sorted(expected.symmetric_difference(values))
            raise ProbeError(
                f"missing or unexpected fields of a record: {', '.join(wrong)}"
            )
        if isinstance(values["shape"], list):
            values["shape"] = tuple(values["shape"])
        return cls(**values)


def _is_int(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _require(
    holds: bool, name: str, value: object, expected: str, where: str = ""
) -> None:
    if not holds:
        raise ProbeError(f"{where}{name} is {value!r}, expected {expected}")
