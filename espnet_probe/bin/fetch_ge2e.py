"""Fetch the weights of the GE2E speaker encoder."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.ge2e_weights import (
    check_hash,
    default_path,
    extract_weights,
    fetch_weights,
)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Fetch the weights of the GE2E speaker encoder: pip downloads the "
        "wheel of resemblyzer 0.1.4 (Apache-2.0, 16 MB), one file is taken out of it "
        "and its SHA-256 checked. Nothing is done if the file is there already.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write; by default ge2e/pretrained.pt in $ESPNET_PROBE_CACHE; "
        "where that is not set, in tools/cache of the checkout or, for an installed "
        "package, in ~/.cache/espnet_probe",
    )
    parser.add_argument(
        "--wheel",
        type=Path,
        help="take the weights out of this wheel instead of downloading one",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the weights cannot be had or are not the expected ones.
    """
    args = get_parser().parse_args(cmd)
    path: Path = args.output or default_path()
    if path.is_file():
        check_hash(path)
        logging.info("%s is there already", path)
        return
    if args.wheel is None:
        logging.info("downloading the wheel of resemblyzer (16 MB)")
        fetch_weights(path)
    elif args.wheel.is_file():
        extract_weights(args.wheel, path)
    else:
        raise ProbeError(f"no wheel at {args.wheel}: expected a file")
    logging.info("wrote %s", path)


if __name__ == "__main__":
    sys.exit(run(main))
