"""Check that speaker embedders can be had, before hours of work that end in them."""

import argparse
import sys
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Check names, folders, weights and packages of speaker embedders, "
        "without loading a model, and print what files and tables call each, "
        "a line each, in the order given.",
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
        ProbeError: If one cannot be had, with what is missing, or two have one name.
    """
    args = get_parser().parse_args(cmd)
    from espnet_probe.speakers.spec import check_spec

    labels = [check_spec(text).label for text in args.embedder]
    for label in labels:
        if labels.count(label) > 1:
            raise ProbeError(
                f"got {' '.join(args.embedder)}: two of them would be called {label}; "
                "leave one out, or give one of the folders another name"
            )
    print("\n".join(labels))


if __name__ == "__main__":
    sys.exit(run(main))
