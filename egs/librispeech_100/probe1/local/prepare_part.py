#!/usr/bin/env python3
"""Write the data folder of one part of LibriSpeech.

As in ESPnet's recipe, an utterance's speaker is its reader *and chapter*. For
speaker verification a speaker is a person, so utt2reader gives the reader: the
first part of ``READER-CHAPTER-NUMBER``. The FLAC files are named in wav.scp as
they are; the program ``flac`` is not needed.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Dict

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

UTTERANCE = re.compile(r"([0-9]+)-([0-9]+)-[0-9]+")


def read_transcripts(part: Path) -> Dict[str, str]:
    """Read all ``READER-CHAPTER.trans.txt`` of a part.

    Raises:
        ProbeError: If there are none, or a line's utterance id is malformed.
    """
    transcripts: Dict[str, str] = {}
    for path in sorted(part.glob("*/*/*.trans.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            utt, _, text = line.strip().partition(" ")
            if not UTTERANCE.fullmatch(utt) or not text:
                raise ProbeError(f"{path}: expected 'READER-CHAPTER-N TEXT': {line}")
            transcripts[utt] = text
    if not transcripts:
        raise ProbeError(
            f"{part} has no READER/CHAPTER/*.trans.txt: point LIBRISPEECH at the "
            "folder 'LibriSpeech' that holds the parts"
        )
    return transcripts


def prepare(part: Path, output_dir: Path) -> int:
    """Write wav.scp, text, utt2spk and utt2reader, sorted in C order.

    Returns:
        The number of utterances.

    Raises:
        ProbeError: If audio and transcripts do not belong to each other.
    """
    text = read_transcripts(part)
    audio = {path.stem: path for path in part.glob("*/*/*.flac")}
    odd = sorted(set(text) ^ set(audio))
    if odd:
        raise ProbeError(
            f"{part}: {len(odd)} utterances have only audio or only a transcript "
            f"(the first is {odd[0]}): is the part unpacked completely?"
        )
    tables: Dict[str, Dict[str, str]] = {
        "wav.scp": {utt: str(path.resolve()) for utt, path in audio.items()},
        "text": text,
        "utt2spk": {utt: utt.rpartition("-")[0] for utt in text},
        "utt2reader": {utt: utt.partition("-")[0] for utt in text},
    }
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        temporary = output_dir / f".{name}.tmp"
        lines = [f"{utt} {rows[utt]}\n" for utt in sorted(rows)]
        temporary.write_text("".join(lines), encoding="utf-8")
        os.replace(temporary, output_dir / name)
    return len(text)


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Write the data folder of one part of LibriSpeech.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--part", type=Path, required=True, help="train-clean-100, …")
    parser.add_argument("--output_dir", type=Path, required=True, help="data folder")
    return parser


def main() -> None:
    """Run the command."""
    args = get_parser().parse_args()
    count = prepare(args.part, args.output_dir)
    print(f"{args.output_dir}: {count} utterances")


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
