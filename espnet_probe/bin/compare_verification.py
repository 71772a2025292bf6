"""Compare two sets of scores of the same trials: the difference of their EERs."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    from espnet_probe.scores.trials import Trial

Scored = Tuple["List[Trial]", List[float]]
Aligned = Tuple["List[Trial]", List[float], List[float]]

#: Name of a design → the column of its scores.
DESIGNS = {
    "reconstruction": "score",
    "original_enrolment": "score_original_enrolment",
}


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Compare two layers, models, conditions or embedders that scored "
        "the same trials: the difference of their equal error rates, A minus B, with "
        "a 95 % interval over the same draws of speakers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for side in "ab":
        parser.add_argument(
            f"--{side}",
            type=Path,
            required=True,
            help="folder with verification.csv, or such a file "
            "(verification_LABEL.csv of another embedder)",
        )
    parser.add_argument(
        "--design",
        choices=sorted(DESIGNS),
        default="reconstruction",
        help="both sides of a trial from the set itself, or the enrolment from the "
        "originals",
    )
    parser.add_argument(
        "--common",
        action="store_true",
        help="compare over the trials that both have, instead of refusing different "
        "ones",
    )
    parser.add_argument(
        "--utt2spk",
        type=Path,
        help="'utterance speaker' lines; without, those that A was scored with, or "
        "else utterances joined by target trials are one speaker",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--num_bootstrap", type=int, default=1000, help="number of bootstrap samples"
    )
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    return parser


def read_scores(path: Path, column: str) -> "Scored":
    """Read a table of scores.

    Args:
        path: verification.csv.
        column: The column of the scores.

    Returns:
        The trials that have a score, and the scores, in the order of the table.

    Raises:
        ProbeError: If there is no such table or column, or it has no scores.
    """
    from espnet_probe.scores.trial_notation import LABELS
    from espnet_probe.scores.trials import Trial

    if not path.is_file():
        raise ProbeError(
            f"no scores at {path}: make them with 'python -m "
            "espnet_probe.bin.score_verification' (probe.sh stage 10)"
        )
    trials, scores = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row[column]:
                    label = LABELS[row["label"]]
                    scores.append(float(row[column]))
                    trials.append(Trial(row["enrolment"], row["test"], label))
    except (KeyError, ValueError, TypeError) as error:
        hint = "; score it with --ref_embeddings" if column != "score" else ""
        raise ProbeError(
            f"{path} cannot be read: {error!r}; expected columns enrolment, test, "
            f"label, {column}{hint}"
        ) from error
    if not scores:
        raise ProbeError(f"{path} has no scores in its column {column}")
    return trials, scores


def read_summary(table: Path) -> Mapping[str, Any]:
    """Read what stands beside a table of scores; empty if there is nothing.

    Args:
        table: verification.csv.
    """
    path = table.with_suffix(".json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def align(first: "Scored", second: "Scored", common: bool) -> "Aligned":
    """Bring the scores of two tables into one order.

    Args:
        first: Trials and scores of the one.
        second: Trials and scores of the other.
        common: Whether different trials are no mistake: those that both have are
            taken then.

    Returns:
        The trials, and the scores of both. One that a list has twice counts twice.

    Raises:
        ProbeError: If they have different ones, with counts.
    """
    from espnet_probe.scores.trial_notation import in_both

    if first[0] == second[0]:
        return first[0], first[1], second[1]
    one, other = dict(zip(*first)), dict(zip(*second))
    both = in_both(first[0], second[0])
    if len(both) < max(len(first[0]), len(second[0])) and not common:
        raise ProbeError(
            f"A has {len(first[0])} trials, B {len(second[0])}, both {len(both)} of "
            "them: expected the same; score both with the same file of trials, or "
            "compare those that both have with --common"
        )
    if not both:
        raise ProbeError("A and B have no trial in common: nothing to compare")
    return both, [one[trial] for trial in both], [other[trial] for trial in both]


def find_speakers(
    args: argparse.Namespace, summary: Mapping[str, Any], trials: "Sequence[Trial]"
) -> Tuple[Mapping[str, str], str]:
    """Return who speaks what, and where that is from.

    Args:
        args: The arguments of the command.
        summary: What stands beside the scores of A.
        trials: The trials.

    Raises:
        ProbeError: If the given file is broken or contradicts a label.
    """
    from espnet_probe.bin.trial_files import read_speakers, utterances
    from espnet_probe.report.speaker_map import find_map

    said = (summary.get("bootstrap") or {}).get("speakers_from")
    if args.utt2spk is None and isinstance(said, str):
        if find_map(said, Path(), utterances(trials)) is not None:
            return read_speakers(Path(said), trials)
    return read_speakers(args.utt2spk, trials)


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If scores are missing or broken, or of different trials.
    """
    args = get_parser().parse_args(cmd)
    if args.num_bootstrap < 100:
        raise ProbeError(
            f"got --num_bootstrap {args.num_bootstrap}: expected at least 100"
        )
    import numpy as np

    from espnet_probe.bin import score_files
    from espnet_probe.scores.paired_rates import compare_rates

    if args.output is not None:
        if args.output.is_dir():
            raise ProbeError(
                f"--output {args.output} is a folder: expected a file to write"
            )
        score_files.check_output(args.output.parent)
    tables = [
        path / "verification.csv" if path.is_dir() else path
        for path in (args.a, args.b)
    ]
    column = DESIGNS[args.design]
    scored = [read_scores(table, column) for table in tables]
    trials, first, second = align(scored[0], scored[1], args.common)
    summaries = [read_summary(table) for table in tables]
    speakers, source = find_speakers(args, summaries[0], trials)
    found = compare_rates(
        trials,
        np.array(first),
        np.array(second),
        speakers,
        args.num_bootstrap,
        args.seed,
    )
    difference = found.difference
    bounds = None if difference.low is None else [difference.low, difference.high]
    result: Dict[str, Any] = {
        "difference_percent": difference.value,
        "difference_percent_ci95": bounds,
        "basis": difference.basis,
        "design": args.design,
    }
    for side, table, summary, before, rate in zip(
        "ab", tables, summaries, scored, (found.first, found.second)
    ):
        result[side] = {
            "scores": str(table),
            "embedder": summary.get("embedder"),
            "eer_percent": rate,
            "left_out_trials": len(before[0]) - len(trials),
        }
    result["num_trials"] = len(trials)
    result["num_target"] = sum(trial.target for trial in trials)
    result["num_nontarget"] = len(trials) - result["num_target"]
    result["num_speakers"] = found.num_speakers
    result["bootstrap"] = {
        "over": "speakers",
        "samples": args.num_bootstrap,
        "seed": args.seed,
        "speakers_from": source,
    }
    if args.output is not None:
        score_files.write_json(args.output, result)
    print(in_words(result))


def in_words(result: Mapping[str, Any]) -> str:
    """Return the lines that are printed.

    Args:
        result: What the JSON file holds.
    """
    bounds = result["difference_percent_ci95"]
    shown = f"no interval: {result['basis']}"
    if bounds is not None:
        shown = "95 %% interval %+.2f to %+.2f, %s" % (*bounds, result["basis"])
    lines = [
        f"{side.upper()}: EER {result[side]['eer_percent']:.2f} %, "
        f"{result[side]['embedder'] or 'embedder not known'}, {result[side]['scores']}"
        for side in "ab"
    ]
    lines.append(
        f"A - B: {result['difference_percent']:+.2f} points ({shown}); "
        f"{result['num_target']} target and {result['num_nontarget']} non-target "
        f"trials, {result['num_speakers']} speakers"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run(main))
