#!/usr/bin/env python3
"""Make strings of spoken digits from the single takes of FSDD.

A take of the Free Spoken Digit Dataset lasts 0.4 s, too short for STOI, PESQ or
a speaker embedding. Here 3-6 takes of one speaker follow each other, with short
pauses, in one utterance. The official split is by take: 0-4 are for test, 5-49
for training, of which 5-9 are held out for development here.

Every pass over a set deals each take once, so the test set with its single pass
holds each official test recording exactly once: its word error rate is that of
the official test set, and no verification trial compares a recording with itself.
"""

import argparse
import hashlib
import os
import random
import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import soundfile
from scipy.signal import resample_poly
from tqdm import tqdm

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

WORDS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()

#: First and last take of each set; 0-4 is the corpus's own test set.
TAKES: Dict[str, Tuple[int, int]] = {"train": (10, 49), "dev": (5, 9), "test": (0, 4)}

SOURCE_RATE = 8000
TARGET_RATE = 16000

#: Digits in a string.
SHORTEST, LONGEST = 3, 6

#: Seconds of silence before, between and behind the digits.
PAUSE = (0.03, 0.15)

#: RMS of the noise under the whole string, -70 dB of full scale. The pauses
#: would otherwise be digital zeros, which no recording has.
NOISE_RMS = 10 ** (-70 / 20)

#: Seconds over which a take fades in and out, so that a cut makes no click.
FADE = 0.004


class Take(NamedTuple):
    """One recording: ``{digit}_{speaker}_{number}.wav``."""

    path: Path
    digit: int
    speaker: str
    number: int


def find_takes(recordings: Path) -> List[Take]:
    """List the recordings in a folder, sorted by speaker, digit and take.

    Raises:
        ProbeError: If the folder holds none.
    """
    takes = []
    for path in recordings.glob("*.wav"):
        match = re.fullmatch(r"([0-9])_([A-Za-z]+)_([0-9]+)", path.stem)
        if match:
            digit, speaker, number = match.groups()
            takes.append(Take(path, int(digit), speaker, int(number)))
    if not takes:
        raise ProbeError(
            f"no recordings named DIGIT_SPEAKER_TAKE.wav in {recordings}: "
            "point FSDD at the folder that holds 'recordings'"
        )
    return sorted(takes, key=lambda take: (take.speaker, take.digit, take.number))


def cut(takes: Sequence[Take], rng: random.Random) -> List[List[Take]]:
    """Cut a shuffled deck into strings of 3-6 takes; nothing is left over."""
    deck = list(takes)
    rng.shuffle(deck)
    strings = []
    while deck:
        sizes = [
            size
            for size in range(SHORTEST, LONGEST + 1)
            if len(deck) == size or len(deck) - size >= SHORTEST
        ]
        size = rng.choice(sizes) if sizes else len(deck)
        strings.append(deck[:size])
        deck = deck[size:]
    return strings


def read_take(path: Path) -> np.ndarray:
    """Read a take at 8 kHz without its offset, faded at both ends.

    Raises:
        ProbeError: If the file has another rate, or more than one channel.
    """
    samples, rate = soundfile.read(path, dtype="float64")
    if rate != SOURCE_RATE or samples.ndim != 1 or not len(samples):
        raise ProbeError(f"{path}: expected mono audio at {SOURCE_RATE} Hz, got {rate}")
    # One speaker's takes have a constant offset, a step wherever a pause begins.
    samples = samples - samples.mean()
    ramp = np.linspace(0.0, 1.0, int(FADE * SOURCE_RATE))[: len(samples)]
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    return np.asarray(samples)


def join(takes: Sequence[Take], seed: str) -> np.ndarray:
    """Return the waveform of a string at 16 kHz.

    Args:
        takes: What is said.
        seed: Decides pauses and noise.
    """
    rng = random.Random(seed)
    parts = [np.zeros(int(rng.uniform(*PAUSE) * SOURCE_RATE))]
    for take in takes:
        parts.append(read_take(take.path))
        parts.append(np.zeros(int(rng.uniform(*PAUSE) * SOURCE_RATE)))
    speech = resample_poly(np.concatenate(parts), TARGET_RATE // SOURCE_RATE, 1)
    noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(len(speech))
    return np.asarray(np.clip(speech + NOISE_RMS * noise, -1.0, 1.0 - 2**-15))


def file_name(utt: str, takes: Sequence[Take], seed: int) -> str:
    """Name an audio file; the digest keeps old audio from answering new settings."""
    said = " ".join(take.path.name for take in takes)
    return f"{utt}_{hashlib.sha256(f'{seed} {said}'.encode()).hexdigest()[:8]}.flac"


def write_audio(path: Path, samples: np.ndarray) -> None:
    """Write 16-bit FLAC under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.tmp")
    soundfile.write(temporary, samples, TARGET_RATE, "PCM_16", format="FLAC")
    os.replace(temporary, path)


def write_table(path: Path, rows: Dict[str, str]) -> None:
    """Write ``key value`` lines in C order under a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.tmp")
    lines = [f"{key} {rows[key]}\n" for key in sorted(rows)]
    temporary.write_text("".join(lines), encoding="utf-8")
    os.replace(temporary, path)


def make_set(
    name: str,
    takes: Sequence[Take],
    passes: int,
    seed: int,
    data_dir: Path,
    audio_dir: Path,
) -> int:
    """Write one data folder and its audio; audio that exists is kept.

    Returns:
        The number of utterances.

    Raises:
        ProbeError: If a speaker has too few takes for one string.
    """
    first, last = TAKES[name]
    strings: Dict[str, List[Take]] = {}
    for speaker in sorted({take.speaker for take in takes}):
        own = [t for t in takes if t.speaker == speaker and first <= t.number <= last]
        if len(own) < SHORTEST:
            raise ProbeError(
                f"set {name}: {speaker} has {len(own)} recordings with take "
                f"{first}-{last}, expected at least {SHORTEST}: is FSDD complete?"
            )
        rng = random.Random(f"{seed}-{name}-{speaker}")
        cuts = [string for _ in range(passes) for string in cut(own, rng)]
        for index, string in enumerate(cuts):
            strings[f"{speaker}-{name}-{index:04d}"] = string
    (audio_dir / name).mkdir(parents=True, exist_ok=True)
    (data_dir / name).mkdir(parents=True, exist_ok=True)
    tables: Dict[str, Dict[str, str]] = {
        table: {} for table in ("wav.scp", "text", "utt2spk", "utt2reader")
    }
    for utt, string in tqdm(strings.items(), desc=name):
        path = audio_dir / name / file_name(utt, string, seed)
        if not path.exists():
            write_audio(path, join(string, f"{seed}-{utt}"))
        tables["wav.scp"][utt] = str(path)
        tables["text"][utt] = " ".join(WORDS[take.digit] for take in string)
        tables["utt2spk"][utt] = tables["utt2reader"][utt] = string[0].speaker
    for table, rows in tables.items():
        write_table(data_dir / name / table, rows)
    return len(strings)


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Make data folders of digit strings from FSDD's single takes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--recordings", type=Path, required=True, help="FSDD's wavs")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="output")
    parser.add_argument(
        "--audio_dir", type=Path, default=Path("data/audio"), help="output, audio"
    )
    parser.add_argument(
        "--train_passes", type=int, default=3, help="how often a training take is used"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed")
    return parser


def main() -> None:
    """Run the command."""
    args = get_parser().parse_args()
    takes = find_takes(args.recordings)
    for name in TAKES:
        passes = args.train_passes if name == "train" else 1
        make_set(name, takes, passes, args.seed, args.data_dir, args.audio_dir)


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
