"""Check the paper's claims on the results of a study, or on a published table."""

import argparse
import math
import shlex
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.bin.max_wer import read_max_wer
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="State for each of the paper's claims whether it holds, does not "
        "hold, or cannot be decided with these data. Prints the answers, and writes "
        "claims.md and claims.json with every comparison. See docs/claims.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--model",
        nargs="+",
        action="extend",
        metavar="ARCHITECTURE:TRAINING=DIR",
        help="probe experiments, such as vgg_blstm:robust=exp/probe_asr_vgg_noisy; "
        "the training is baseline or robust",
    )
    given.add_argument(
        "--table",
        type=Path,
        help="a CSV table instead: model, training, condition, layer, eer_percent …",
    )
    parser.add_argument(
        "--as_printed",
        action="store_true",
        help="take the table's values as exact but for their rounding",
    )
    parser.add_argument("--set", help="the clean test set, if there are several")
    parser.add_argument("--inference_tag", help="which reconstruct_<tag>")
    parser.add_argument(
        "--decoding",
        help="whose word error rates count: a folder in each recogniser's experiment, "
        "such as decode_asr_model_valid.acc.ave; without it one of the probed weights",
    )
    parser.add_argument(
        "--conditions",
        nargs="+",
        metavar="CONDITION",
        help="the conditions to compare, such as clean snr20 snr10; without it all "
        "that have results",
    )
    parser.add_argument(
        "--layers",
        choices=("paper", "all"),
        default="paper",
        help="the layers that the paper probes, if all are there, or all that are",
    )
    parser.add_argument(
        "--max_wer",
        default="30",
        help="percent; a model above it, or of unknown word error rate, decides "
        "nothing; 'none' takes every model",
    )
    parser.add_argument(
        "--alike",
        type=float,
        default=3.0,
        help="EERs on clean input within so many points are alike (claim 3)",
    )
    parser.add_argument("--num_bootstrap", type=int, default=1000, help="of speakers")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--output_dir", type=Path, default=Path("."), help="gets claims.md, claims.json"
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If results are missing or do not belong together.
    """
    arguments = list(sys.argv[1:] if cmd is None else cmd)
    args = get_parser().parse_args(arguments)
    max_wer = read_max_wer(args.max_wer)
    if not 0 < args.alike < math.inf:
        raise ProbeError(f"--alike: got {args.alike}, expected more than 0 points")
    if args.num_bootstrap < 100:
        raise ProbeError(f"--num_bootstrap: got {args.num_bootstrap}, expected >= 100")
    if args.as_printed and args.table is None:
        raise ProbeError("--as_printed is for --table; results have intervals")
    if args.conditions and args.table is not None:
        raise ProbeError("--conditions is for --model; a table has its own")
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    score_files.check_output(args.output_dir)
    from espnet_probe.scores.claims import check_claims
    from espnet_probe.study import claim_text
    from espnet_probe.study.published import read_table
    from espnet_probe.study.study import parse_model, read_study

    if args.table is not None:
        study = read_table(args.table, args.as_printed)
    else:
        study = read_study(
            [parse_model(text) for text in args.model],
            test_set=args.set,
            inference_tag=args.inference_tag,
            paper_layers=args.layers == "paper",
            max_wer=max_wer,
            num_draws=args.num_bootstrap,
            seed=args.seed,
            conditions=args.conditions,
            decoding=args.decoding,
        )
    claims = check_claims(study.table, args.alike)
    command = f"python -m espnet_probe.bin.check_claims {shlex.join(arguments)}"
    with score_files.written_whole(args.output_dir / "claims.md") as part:
        text = claim_text.markdown(claims, study, command)
        part.write_text(text, encoding="utf-8")
    content = claim_text.as_dict(claims, study)
    content["config"] = {
        "command": command,
        "alike": args.alike,
        "max_wer": max_wer,
        "bootstrap": {"samples": args.num_bootstrap, "seed": args.seed},
    }
    content["versions"] = score_files.versions("numpy", "scipy")
    score_files.write_json(args.output_dir / "claims.json", content)
    print(claim_text.plain(claims, study))
    print(args.output_dir / "claims.md")


if __name__ == "__main__":
    sys.exit(run(main))
