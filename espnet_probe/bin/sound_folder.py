"""A folder of sounds that were made: ``wav/<utterance>.flac`` and ``wav.scp``.

Every sound file says in its own comment tag from what it was made (a digest of the
input) and with which gain. So a finished file is known without a list beside it, by
any number of jobs, and one whose input or settings have changed is known to be stale.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import quote

import numpy as np
import soundfile
from numpy.typing import NDArray

from espnet_probe.bin.score_files import written_whole
from espnet_probe.errors import ProbeError

_COMMENT = re.compile(r"input=([0-9a-f]+) gain=([0-9.eE+-]+)")

#: Longest file name that common file systems take is 255 bytes; the temporary name
#: adds some.
_LONGEST_NAME = 200


def file_name(utt: str, audio_format: str) -> str:
    """Return a file name for an utterance id.

    What could leave the folder, hide the file or trouble a shell is written as %XX,
    so that different ids have different names.

    Args:
        utt: The utterance id.
        audio_format: The suffix.

    Raises:
        ProbeError: If the id is too long for a file name.
    """
    name = quote(utt, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST_NAME:
        raise ProbeError(
            f"utterance {utt[:40]}...: the id is too long for a file name, expected "
            f"at most {_LONGEST_NAME} plain characters"
        )
    return f"{name}.{audio_format}"


def input_digest(
    values: NDArray[np.float32], num_samples: int, settings: Mapping[str, Any]
) -> str:
    """Return what identifies the input of a sound, 16 hexadecimal digits.

    Args:
        values: The array the sound is made from.
        num_samples: The length of the sound.
        settings: How it is made.
    """
    described = json.dumps([list(values.shape), num_samples, settings], sort_keys=True)
    digest = hashlib.sha256(described.encode())
    digest.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


class SoundFolder:
    """The sounds of one folder.

    Args:
        directory: The folder; ``wav.scp`` gets paths that begin with it.
        audio_format: "flac" or "wav", with 16 bits.
        fs: Sampling rate in Hz.
    """

    def __init__(self, directory: Path, audio_format: str, fs: int) -> None:
        self.directory = directory
        self.audio_format = audio_format
        self.fs = fs

    def path(self, utt: str) -> Path:
        """Return where the sound of an utterance lies.

        Raises:
            ProbeError: As :func:`file_name`.
        """
        return self.directory / "wav" / file_name(utt, self.audio_format)

    def gain(self, utt: str, num_samples: int, digest: str) -> Optional[float]:
        """Return the gain of a sound that is complete and up to date, else None.

        Args:
            utt: The utterance.
            num_samples: How long it should be.
            digest: From which input it should be; see :func:`input_digest`.
        """
        path = self.path(utt)
        if not path.is_file():
            return None
        try:
            with soundfile.SoundFile(path) as sound:
                found = _COMMENT.search(sound.comment)
                right = (sound.frames, sound.samplerate) == (num_samples, self.fs)
        except (OSError, soundfile.SoundFileError):
            return None
        if found is None or not right or found[1] != digest:
            return None
        return float(found[2])

    def write(
        self, utt: str, waveform: NDArray[np.float32], gain: float, digest: str
    ) -> None:
        """Write a sound, whole or not at all.

        Args:
            utt: The utterance.
            waveform: (samples,), in [-1, 1].
            gain: What it was scaled by.
            digest: From which input it was made.
        """
        with written_whole(self.path(utt)) as part:
            with soundfile.SoundFile(
                part,
                "w",
                samplerate=self.fs,
                channels=1,
                format=self.audio_format.upper(),
                subtype="PCM_16",
            ) as sound:
                sound.comment = f"espnet_probe vocode: input={digest} gain={gain:.9g}"
                sound.write(waveform)

    def write_scp(self, utts: Sequence[str]) -> None:
        """Write ``wav.scp``, whole or not at all.

        Args:
            utts: The utterances, in the order they get.
        """
        with written_whole(self.directory / "wav.scp") as part:
            lines = [f"{utt} {self.path(utt)}\n" for utt in utts]
            part.write_text("".join(lines), encoding="utf-8")
