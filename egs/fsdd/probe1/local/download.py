#!/usr/bin/env python3
"""Download the Free Spoken Digit Dataset, release 1.0.10, from GitHub.

GitHub builds the archive of a tag on demand and does not promise its bytes, so
there is no checksum to compare with. What is checked is the content: 3000 mono
recordings at 8 kHz, 6 speakers x 10 digits x 50 takes.
"""

import argparse
import re
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import soundfile
from tqdm import tqdm

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

URL = (
    "https://github.com/Jakobovski/free-spoken-digit-dataset"
    "/archive/refs/tags/v1.0.10.tar.gz"
)
RECORDING = re.compile(r"[0-9]_([a-z]+)_([0-9]+)\.wav")
NUM_SPEAKERS, NUM_DIGITS, NUM_TAKES, SAMPLING_RATE = 6, 10, 50, 8000


def fetch(url: str, path: Path) -> None:
    """Download a file, with a progress bar.

    Raises:
        ProbeError: If the server cannot be reached or breaks off.
    """
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, path.open("wb") as out:
            total = int(answer.headers.get("Content-Length") or 0) or None
            with tqdm(total=total, unit="B", unit_scale=True, desc="FSDD") as bar:
                while block := answer.read(1 << 16):
                    out.write(block)
                    bar.update(len(block))
    except (urllib.error.URLError, OSError) as error:
        raise ProbeError(
            f"cannot download {url}: {error}; download it elsewhere, unpack it and "
            "set FSDD to the folder that holds 'recordings'"
        ) from error


def extract_recordings(archive: Path, folder: Path) -> None:
    """Take the recordings out of the archive, and nothing else.

    Only the last part of a member's name is used, so no member can be written
    outside the folder; links and other special members are passed over.

    Raises:
        ProbeError: If the archive is damaged.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = Path(member.name)
                wanted = path.parent.name == "recordings"
                if not wanted or not RECORDING.fullmatch(path.name):
                    continue
                source = tar.extractfile(member) if member.isfile() else None
                if source is not None:
                    with source, (folder / path.name).open("wb") as out:
                        shutil.copyfileobj(source, out)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ProbeError(f"{archive.name} is damaged ({error}): try again") from error


def check(folder: Path) -> None:
    """Check that the corpus is complete.

    Raises:
        ProbeError: If recordings are missing or have another format.
    """
    takes: Counter[str] = Counter()
    for path in folder.iterdir():
        match = RECORDING.fullmatch(path.name)
        if match is None:
            continue
        info = soundfile.info(path)
        if info.samplerate != SAMPLING_RATE or info.channels != 1 or not info.frames:
            raise ProbeError(f"{path.name}: expected mono audio at {SAMPLING_RATE} Hz")
        takes[match[1]] += 1
    if list(takes.values()) != [NUM_DIGITS * NUM_TAKES] * NUM_SPEAKERS:
        raise ProbeError(
            f"expected {NUM_SPEAKERS} speakers with {NUM_DIGITS * NUM_TAKES} "
            f"recordings each, got {dict(takes)}: the release has changed"
        )


def download(url: str, output_dir: Path) -> None:
    """Leave the corpus in ``output_dir/recordings``, complete or not at all."""
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_dir) as temporary:
        archive = Path(temporary) / "fsdd.tar.gz"
        fetch(url, archive)
        extract_recordings(archive, Path(temporary) / "recordings")
        check(Path(temporary) / "recordings")
        (Path(temporary) / "recordings").rename(output_dir / "recordings")


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Download the Free Spoken Digit Dataset.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="output")
    parser.add_argument("--url", default=URL, help="archive, .tar.gz")
    return parser


def main() -> None:
    """Run the command."""
    args = get_parser().parse_args()
    download(args.url, args.output_dir)


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
