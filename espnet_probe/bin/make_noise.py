"""Make a folder of generated noise in MUSAN's layout, for ``mix_noise``.

For a study where no recorded noise is at hand::

    python3 -m espnet_probe.bin.make_noise --output_dir data/generated_noise

The files are synthetic: coloured noise with hum and knocks, chords of plucked strings,
voices that babble vowels. The same options and versions give the same bytes; what is
there already is left as it is. ``mix_noise`` keeps a quarter of them for the test.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

#: Longest file in seconds; MUSAN's longest music has some ten minutes.
LONGEST = 3600


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Make a folder of generated noise: music, noise and speech.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="folder to write"
    )
    parser.add_argument("--music", type=int, default=20, help="number of files")
    parser.add_argument("--noise", type=int, default=24, help="number of files")
    parser.add_argument("--speech", type=int, default=28, help="number of voices")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of a file")
    parser.add_argument("--fs", type=int, default=16000, help="sampling rate in Hz")
    parser.add_argument("--seed", type=int, default=0, help="decides all sounds")
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: The arguments; those of the process by default.

    Raises:
        ProbeError: If an option is out of its range.
    """
    args = get_parser().parse_args(cmd)
    counts = {"music": args.music, "noise": args.noise, "speech": args.speech}
    for name, count in counts.items():
        if count < 0:
            raise ProbeError(f"--{name} {count}: expected 0 or more files")
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    import soundfile

    from espnet_probe.noise.generated import generate

    if not 1 <= args.seconds <= LONGEST:
        raise ProbeError(f"--seconds {args.seconds:g}: expected from 1 to {LONGEST}")
    score_files.check_output(args.output_dir)
    made = 0
    for kind, count in counts.items():
        folder = args.output_dir / kind / "generated"
        for number in range(count):
            # The name says what decides the sound, so that no old file passes for it.
            name = f"{kind}-{args.seed}-{args.seconds:g}s-{args.fs}-{number:04d}.wav"
            if not (folder / name).is_file():
                sound = generate(kind, number, args.seconds, args.fs, args.seed)
                with score_files.written_whole(folder / name) as part:
                    soundfile.write(part, sound, args.fs, "PCM_16", format="WAV")
                made += 1
    logging.info("made %d files, %d were there", made, sum(counts.values()) - made)


if __name__ == "__main__":
    sys.exit(run(main))
