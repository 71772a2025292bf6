#!/usr/bin/env python3
"""Generate a few room impulse responses: a direct sound, and a tail that decays.

The tail is noise that falls by 60 dB within the reverberation time, 0.2 to 0.6 s; the
distance decides how much weaker it is than the direct sound. They are rooms enough to
augment a small training with, and no measurements.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile

from espnet_probe.bin.cli import run
from espnet_probe.bin.score_files import written_whole

FS = 16000


def room(seed: int, number: int) -> np.ndarray:
    """Return one impulse response, (samples,), with a peak of 0.9 in sample 0."""
    rng = np.random.default_rng([seed, number])
    seconds = rng.uniform(0.2, 0.6)
    times = np.arange(round(FS * seconds)) / FS
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    # Nothing is reflected in the first milliseconds.
    tail[: round(FS * rng.uniform(0.002, 0.01))] = 0.0
    tail *= rng.uniform(0.3, 1.0) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(0.9 * tail / np.abs(tail).max())


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description="Generate room impulse responses.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="folder")
    parser.add_argument("--scp", type=Path, required=True, help="their table")
    parser.add_argument("--rooms", type=int, default=8, help="number of files")
    parser.add_argument("--seed", type=int, default=0, help="decides all of them")
    args = parser.parse_args()
    lines = []
    for number in range(args.rooms):
        name = f"room-{args.seed}-{number:03d}"
        path = args.output_dir / f"{name}.wav"
        with written_whole(path) as part:
            soundfile.write(part, room(args.seed, number), FS, "PCM_16", format="WAV")
        lines.append(f"{name} {path}\n")
    with written_whole(args.scp) as part:
        part.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
