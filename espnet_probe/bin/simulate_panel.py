"""Let simulated listeners answer a listening test, to try it before people do."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Dict, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Write answer files of simulated listeners, each of whom answers "
        "one sheet. Every file says that it is simulated; score_listening_test scores "
        "such files with --simulated only. Prints the error rates that were put in.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--key", type=Path, required=True, help="the key that make_listening_test wrote"
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="gets a file per listener"
    )
    parser.add_argument(
        "--num_listeners", type=int, default=20, help="the sheets are given in turn"
    )
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--error_rates",
        nargs="+",
        metavar="LAYER=RATE",
        help="how often they are wrong, 0 to 1, of each layer: cnn1=0.02 blstm1=0.2",
    )
    how.add_argument(
        "--embedder", help="go by the scores of this embedder, with --noise"
    )
    parser.add_argument(
        "--noise",
        type=float,
        default=0.1,
        help="standard deviation of the noise added to each of the embedder's scores",
    )
    parser.add_argument(
        "--attention_error",
        type=float,
        default=0.02,
        help="how often they fail an attention check, 0 to 1",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    return parser


def parse_rates(texts: Sequence[str]) -> Dict[str, float]:
    """Read error rates by layer.

    Args:
        texts: Such as ``blstm1=0.2``.

    Raises:
        ProbeError: If one is no such text, or a layer is given twice.
    """
    found: Dict[str, float] = {}
    for text in texts:
        layer, _, number = text.partition("=")
        try:
            rate = float(number)
        except ValueError:
            rate = math.nan
        if not layer or not 0.0 <= rate <= 1.0 or layer in found:
            raise ProbeError(
                f"--error_rates: got {text!r}, expected each layer once with a rate "
                "from 0 to 1, such as blstm1=0.2"
            )
        found[layer] = rate
    return found


def remove_earlier(folder: Path, names: Sequence[str]) -> None:
    """Remove answers of an earlier panel, which would be scored with the new ones.

    Args:
        folder: Where the new ones go.
        names: Theirs; files of these names are replaced anyway.
    """
    for path in folder.glob("simulated_*_sheet_*.json"):
        if path.name in names:
            continue
        try:
            simulated = bool(json.loads(path.read_bytes())["simulated"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if simulated:
            path.unlink()


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the key is missing or broken, or the panel does not fit it.
    """
    args = get_parser().parse_args(cmd)
    if args.num_listeners < 1:
        raise ProbeError(f"--num_listeners: got {args.num_listeners}, expected >= 1")
    if not 0.0 <= args.noise < math.inf:
        raise ProbeError(f"--noise: got {args.noise}, expected 0 or more")
    if not 0.0 <= args.attention_error <= 1.0:
        raise ProbeError(
            f"--attention_error: got {args.attention_error}, expected 0 to 1"
        )
    from espnet_probe.bin import score_files
    from espnet_probe.listening.key_format import read_key
    from espnet_probe.listening.panel import Panel, expected_errors, simulate

    score_files.check_output(args.output_dir)
    key = read_key(args.key)
    rates = parse_rates(args.error_rates or ())
    panel = Panel(rates, args.embedder, args.noise, args.attention_error)
    answers = simulate(key, panel, args.num_listeners, args.seed)
    names = [
        f"simulated_{number:03d}_sheet_{one.sheet}.json"
        for number, one in enumerate(answers, start=1)
    ]
    remove_earlier(args.output_dir, names)
    for name, one in zip(names, answers):
        with score_files.written_whole(args.output_dir / name) as part:
            part.write_text(one.text(), encoding="utf-8")
    print(f"{len(answers)} simulated listeners: {panel.title}")
    put_in = expected_errors(key, panel, [one.sheet for one in answers])
    for place, rate in put_in.items():
        print(f"{', '.join(place)}: {rate:.2f} % put in")
    print(args.output_dir)


if __name__ == "__main__":
    sys.exit(run(main))
