"""A few utterances to hear and see: as spoken, as oracle, and from every layer."""

import logging
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import soundfile
from espnet2.fileio.read_text import read_2columns_text
from espnet2.fileio.sound_scp import SoundScpReader
from numpy.typing import NDArray

from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.report.files import replacing, slug
from espnet_probe.report.mels import (
    Mel,
    colour_limits,
    read_mels,
    sound_mel,
    write_image,
)
from espnet_probe.report.results import SetResults

BROWSER_FORMATS = (".flac", ".wav")  # what every current browser plays


@dataclass(frozen=True)
class Sound:
    """One utterance of one row.

    Attributes:
        row: The layer or control.
        audio: The copied file; None if there is no sound.
        image: The picture; None if there is no mel.
        note: What is missing, in words.
    """

    row: str
    audio: Optional[Path]
    image: Optional[Path]
    note: str


@dataclass(frozen=True)
class Example:
    """One utterance in all rows.

    Attributes:
        utterance: Its id.
        seconds: The original's length; None if it was not found.
        reference: What was said; None if there is no transcript.
        hypothesis: What the recogniser wrote; None if there is no decoding.
        sounds: One entry per row of the table.
    """

    utterance: str
    seconds: Optional[float]
    reference: Optional[str]
    hypothesis: Optional[str]
    sounds: Sequence[Sound]


def choose(ids: Sequence[str], number: int) -> List[str]:
    """Choose utterances evenly over the sorted ids.

    Ids begin with the speaker, so this gives different speakers, and the same
    utterances in every report.
    """
    ordered = sorted(ids)
    number = min(number, len(ordered))
    return [ordered[(2 * i + 1) * len(ordered) // (2 * number)] for i in range(number)]


def _sounds(scp: Path) -> Optional[SoundScpReader]:
    return SoundScpReader(str(scp), dtype="float32") if scp.is_file() else None


def _copy(reader: SoundScpReader, utterance: str, stem: Path) -> Path:
    """Copy a file that browsers play; write any other sound as FLAC."""
    source = Path(reader.get_path(utterance))
    known = source.suffix.lower() in BROWSER_FORMATS and source.is_file()
    path = stem.with_suffix(source.suffix.lower() if known else ".flac")
    with replacing(path) as temporary:
        if known:
            shutil.copyfile(source, temporary)
        else:
            rate, wave = reader[utterance]
            soundfile.write(temporary, np.clip(wave, -1.0, 1.0), rate)
    return path


def _read(reader: SoundScpReader, utterance: str) -> Tuple[int, NDArray[np.float32]]:
    rate, wave = reader[utterance]
    if wave.ndim > 1:
        wave = wave[:, 0]
    return int(rate), wave


def _texts(path: Optional[Path]) -> Mapping[str, str]:
    if path is None or not path.is_file():
        return {}
    texts: Dict[str, str] = read_2columns_text(path)
    return texts


def find_hypotheses(asr_exp: Optional[Path], name: str) -> Optional[Path]:
    """Return the first decoding's ``text`` for a set, or None if there is none."""
    if asr_exp is None:
        return None
    found = sorted(p for p in asr_exp.glob("*/**/text") if p.parent.name == name)
    return found[0] if found else None


def make_examples(
    results: SetResults,
    number: int,
    output: Path,
    config: LogMelConfig,
    reference: Optional[Path] = None,
    hypotheses: Optional[Path] = None,
) -> Tuple[List[Example], List[str]]:
    """Copy the sounds and draw the mels of a few utterances of a set.

    The picture of a layer is what its probe recovered (``feats.scp``); that of a
    control is the spectrogram of its sound, so that the oracle's shows what
    the vocoder alone costs.

    Args:
        results: The rows of a set.
        number: How many utterances.
        output: The report's folder; files go to its ``audio`` and ``mels``.
        config: The settings of the mel spectrogram.
        reference: The set's ``text`` file.
        hypotheses: The recogniser's ``text`` file.

    Returns:
        The utterances, and what is missing as a whole in words.
    """
    readers = {row.name: _sounds(row.folder / "wav.scp") for row in results.rows}
    present = [set(reader.keys()) for reader in readers.values() if reader is not None]
    if not present or number < 1:
        why = "none were asked for" if number < 1 else "no row has a wav.scp"
        return [], [f"{results.name}: no sounds, {why}"]
    common = set.intersection(*present) or set.union(*present)
    chosen = choose(sorted(common), number)
    predicted = {
        row.name: read_mels(row.folder / "feats.scp", tuple(chosen))
        for row in results.layers
    }
    said, heard = _texts(reference), _texts(hypotheses)
    notes = [] if said else [f"{results.name}: no transcripts of the utterances found"]
    examples = []
    for place, utterance in enumerate(chosen):
        seconds = None
        mels: Dict[str, Mel] = {}
        audio: Dict[str, Path] = {}
        problems: Dict[str, List[str]] = {row.name: [] for row in results.rows}
        for row in results.rows:
            stem = f"{place + 1:02d}_{slug(row.name)}"
            reader = readers[row.name]
            try:
                if reader is None or utterance not in reader:
                    raise FileNotFoundError(
                        "not in wav.scp" if reader else "no wav.scp"
                    )
                folder = output / "audio" / slug(results.name)
                audio[row.name] = _copy(reader, utterance, folder / stem)
                rate, wave = _read(reader, utterance)
                seconds = seconds or len(wave) / rate
                if row.layer is None and rate == config.fs:
                    mels[row.name] = sound_mel(wave, config)
            except (OSError, RuntimeError) as error:
                # soundfile's own errors are RuntimeErrors.
                logging.warning("%s of %s: %s", utterance, row.name, error)
                problems[row.name].append(f"no sound: {error}")
            if row.layer is not None and utterance in predicted[row.name]:
                mels[row.name] = predicted[row.name][utterance]
            if row.name not in mels:
                problems[row.name].append("no mel-spectrogram")
        examples.append(
            Example(
                utterance=utterance,
                seconds=seconds,
                reference=said.get(utterance),
                hypothesis=heard.get(utterance),
                sounds=_finish(results, place, mels, audio, problems, output),
            )
        )
    return examples, notes


def _finish(
    results: SetResults,
    place: int,
    mels: Mapping[str, Mel],
    audio: Mapping[str, Path],
    problems: Mapping[str, Sequence[str]],
    output: Path,
) -> List[Sound]:
    """Write the pictures, when all mels of an utterance are known, on one scale."""
    limits = colour_limits(mels) if mels else (-math.inf, 0.0)
    sounds = []
    for row in results.rows:
        image = None
        if row.name in mels:
            file = f"{place + 1:02d}_{slug(row.name)}.png"
            image = output / "mels" / slug(results.name) / file
            write_image(mels[row.name], image, limits)
        note = "; ".join(problems[row.name])
        sounds.append(Sound(row.name, audio.get(row.name), image, note))
    return sounds
