"""Kaldi's ``segments``: utterances that are pieces of longer recordings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Tuple

from espnet_probe.errors import ProbeError

#: Seconds by which a segment may end behind its recording, as Kaldi's extract-segments
#: allows by default; it is cut there.
OVERSHOOT = 0.5


@dataclass(frozen=True)
class Segment:
    """A piece of a recording.

    Attributes:
        recording: Its name in ``wav.scp``.
        start: Seconds.
        end: Seconds; None for the recording's end.
    """

    recording: str
    start: float = 0.0
    end: Optional[float] = None

    def samples(self, rate: int, frames: int) -> Tuple[int, int]:
        """Return first and last sample, as ESPnet's formatting cuts them.

        Args:
            rate: Sampling rate in Hz.
            frames: Samples of the whole recording.

        Raises:
            ProbeError: If it ends more than OVERSHOOT behind the recording.
        """
        if self.end is not None and self.end > frames / rate + OVERSHOOT:
            raise ProbeError(
                f"its segment ends at {self.end:g} s, but its recording "
                f"{self.recording} at {frames / rate:g} s: correct segments"
            )
        end = frames if self.end is None else min(int(self.end * rate), frames)
        return min(int(self.start * rate), end), end


def read_segments(path: Path) -> Dict[str, Segment]:
    """Read a ``segments`` file.

    Args:
        path: With lines ``utterance recording start end``; the end -1 is the
            recording's.

    Raises:
        ProbeError: If a line is not of this form, or an utterance is named twice.
    """
    segments: Dict[str, Segment] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            key, recording, start, end = line.split()
            times = float(start), float(end)
        except ValueError as error:
            raise ProbeError(
                f"{path}, line {number}: got {line!r}, expected 'utterance recording "
                "start end' in seconds"
            ) from error
        whole = times[1] == -1
        if key in segments or times[0] < 0 or not (whole or times[0] < times[1]):
            raise ProbeError(
                f"{path}, line {number}: {key} is there twice, or its times "
                f"{start} {end} do not rise"
            )
        segments[key] = Segment(recording, times[0], None if whole else times[1])
    if not segments:
        raise ProbeError(f"{path} is empty: there is no utterance to work on")
    return segments
