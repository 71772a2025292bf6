"""Mix the noise into one utterance, unless that has been done.

A noisy file holds its own record as a comment: what was mixed, and a digest of all that
it was made from. So any number of jobs can share a set and be resumed, and a file whose
speech, noise or settings have changed is known to be stale, without a list beside it.
"""

import functools
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import soundfile

from espnet_probe.bin.noise_files import NoiseFiles
from espnet_probe.bin.score_files import written_whole
from espnet_probe.bin.sound_folder import file_name
from espnet_probe.errors import ProbeError
from espnet_probe.noise import mixing
from espnet_probe.noise.choice import SOURCES, choose

#: How many choices are tried before noise that is silent is given up. A cut of a dog's
#: bark can lie in its pauses; ten in a row are rather a broken corpus.
ATTEMPTS = 10

#: Counts up when the same choice would give other samples.
FORMAT = 1

#: Longest comment in bytes that libsndfile reads back from each audio format.
LONGEST_COMMENT = {"flac": 2**16, "wav": 2000}


@dataclass(frozen=True)
class Mixer:
    """Makes noisy utterances; can be sent to other processes.

    Attributes:
        noise: The noise files.
        output_dir: The noisy set; sounds go to ``wav`` in it.
        snr: A fixed SNR in dB, or None for that of the choice.
        seed: Decides all choices.
        suffix: What the ids of noisy utterances get at their end.
        only_check: Make nothing; what is missing is an error.
        audio_format: "flac" or "wav", with 16 bits.
    """

    noise: NoiseFiles
    output_dir: Path
    snr: Optional[float]
    seed: int
    suffix: str
    only_check: bool = False
    audio_format: str = "flac"

    def path(self, utt: str) -> Path:
        """Return where the noisy file of a clean utterance lies.

        Raises:
            ProbeError: If the id is too long for a file name.
        """
        return self.output_dir / "wav" / file_name(utt + self.suffix, self.audio_format)

    def check(self, utt: str) -> None:
        """Check that an utterance's file and its record can be written.

        Args:
            utt: The clean utterance.

        Raises:
            ProbeError: If the id is too long, or a record could be.
        """
        self.path(utt)
        # Keys, numbers and the digest have less than 300 characters.
        longest = 300 + len(json.dumps([utt, utt + self.suffix])) + self._longest_names
        if longest > LONGEST_COMMENT[self.audio_format]:
            raise ProbeError(
                f"{utt}: the record of what is mixed may have {longest} characters, a "
                f"{self.audio_format} file holds {LONGEST_COMMENT[self.audio_format]}: "
                "shorten the names of the noise files, or use --audio_format flac"
            )

    @functools.cached_property
    def _longest_names(self) -> int:
        """Characters of the longest list of noise files and offsets of a record."""
        totals = []
        for source, names in self.noise.names.items():
            lengths = sorted(len(json.dumps(name)) + 12 for name in names)
            totals.append(sum(lengths[-SOURCES[source].most :]))
        return max(totals)

    def __call__(self, item: Tuple[str, str]) -> Tuple[Dict[str, Any], bool]:
        """Make a noisy utterance, unless it is there.

        Args:
            item: The clean utterance and its file.

        Returns:
            Its record, and whether it was made.

        Raises:
            ProbeError: If a file cannot be read, if the noise is silent wherever it
                is cut, or if the file is not there although it should.
        """
        utt, file = item
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise ProbeError(f"{utt}: cannot read {file}: {error.strerror}") from error
        digest = self._digest(utt, content)
        record = find_record(self.path(utt), digest)
        if record is None and self.only_check:
            raise ProbeError(
                f"{self.path(utt)} is missing, or not of this speech, noise and "
                "settings: run all jobs with the same options before --merge"
            )
        made = record is None
        if record is None:
            record = self._make(utt, file, content, digest)
        return {**record, "wav": str(self.path(utt))}, made

    def _digest(self, utt: str, content: bytes) -> str:
        settings = [FORMAT, utt, self.snr, self.seed, self.suffix, self.noise.digest]
        digest = hashlib.sha256(json.dumps(settings).encode())
        digest.update(content)
        return digest.hexdigest()[:16]

    def _make(self, utt: str, file: str, content: bytes, digest: str) -> Dict[str, Any]:
        try:
            speech, fs = soundfile.read(io.BytesIO(content), dtype="float64")
        except soundfile.SoundFileError as error:
            raise ProbeError(
                f"{utt}: cannot read {file} as audio: {error}; is it whole? Make it "
                "anew, or leave the utterance out"
            ) from error
        for attempt in range(ATTEMPTS):
            choice = choose(utt, self.noise.names, self.seed, self.snr, attempt)
            cuts = [
                self.noise.read(name, place, len(speech), fs)
                for name, place in zip(choice.files, choice.places)
            ]
            parts = [cut for cut, _ in cuts]
            try:
                noise = parts[0] if len(parts) == 1 else mixing.babble(parts)
                mixture = mixing.mix(speech, noise, choice.snr)
                break
            except mixing.SilentNoiseError:
                continue
            except ProbeError as error:
                raise ProbeError(
                    f"{utt} ({file}): {error}; make the file anew, or leave the "
                    "utterance out"
                ) from error
        else:
            raise ProbeError(
                f"{utt}: {ATTEMPTS} choices of noise were all silent, the last of "
                f"{', '.join(choice.files)}: are these files what they should be?"
            )
        record: Dict[str, Any] = {
            "utt_id": utt + self.suffix,
            "clean": utt,
            "source": choice.source,
            "files": list(choice.files),
            "offsets": [start for _, start in cuts],
            "snr": mixture.snr,
            "gain": mixture.gain,
            "scale": mixture.scale,
        }
        write_noisy(self.path(utt), mixture.waveform, fs, {**record, "input": digest})
        return record


def write_noisy(
    path: Path, waveform: mixing.Waveform, fs: int, record: Dict[str, Any]
) -> None:
    """Write an audio file of 16 bits with its record, whole or not at all.

    Args:
        path: The file; its suffix, ``.flac`` or ``.wav``, is its format.
        waveform: (samples,), in ±:data:`.mixing.LIMIT`.
        fs: Sampling rate in Hz.
        record: The comment.
    """
    # libsndfile would scale by 32767 in writing and by 32768 in reading.
    steps = np.rint(waveform * 32768).astype(np.int16)
    with written_whole(path) as part:
        with soundfile.SoundFile(
            part,
            "w",
            samplerate=fs,
            channels=1,
            format=path.suffix[1:].upper(),
            subtype="PCM_16",
        ) as sound:
            sound.comment = json.dumps(record)
            sound.write(steps)


def find_record(path: Path, digest: str) -> Optional[Dict[str, Any]]:
    """Return the record of a noisy file that is there and up to date, else None.

    Args:
        path: The file.
        digest: From what it should have been made.
    """
    try:
        with soundfile.SoundFile(path) as sound:
            record = json.loads(sound.comment)
    except (OSError, soundfile.SoundFileError, ValueError):
        return None
    if not isinstance(record, dict) or record.pop("input", None) != digest:
        return None
    return record


def total(records: List[Dict[str, Any]]) -> Dict[str, int]:
    """Count the utterances of each source, those without noise and those scaled.

    Args:
        records: What :class:`Mixer` returned.
    """
    counts: Dict[str, int] = {}
    for record in records:
        silent = record["snr"] is None
        name = "without noise, being silent" if silent else record["source"]
        counts[name] = counts.get(name, 0) + 1
    counts["scaled down to fit"] = sum(record["scale"] < 1 for record in records)
    return counts
