"""The data of a probe training, looked at before any work starts.

ESPnet's loader finds a missing file late and with a traceback, and takes sound of any
sampling rate as it comes: probes would be trained on states of slowed-down speech.
"""

import argparse
import re
from pathlib import Path

import soundfile

from espnet_probe.errors import ProbeError


def check_data(args: argparse.Namespace, fs: int) -> None:
    """Refuse data that cannot be trained on.

    Args:
        args: Uses the data and shape files of training and validation.
        fs: Sampling rate of the upstream in Hz.

    Raises:
        ProbeError: If a file is missing or empty, or the sound has another rate.
    """
    for part in ("train", "valid"):
        data = getattr(args, f"{part}_data_path_and_name_and_type")
        shapes = getattr(args, f"{part}_shape_file")
        for path in [entry[0] for entry in data] + list(shapes):
            if not Path(path).is_file():
                raise ProbeError(f"{part} data: there is no file {path}")
            if Path(path).stat().st_size == 0:
                raise ProbeError(f"{part} data: {path} is empty: expected utterances")
        for path, name, kind in data:
            if (name, kind) == ("speech", "sound"):
                check_rate(Path(path), fs)


def check_rate(scp: Path, fs: int) -> None:
    """Refuse a set of another sampling rate.

    Args:
        scp: A ``wav.scp``. Its first sound is looked at: a formatted set has one rate.
        fs: The rate expected in Hz.

    Raises:
        ProbeError: If the rate is another one, or the file cannot be read.
    """
    with scp.open(encoding="utf-8") as lines:
        utt_id, _, path = next(lines).strip().partition(" ")
    # A command or an entry of an ark has no header to look at without running or
    # decoding it.
    if path.endswith("|") or re.search(r"\.ark:\d+$", path):
        return
    try:
        rate = soundfile.info(path.strip()).samplerate
    except (OSError, soundfile.SoundFileError) as error:
        raise ProbeError(
            f"utterance {utt_id} of {scp}: cannot read {path.strip()}: {error}"
        ) from error
    if rate != fs:
        raise ProbeError(
            f"utterance {utt_id} of {scp}: sampling rate is {rate} Hz, the upstream "
            f"needs {fs} Hz: format the audio with --fs {fs}"
        )
