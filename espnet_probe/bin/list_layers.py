"""List the layers of a model that can be probed."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.upstream.choice import add_upstream_options, needed_choice

if TYPE_CHECKING:
    from espnet_probe.layers.layer import Layer
    from espnet_probe.upstream import Upstream


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    from espnet2.utils.types import str2bool

    parser = argparse.ArgumentParser(
        description="Print the layers of a model: name, width of a state, stride in "
        "frames of the target mel, milliseconds from one state to the next, whether "
        "a state stays the same in a padded batch, and the module that it is taken "
        "from.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_upstream_options(parser)
    parser.add_argument("--layers", default="*", help="names and globs to list")
    parser.add_argument(
        "--parts",
        type=str2bool,
        nargs="?",
        const=True,
        default=False,
        help="also list the parts of all blocks, such as block3-attention",
    )
    parser.add_argument(
        "--json", default=None, help="also write model and list to this file"
    )
    parser.add_argument(
        "--pinned_tag",
        default=None,
        help="also write to this file the --upstream_tag that goes on naming this "
        "model when it is published anew",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Print the model and its layers.

    Args:
        cmd: The arguments; by default those of the command line.

    Raises:
        ProbeError: If the model cannot be loaded or a name is unknown.
    """
    args = get_parser().parse_args(cmd)
    choice = needed_choice(args)

    from espnet_probe.layers.layer import Layers
    from espnet_probe.layers.selection import PART

    upstream = choice.load()
    chosen = {layer.name for layer in upstream.select(args.layers)}
    parts = [layer for layer in upstream.layers if PART in layer.name]
    if args.parts:
        chosen.update(layer.name for layer in parts)
    layers = [layer for layer in upstream.layers if layer.name in chosen]
    print(head(upstream))
    print(Layers(layers))
    if parts and not chosen.intersection(layer.name for layer in parts):
        print(
            f"There are also {len(parts)} parts of blocks, such as {parts[0].name}: "
            f"list them with --parts or --layers '*{PART}*'"
        )
    if args.json:
        _write(args.json, json.dumps(describe(upstream, layers), indent=2))
    if args.pinned_tag and choice.tag is not None:
        from espnet_probe.upstream.files import pinned_tag

        _write(args.pinned_tag, pinned_tag(choice.tag))


def _write(name: str, content: str) -> None:
    from espnet_probe.bin.score_files import written_whole

    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(content + "\n", encoding="utf-8")


def head(upstream: "Upstream") -> str:
    """Return the line about the model.

    Args:
        upstream: The model.
    """
    shift = 1000 * upstream.target.hop_length / upstream.fs
    return (
        f"{upstream.origin}  task {upstream.task}  {upstream.fs} Hz  target mel every "
        f"{shift:g} ms  sha256 {upstream.hash[:16]}"
    )


def describe(upstream: "Upstream", layers: Sequence["Layer"]) -> Dict[str, Any]:
    """Return what the JSON file holds.

    Args:
        upstream: The model.
        layers: The layers that were chosen.
    """
    return {
        "origin": upstream.origin,
        "task": upstream.task,
        "fs": upstream.fs,
        "hash": upstream.hash,
        "target": upstream.target.to_dict(),
        "layers": [layer.to_dict() for layer in layers],
    }


if __name__ == "__main__":
    sys.exit(run(main))
