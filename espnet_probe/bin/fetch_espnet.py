"""Provide ESPnet's recipe tree: a link to a checkout, or the source distribution."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.recipe_tree import provide_tree


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Make TOOLS_DIR/espnet a link to ESPnet's recipe tree: to a "
        "checkout, or to the source distribution of the installed ESPnet, which pip "
        "downloads (36 MB). Nothing is done if the tree is there already.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--tools_dir", type=Path, default=Path("tools"), help="folder for the tree"
    )
    parser.add_argument(
        "--espnet_root",
        default=os.environ.get("ESPNET_ROOT", ""),
        help="a checkout of ESPnet to use; by default that of $ESPNET_ROOT",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the checkout is incomplete, or the tree cannot be fetched.
    """
    args = get_parser().parse_args(cmd)
    link = provide_tree(args.tools_dir, args.espnet_root)
    logging.info("ESPnet's recipe tree: %s -> %s", link, link.resolve())


if __name__ == "__main__":
    sys.exit(run(main))
