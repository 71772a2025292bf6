"""Check that speaker embedders can be had, before hours of work that end in them."""

import argparse
import sys
from typing import Optional, Sequence

from espnet_probe.bin.cli import run


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Check names, folders, weights and packages of speaker embedders, "
        "without loading a model, and print what files and tables call each.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "embedder",
        nargs="+",
        help="ge2e, thin_resnet:DIR, espnet:DIR_OR_TAG or speechbrain:DIR_OR_NAME",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If one cannot be had; the message says what is missing.
    """
    args = get_parser().parse_args(cmd)
    from espnet_probe.speakers.spec import check_spec

    for text in args.embedder:
        print(check_spec(text).label)


if __name__ == "__main__":
    sys.exit(run(main))
