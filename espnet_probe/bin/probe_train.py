"""Train the probes of all chosen layers in one run, with ESPnet's trainer."""

import argparse
import sys
from typing import Optional, Sequence

from espnet_probe.bin.cli import run


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's training parser with the options of the probe task."""
    from espnet_probe.tasks.probe import ProbeTask

    parser: argparse.ArgumentParser = ProbeTask.get_parser()
    parser.description = __doc__
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Train.

    Args:
        cmd: The arguments; by default those of the command line. For example
            ``--upstream_exp exp/asr_blstm --train_data_path_and_name_and_type
            dump/raw/train/wav.scp,speech,sound ... --output_dir exp/probe``.

    Raises:
        ProbeError: If the upstream or the data do not do.
    """
    from espnet_probe.tasks.probe import ProbeTask

    ProbeTask.main(cmd=cmd)


if __name__ == "__main__":
    sys.exit(run(main))
