"""Check ``--trials_args`` of probe.sh, before hours of work that end in the trials."""

import argparse
import sys
from typing import NoReturn, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.bin.make_trials import add_ways
from espnet_probe.errors import ProbeError


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the options."""
        raise ProbeError(
            f"--trials_args: {message}; expected --gender FILE, --balanced or "
            "--at_most (the number of trials and the seed have options of their own, "
            "--num_pairs and --seed)"
        )


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = _Parser(
        description="Check options of make_trials that say which pairs are drawn; "
        "print the file of --gender, if it is given.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_ways(parser)
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If an option is none of these, or the file of genders is there and
            has other lines than it should.
    """
    args = get_parser().parse_args(cmd)
    if args.gender is None:
        return
    if args.gender.is_file():
        from espnet_probe.bin.score_files import read_full_table

        read_full_table(args.gender, "speaker (or utterance) and gender")
    print(args.gender)


if __name__ == "__main__":
    sys.exit(run(main))
