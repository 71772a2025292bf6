"""Sound files as people have them, made into a data folder at a model's rate."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Mapping, Sequence

from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Largest value of a 16-bit file, as a share of full scale.
LARGEST = 32767 / 32768

#: Bytes of an utterance id; file systems have room for 255 in a name.
LONGEST = 200


def name_recordings(paths: Sequence[Path]) -> Dict[str, Path]:
    """Give every recording an utterance id: its file's name, made fit for a table.

    Args:
        paths: Sound files.

    Returns:
        Utterance id → file, in the order given.

    Raises:
        ProbeError: If a file is not there, or given twice.
    """
    named: Dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise ProbeError(f"there is no recording {path}")
        if any(path.samefile(other) for other in named.values()):
            raise ProbeError(f"the recording {path} is given twice; leave one out")
        # A name becomes that of many files, which have endings of their own.
        stem = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")
        stem = stem.encode()[:LONGEST].decode(errors="ignore").strip("-.")
        stem = stem or "recording"
        number, name = 1, stem
        while name in named:
            number += 1
            name = f"{stem}-{number}"
        named[name] = path
    return named


def read_text(path: Path, recordings: Sequence[str]) -> Dict[str, str]:
    """Read what is said in recordings.

    Args:
        path: "name words" lines; other names are passed over.
        recordings: Utterance ids.

    Returns:
        Utterance id → words, in the order of the recordings.

    Raises:
        ProbeError: If one is not there.
    """
    from espnet_probe.bin.score_files import read_full_table

    table = read_full_table(path, "name and words")
    missing = [name for name in recordings if name not in table]
    if missing:
        raise ProbeError(
            f"{path} has no line of {', '.join(missing)}: expected 'name words' for "
            "every recording"
        )
    return {name: table[name] for name in recordings}


def read_recording(path: Path, fs: int, max_seconds: float) -> "NDArray[np.float32]":
    """Read a recording of any rate and number of channels.

    Args:
        path: A sound file that libsndfile reads.
        fs: The rate that is wanted, in Hz; others are resampled.
        max_seconds: How long it may be.

    Returns:
        (samples,), within what 16 bits can hold; channels are averaged.

    Raises:
        ProbeError: If it cannot be read, is empty or too long.
    """
    import numpy as np
    import soundfile
    import torch
    import torchaudio

    try:
        info = soundfile.info(path)
        if info.frames > max_seconds * info.samplerate:
            raise ProbeError(
                f"{path} has {info.frames / info.samplerate:.1f} s: expected at most "
                f"{max_seconds:g} s; cut it, or allow more with --max_seconds"
            )
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise ProbeError(
            f"cannot read {path} as sound: {error}; expected WAV, FLAC, MP3, Ogg or "
            "another format that libsndfile reads"
        ) from error
    if not len(samples) or not np.isfinite(samples).all():
        what = "values that are no finite numbers" if len(samples) else "no sound in it"
        raise ProbeError(f"{path} has {what}; expected a recording")
    if samples.shape[1] > 1:
        logging.info("%s: the mean of its %d channels", path, samples.shape[1])
    wave = torch.from_numpy(samples.mean(axis=1))
    if rate != fs:
        logging.info("%s: resampled from %d to %d Hz", path, rate, fs)
        wave = torchaudio.functional.resample(wave, rate, fs)
    peak = float(wave.abs().max())
    if peak > LARGEST:
        logging.info("%s: turned down, its peak is %.2f times full scale", path, peak)
        wave = wave * (LARGEST / peak)
    found: "NDArray[np.float32]" = wave.numpy()
    return found


def write_table(path: Path, table: Mapping[str, object]) -> None:
    """Write a table of a data folder.

    Args:
        path: The file.
        table: Utterance id → value.

    Raises:
        ProbeError: If it cannot be written.
    """
    from espnet_probe.bin.score_files import written_whole

    with written_whole(path) as part:
        lines = [f"{name} {value}\n" for name, value in table.items()]
        part.write_text("".join(lines), encoding="utf-8")


def write_data(
    folder: Path, waves: Mapping[str, "NDArray[np.float32]"], fs: int
) -> None:
    """Write recordings as a data folder.

    Args:
        folder: Gets ``wav.scp`` with absolute paths, ``utt2num_samples``, and the
            sounds (WAV, 16 bits) in ``wav``.
        waves: Utterance id → (samples,).
        fs: Their rate in Hz.

    Raises:
        ProbeError: If something cannot be written.
    """
    import soundfile

    from espnet_probe.bin.score_files import written_whole

    folder = folder.resolve()
    files = {name: folder / "wav" / f"{name}.wav" for name in waves}
    for name, wave in waves.items():
        with written_whole(files[name]) as part:
            soundfile.write(part, wave, fs, subtype="PCM_16", format="WAV")
    write_table(folder / "wav.scp", files)
    lengths = {name: len(wave) for name, wave in waves.items()}
    write_table(folder / "utt2num_samples", lengths)
