"""List the layers of a trained ASR model that can be probed."""

import argparse
import json
import sys
from pathlib import Path
from typing import List, Optional, Sequence

from espnet_probe.bin.cli import run


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--upstream_exp", required=True, help="folder of the model, with config.yaml"
    )
    parser.add_argument(
        "--upstream_model", default=None, help="file name of its weights there"
    )
    parser.add_argument("--layers", default="*", help="names and globs to list")
    parser.add_argument("--json", default=None, help="also write the list to this file")
    return parser


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as aligned columns.

    Args:
        rows: The first one is the header.
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines: List[str] = []
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Print name, width, stride, frame shift and tapped module of each layer.

    Args:
        cmd: The arguments; by default those of the command line.

    Raises:
        ProbeError: If the model cannot be loaded or a name is unknown.
    """
    args = get_parser().parse_args(cmd)

    from espnet_probe.bin.score_files import written_whole
    from espnet_probe.upstream import Upstream

    upstream = Upstream.from_exp(args.upstream_exp, args.upstream_model)
    layers = upstream.select(args.layers)
    rows = [("layer", "width", "stride", "shift [ms]", "batch-independent", "tap")]
    for layer in layers:
        rows.append(
            (
                layer.name,
                str(layer.width),
                str(layer.stride),
                f"{layer.frame_shift * 1000:g}",
                "yes" if layer.batch_independent else "no",
                layer.tap,
            )
        )
    print(f"{upstream.origin}  {upstream.fs} Hz  sha256 {upstream.hash[:16]}")
    print(table(rows))
    if args.json:
        content = json.dumps([layer.to_dict() for layer in layers], indent=2)
        with written_whole(Path(args.json)) as part:
            part.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(main))
