"""Order a training set so that ESPnet's batches suit the GE2E loss."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Dict, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.speaker_groups import group_by_speaker


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Order a training set so that ESPnet's batches suit the GE2E loss: "
        "several utterances of each of several speakers. Run it after the stage of "
        "spk.sh that collects the shapes, with --output the shape file itself, and "
        "train with 'batch_type: unsorted' and the batch_size that is printed; what "
        "does not fill a batch is left out. Run it again with another seed for other "
        "batches.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--shape_file",
        type=Path,
        required=True,
        help="the utterances with their lengths, as <spk_stats_dir>/train/speech_shape",
    )
    parser.add_argument(
        "--utt2spk", type=Path, required=True, help="the training set's utt2spk"
    )
    parser.add_argument("--speakers", type=int, default=64, help="speakers of a batch")
    parser.add_argument(
        "--utterances", type=int, default=10, help="utterances of each speaker"
    )
    parser.add_argument("--seed", type=int, default=0, help="which come together")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    return parser


def read_columns(path: Path) -> Dict[str, str]:
    """Read a file of two columns.

    Args:
        path: Each line a name, a space, and the rest.

    Raises:
        ProbeError: If it cannot be read or a line has one column only.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ProbeError(f"cannot read {path}: {error.strerror}") from error
    columns: Dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split(maxsplit=1)
        if len(words) != 2:
            raise ProbeError(f"{path}, line {number}: expected two columns: {line!r}")
        columns[words[0]] = words[1]
    return columns


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If a file is not as expected or no batch can be made.
    """
    args = get_parser().parse_args(cmd)
    shapes = read_columns(args.shape_file)
    speakers = read_columns(args.utt2spk)
    missing = [name for name in shapes if name not in speakers]
    if missing:
        raise ProbeError(
            f"{args.utt2spk} lacks {len(missing)} of {len(shapes)} utterances of "
            f"{args.shape_file}, {missing[0]} among them: give that of the same set"
        )
    batches = group_by_speaker(
        {name: speakers[name] for name in shapes},
        args.speakers,
        args.utterances,
        args.seed,
    )
    size = args.speakers * args.utterances
    part = args.output.with_name(f".{args.output.name}.{os.getpid()}.part")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {shapes[name]}\n" for batch in batches for name in batch]
    part.write_text("".join(lines), encoding="utf-8")
    os.replace(part, args.output)
    logging.info(
        "wrote %s: %d batches of %d utterances (batch_size: %d), %d of %d utterances "
        "left out",
        args.output,
        len(batches),
        size,
        size,
        len(shapes) - len(batches) * size,
        len(shapes),
    )


if __name__ == "__main__":
    sys.exit(run(main))
