"""The waveforms of an ESPnet data folder, checked before any work starts."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.bin.segments import Segment, read_segments
from espnet_probe.errors import ProbeError

#: ``some.ark:123``, as ESPnet's ``--audio_format flac.ark`` writes it.
_IN_ARK = re.compile(r"\.ark:\d+$")


#: What to do with audio that cannot be taken as it is.
FORMAT = (
    "bring the set into a format that can be read: stage 3 of probe.sh with --fs, or "
    "ESPnet's scripts/audio/format_wav_scp.sh --fs"
)


class Waveforms:
    """Reads the waveforms of a data folder as ESPnet's training does.

    Args:
        data_dir: A folder with ``wav.scp``, such as ``dump/raw/<set>``; its files
            are sound files, or entries of Kaldi arks. With ``segments`` beside it
            the utterances are pieces of these.
        fs: The sampling rate that is expected, in Hz; None, until it is set,
            takes any.

    Raises:
        ProbeError: If ``wav.scp`` is missing, empty or names an utterance twice.
    """

    def __init__(self, data_dir: Path, fs: Optional[int] = None) -> None:
        self.path = Path(data_dir) / "wav.scp"
        self.fs = fs
        self._files = read_columns(self.path)
        segments = self.path.with_name("segments")
        self._segments = (
            read_segments(segments)
            if segments.is_file()
            else {key: Segment(key) for key in self._files}
        )

    def keys(self) -> List[str]:
        """Return all utterances in the order of ``wav.scp`` or ``segments``."""
        return list(self._segments)

    def check(self, keys: Sequence[str]) -> Dict[str, int]:
        """Look at the headers of the sound files without reading the samples.

        Args:
            keys: The utterances to check.

        Returns:
            The number of samples of every one.

        Raises:
            ProbeError: If an utterance is not in ``wav.scp``, or its file is
                missing, no sound file, empty, not mono, or of another rate.
        """
        if keys and _IN_ARK.search(self._path(keys[0])):
            return self._check_arks(keys)
        lengths, refused = {}, []
        for key in keys:
            try:
                first, last = self._check(key)
                lengths[key] = last - first
            except ProbeError as error:
                refused.append(str(error))
        if refused:
            others = f" ({len(refused) - 1} more are wrong)" if refused[1:] else ""
            raise ProbeError(refused[0] + others)
        return lengths

    def __getitem__(self, key: str) -> NDArray[np.float32]:
        """Read an utterance: (samples,), float32.

        Sound files lie in [-1, 1]; arks of 16-bit wav keep their integers, as
        they do in ESPnet's training.

        Raises:
            ProbeError: As :meth:`check`, and if a value is NaN or infinite.
        """
        import soundfile

        path = self._path(key)
        if _IN_ARK.search(path):
            return self._read_ark(key, path)
        first, last = self._check(key)
        try:
            samples, _ = soundfile.read(path, dtype="float32", start=first, stop=last)
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(f"utterance {key}: cannot read {path}: {error}") from error
        waveform: NDArray[np.float32] = samples
        if not np.isfinite(waveform).all():
            raise ProbeError(
                f"utterance {key}: {path} has values that are no finite numbers; "
                "expected a recording"
            )
        return waveform

    def digest(self, keys: Sequence[str]) -> str:
        """Return the SHA-256 of what utterances sound like, wherever their files lie.

        Names and lengths do not tell: the same set with other noise has both.

        Args:
            keys: Utterances that :meth:`check` has accepted.

        Raises:
            ProbeError: If a file cannot be read.
        """
        found: Dict[str, str] = {}
        whole = sha256()
        for key in sorted(keys):
            segment, path = self._segments[key], self._path(key)
            # An ark holds many utterances, each read by itself.
            source = key if _IN_ARK.search(path) else path
            if source not in found:
                found[source] = sha256(self._content(key, path)).hexdigest()
            line = f"{key} {segment.start} {segment.end} {found[source]}\n"
            whole.update(line.encode())
        return whole.hexdigest()

    def _content(self, key: str, path: str) -> bytes:
        if _IN_ARK.search(path):
            return self._read_ark(key, path).tobytes()
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise ProbeError(f"utterance {key}: cannot read {path}: {error}") from error

    def _path(self, key: str) -> str:
        if key not in self._segments:
            raise ProbeError(f"utterance {key} is not in {self.path}")
        recording = self._segments[key].recording
        path = self._files.get(recording)
        if path is None:
            raise ProbeError(
                f"utterance {key}: its recording {recording} is not in {self.path}"
            )
        if not path:
            raise ProbeError(f"utterance {key} has no path in {self.path}")
        if path.endswith("|"):
            raise ProbeError(
                f"utterance {key}: {self.path} holds a command, which is not run; "
                f"{FORMAT}"
            )
        return path

    def _check(self, key: str) -> Tuple[int, int]:
        """Look at a sound file's header; return the utterance's place in it."""
        import soundfile

        path = self._path(key)
        if not Path(path).is_file():
            raise ProbeError(
                f"utterance {key}: {path} is missing; {self.path} names it (paths are "
                "relative to the working directory)"
            )
        try:
            info = soundfile.info(path)
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(f"utterance {key}: {path} is no sound: {error}") from error
        return self._check_format(key, info.samplerate, info.channels, info.frames)

    def _check_arks(self, keys: Sequence[str]) -> Dict[str, int]:
        # An ark has no index: to know a length it has to be decoded, so the list
        # that ESPnet's format_wav_scp.sh leaves is taken where there is one. The
        # rate of the others is checked when they are read.
        table = self.path.with_name("utt2num_samples")
        listed = read_columns(table) if table.is_file() else {}
        lengths = {keys[0]: len(self[keys[0]])}
        for key in keys[1:]:
            number = listed.get(key, "")
            lengths[key] = int(number) if number.isdigit() else len(self[key])
        return lengths

    def _read_ark(self, key: str, path: str) -> NDArray[np.float32]:
        from omniio import kaldi

        try:
            pair = kaldi.load_mat(path)
        except (OSError, RuntimeError, ValueError) as error:
            raise ProbeError(f"utterance {key}: cannot read {path}: {error}") from error
        if not isinstance(pair, tuple):
            raise ProbeError(f"utterance {key}: {path} holds no sound")
        rate, samples = pair if isinstance(pair[0], int) else (pair[1], pair[0])
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        first, last = self._check_format(key, rate, channels, len(samples))
        waveform: NDArray[np.float32] = samples[first:last].astype(np.float32)
        return waveform

    def _check_format(
        self, key: str, rate: int, channels: int, samples: int
    ) -> Tuple[int, int]:
        """Check what a file holds; return the utterance's first and last sample."""
        if self.fs is not None and rate != self.fs:
            raise ProbeError(
                f"utterance {key}: sampling rate is {rate} Hz, the upstream needs "
                f"{self.fs} Hz; {FORMAT}"
            )
        if channels != 1:
            raise ProbeError(
                f"utterance {key}: got {channels} channels, expected one: choose or "
                "mix them first"
            )
        try:
            first, last = self._segments[key].samples(rate, samples)
        except ProbeError as error:
            raise ProbeError(f"utterance {key}: {error}") from error
        if first == last:
            raise ProbeError(
                f"utterance {key}: the file has no samples for it; leave it out"
            )
        return first, last


def read_columns(path: Path) -> Dict[str, str]:
    """Read a Kaldi file of two columns: utterance and value.

    Args:
        path: The file, such as ``wav.scp``.

    Raises:
        ProbeError: If it is missing, empty, or has an utterance twice.
    """
    from espnet2.fileio.read_text import read_2columns_text

    try:
        columns: Dict[str, str] = read_2columns_text(path)
    except OSError as error:
        raise ProbeError(f"cannot read {path}: {error.strerror}") from error
    except (RuntimeError, IndexError, UnicodeDecodeError) as error:
        raise ProbeError(
            f"{path}: {error or 'empty line'}; expected one line an utterance"
        ) from error
    if not columns:
        raise ProbeError(f"{path} is empty: there is no utterance to work on")
    return columns


def chosen_keys(waveforms: Waveforms, key_file: Optional[Path]) -> List[str]:
    """Return the utterances that this job works on.

    Args:
        waveforms: The whole set.
        key_file: A file whose first column has them, such as a part of
            ``wav.scp`` made by ``utils/split_scp.pl``; None for all.

    Raises:
        ProbeError: If the file is missing, empty, has an utterance twice or one
            that is not in the set.
    """
    everything = waveforms.keys()
    if key_file is None:
        return everything
    keys = list(read_columns(key_file))
    unknown = sorted(set(keys).difference(everything))
    if unknown:
        raise ProbeError(
            f"{key_file}: {len(unknown)} utterances, {unknown[0]} among them, are not "
            f"in {waveforms.path}"
        )
    return keys
