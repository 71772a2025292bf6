#!/usr/bin/env python3
"""Write the data folders of mini_an4.

AN4's test part in ESPnet's tree has one utterance of each of two speakers. Speaker
verification needs two of each, so both are cut in the middle, and the words with them;
what a half says is therefore not exact. This serves to try the stages, no more.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

import soundfile

from espnet_probe.bin.cli import run
from espnet_probe.bin.score_files import written_whole
from espnet_probe.errors import ProbeError

#: Folder of the sounds by part.
SOUNDS = {"train": "an4_clstk", "test": "an4test_clstk"}
LINE = re.compile(r"(?:<s> )?(?P<words>.+?)(?: </s>)? \((?P<id>\w+-\w+-\w+)\)")


class Utterance(NamedTuple):
    """An utterance of AN4."""

    utt: str
    speaker: str
    words: List[str]
    sound: Path


def read_part(an4: Path, part: str) -> List[Utterance]:
    """Read the transcription of a part.

    Args:
        an4: The corpus.
        part: "train" or "test".

    Raises:
        ProbeError: If the transcription or a sound is missing or malformed.
    """
    path = an4 / "etc" / f"an4_{part}.transcription"
    if not path.is_file():
        raise ProbeError(f"no {path}: expected the folder an4 of ESPnet's mini_an4")
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise ProbeError(f"{path}: expected 'WORDS (a-speaker-b)', got '{line}'")
        first, speaker, last = match["id"].split("-")
        sound = an4 / "wav" / SOUNDS[part] / speaker / f"{match['id']}.sph"
        if not sound.is_file():
            raise ProbeError(f"no {sound}, which {path} names")
        utt = f"{speaker}-{first}-{last}"
        found.append(Utterance(utt, speaker, match["words"].split(), sound))
    return sorted(found)


def write_set(folder: Path, utterances: List[Utterance], pieces: int) -> None:
    """Write a data folder and its sounds, each cut into equal pieces."""
    tables: Dict[str, List[str]] = {"wav.scp": [], "text": [], "utt2spk": []}
    for one in utterances:
        samples, rate = soundfile.read(one.sound, dtype="int16")
        for piece in range(pieces):
            utt = one.utt if pieces == 1 else f"{one.utt}-{piece}"
            start, stop = (len(samples) * (piece + i) // pieces for i in (0, 1))
            first, last = (len(one.words) * (piece + i) // pieces for i in (0, 1))
            path = folder / "wav" / f"{utt}.flac"
            with written_whole(path) as part:
                soundfile.write(part, samples[start:stop], rate, format="FLAC")
            tables["wav.scp"].append(f"{utt} {path}")
            tables["text"].append(f"{utt} {' '.join(one.words[first:last])}")
            tables["utt2spk"].append(f"{utt} {one.speaker}")
    # The list of sounds comes last.
    for name in ("text", "utt2spk", "wav.scp"):
        with written_whole(folder / name) as part:
            part.write_text("".join(f"{line}\n" for line in sorted(tables[name])))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write mini_an4's data folders.")
    parser.add_argument("--an4", type=Path, required=True, help="the corpus")
    parser.add_argument("--output_dir", type=Path, required=True, help="data")
    args = parser.parse_args()
    training, test = (read_part(args.an4, part) for part in ("train", "test"))
    # As in ESPnet's recipe, the first utterance is the validation set.
    write_set(args.output_dir / "dev", training[:1], 1)
    write_set(args.output_dir / "train", training[1:], 1)
    write_set(args.output_dir / "test", test, 2)


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
