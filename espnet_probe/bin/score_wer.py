"""Score recognised text: word error rate with its interval."""

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Compare recognised text with references, matched by utterance id. "
        "Writes wer.csv (counts per utterance) and wer.json (rate, 95 % interval, "
        "counts), and prints a table line.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--ref", type=Path, required=True, help="'utterance text' lines"
    )
    parser.add_argument(
        "--hyp", type=Path, required=True, help="'utterance text' lines"
    )
    parser.add_argument(
        "--utt2spk",
        type=Path,
        help="'utterance speaker' lines: bootstrap the interval over speakers; "
        "without, over utterances",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="folder for the scores"
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the utterances do not match, or there is nothing to score.
    """
    args = get_parser().parse_args(cmd)
    from espnet_probe.bin import score_files
    from espnet_probe.scores import recognition

    score_files.check_output(args.output_dir)
    expected = "utterance id and text"
    references = score_files.read_table(args.ref, expected)
    hypotheses = score_files.read_table(args.hyp, expected)
    recognition.validate(references, hypotheses)
    utts = sorted(references)
    speakers = None
    if args.utt2spk is not None:
        table = score_files.read_full_table(args.utt2spk, "utterance and speaker")
        unknown = [utt for utt in utts if utt not in table]
        if unknown:
            raise ProbeError(
                f"{args.utt2spk} lacks {len(unknown)} utterances, first {unknown[0]}"
            )
        speakers = [table[utt] for utt in utts]
    counts = [recognition.count_errors(references[u], hypotheses[u]) for u in utts]
    total = sum(counts, recognition.EditCounts())
    rate = recognition.error_rate(counts)
    interval = recognition.error_rate_interval(counts, speakers, seed=args.seed)
    summary: Dict[str, Any] = {
        "wer_percent": rate,
        "wer_percent_ci95": interval.as_list(),
        "words": total.units,
        "errors": total.errors,
        "substitutions": total.substitutions,
        "deletions": total.deletions,
        "insertions": total.insertions,
        "utterances": len(utts),
        "bootstrap": {
            "over": "utterances" if speakers is None else "speakers",
            "seed": args.seed,
        },
        "config": {"ref": str(args.ref), "hyp": str(args.hyp)},
        "versions": score_files.versions("jiwer", "numpy"),
    }
    if interval.reason is not None:
        summary["reason"] = interval.reason
    header = ("utt_id", "words", "errors", "substitutions", "deletions", "insertions")
    rows = (
        (utt, c.units, c.errors, c.substitutions, c.deletions, c.insertions)
        for utt, c in zip(utts, counts)
    )
    score_files.write_csv(args.output_dir / "wer.csv", header, rows)
    score_files.write_json(args.output_dir / "wer.json", summary)
    bounds = interval.as_list()
    shown = "no interval" if bounds is None else f"{bounds[0]:.1f}-{bounds[1]:.1f}"
    print("| utterances | words | sub | del | ins | WER % | 95 % |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {len(utts)} | {total.units} | {total.substitutions} | {total.deletions} | "
        f"{total.insertions} | {rate:.1f} | {shown} |"
    )


if __name__ == "__main__":
    sys.exit(run(main))
