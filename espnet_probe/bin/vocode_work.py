"""What the vocode command does with files: check, plan, make sounds, finish."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import yaml
from tqdm import tqdm

from espnet_probe.bin.feats import Feats
from espnet_probe.bin.score_files import (
    read_full_table,
    read_table,
    versions,
    write_csv,
    write_json,
)
from espnet_probe.bin.sound_folder import SoundFolder, input_digest
from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.vocoders.griffin_lim import GriffinLim, check_log_mel


@dataclass(frozen=True)
class Work:
    """A folder and what it is to hold.

    Attributes:
        feats: The mels.
        folder: The sounds.
        digests: What identifies the input of every utterance of this call.
        pending: The utterances whose sound is missing or stale.
    """

    feats: Feats
    folder: SoundFolder
    digests: Dict[str, str]
    pending: List[str]


def read_mel_config(path: Path) -> LogMelConfig:
    """Read the settings of the log-mel spectrograms.

    Args:
        path: YAML file as ``LogMelConfig.to_dict`` gives it.

    Raises:
        ProbeError: If it is missing or holds something else.
    """
    expected = "the settings of the log-mel spectrograms as YAML"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProbeError(f"{path}: {error.strerror}; expected {expected}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProbeError(f"{path} is not YAML; expected {expected}") from error
    if not isinstance(values, dict):
        raise ProbeError(f"{path} holds {type(values).__name__}; expected {expected}")
    try:
        return LogMelConfig.from_dict(values)
    except TypeError as error:
        raise ProbeError(f"{path}: {error}; expected {expected}") from error


def read_lengths(path: Path) -> Dict[str, int]:
    """Read ``utt2num_samples``.

    Args:
        path: Lines of utterance and number of samples.

    Raises:
        ProbeError: If it is missing, or a number is not one.
    """
    table = read_full_table(path, "utterance and number of samples")
    for utt, value in table.items():
        if not value.isdecimal():
            raise ProbeError(f"{path}: {utt} has {value!r}, expected a whole number")
    return {utt: int(value) for utt, value in table.items()}


def choose(
    feats_scp: Path, lengths: Mapping[str, int], key_file: Optional[Path]
) -> List[str]:
    """Return the utterances to work on, in the order of the mels.

    Args:
        feats_scp: The table of mels.
        lengths: Samples of every utterance.
        key_file: Its first column has the utterances; None for all.

    Raises:
        ProbeError: If an utterance has no mels or no length.
    """
    keys = Feats(feats_scp).keys()
    if key_file is not None:
        wanted = read_table(key_file, "utterances")
        unknown = sorted(wanted.keys() - set(keys))
        if unknown:
            raise ProbeError(
                f"{key_file}: {len(unknown)} utterances, such as {unknown[0]}, are not "
                f"in {feats_scp}"
            )
        keys = [utt for utt in keys if utt in wanted]
    unknown = [utt for utt in keys if utt not in lengths]
    if unknown:
        raise ProbeError(
            f"{feats_scp}: {len(unknown)} utterances, such as {unknown[0]}, are not in "
            "utt2num_samples: is it that of another set?"
        )
    return keys


def describe(preset: str, vocoder: GriffinLim) -> Dict[str, Any]:
    """Return what a sound depends on beside its mels.

    Args:
        preset: Name of the vocoder's settings.
        vocoder: The vocoder.
    """
    return {
        "preset": preset,
        "vocoder": asdict(vocoder.config),
        "mel": vocoder.mel.to_dict(),
    }


def plan(
    feats_scp: Path,
    folder: SoundFolder,
    keys: Sequence[str],
    lengths: Mapping[str, int],
    mel: LogMelConfig,
    settings: Mapping[str, Any],
) -> Work:
    """Check the mels and find the sounds that have to be made.

    Args:
        feats_scp: The table of mels.
        folder: Where the sounds go.
        keys: The utterances of this job.
        lengths: Samples of every utterance.
        mel: Settings of the mels.
        settings: See :func:`describe`.

    Raises:
        ProbeError: If an utterance's mels cannot become a sound.
    """
    feats = Feats(feats_scp)
    # Not the name of the preset: only what it stands for makes another sound.
    relevant = {"vocoder": settings["vocoder"], "mel": settings["mel"]}
    work = Work(feats, folder, {}, [])
    for utt in keys:
        log_mel = feats[utt]
        try:
            check_log_mel(log_mel, lengths[utt], mel)
        except ProbeError as error:
            raise ProbeError(f"utterance {utt} ({feats_scp}): {error}") from error
        work.digests[utt] = input_digest(log_mel, lengths[utt], relevant)
        if folder.gain(utt, lengths[utt], work.digests[utt]) is None:
            work.pending.append(utt)
    return work


def make_sounds(
    works: Sequence[Work], lengths: Mapping[str, int], vocoder: GriffinLim
) -> int:
    """Make the sounds that are missing.

    Args:
        works: The folders.
        lengths: Samples of every utterance.
        vocoder: The vocoder.

    Returns:
        How many of the sounds made were scaled down to fit into 16 bits.

    Raises:
        ProbeError: If an utterance's mels are too large for a sound.
    """
    scaled = 0
    todo = [(work, utt) for work in works for utt in work.pending]
    for work, utt in tqdm(todo, desc="vocode", unit="utt", disable=not todo):
        try:
            sound = vocoder(work.feats[utt], lengths[utt])
        except ProbeError as error:
            raise ProbeError(f"utterance {utt} ({work.feats.path}): {error}") from error
        work.folder.write(utt, sound.waveform, sound.gain, work.digests[utt])
        scaled += sound.gain < 1.0
    return scaled


def finish(work: Work, lengths: Mapping[str, int], config: Mapping[str, Any]) -> None:
    """Write ``vocode.csv``, ``vocode.json`` and then ``wav.scp`` of a folder.

    Args:
        work: The folder; all its sounds are there.
        lengths: Samples of every utterance.
        config: How the sounds were made.

    Raises:
        ProbeError: If a sound is not there any more.
    """
    gains: Dict[str, float] = {}
    for utt, digest in work.digests.items():
        gain = work.folder.gain(utt, lengths[utt], digest)
        if gain is None:
            raise ProbeError(
                f"{work.folder.path(utt)} has vanished or changed meanwhile: is "
                "another job writing to this folder?"
            )
        gains[utt] = gain
    directory = work.folder.directory
    rows = [(utt, lengths[utt], f"{gain:.9g}") for utt, gain in gains.items()]
    write_csv(directory / "vocode.csv", ("utt_id", "num_samples", "gain"), rows)
    scaled = {utt: gain for utt, gain in gains.items() if gain < 1.0}
    totals = {
        "utterances": len(gains),
        "seconds": sum(lengths[utt] for utt in gains) / work.folder.fs,
        "scaled_down": len(scaled),
        "smallest_gain": min(gains.values(), default=1.0),
        "config": dict(config),
        "versions": versions("torch", "torchaudio", "numpy", "scipy", "soundfile"),
    }
    write_json(directory / "vocode.json", totals)
    # Last: it says that the folder is complete.
    work.folder.write_scp(list(gains))
