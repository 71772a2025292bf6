"""Draw the trials of a speaker verification test."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Draw equally many target and non-target trials from the "
        "utterances of a set; lines 'enrolment test target|nontarget'. No utterance is "
        "compared with itself and no pair occurs twice. Same utterances and seed, same "
        "trials.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--utt2spk",
        type=Path,
        required=True,
        help="lines 'utterance speaker', where a speaker is a person: for LibriSpeech "
        "give utt2reader, since its utt2spk has a speaker per reader and chapter",
    )
    parser.add_argument(
        "--num_pairs",
        type=int,
        required=True,
        help="number of trials in total, even: half target, half non-target",
    )
    add_ways(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    return parser


def add_ways(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which pairs are drawn.

    Args:
        parser: Gets them.
    """
    parser.add_argument(
        "--gender",
        type=Path,
        help="lines 'speaker gender' (spk2gender) or 'utterance gender': both speakers "
        "of a non-target trial then have one gender",
    )
    parser.add_argument(
        "--balanced",
        action="store_true",
        help="let every speaker occur about equally often in the target trials, and in "
        "the others; without, every pair is equally likely",
    )
    parser.add_argument(
        "--at_most",
        action="store_true",
        help="where the set gives fewer pairs, take as many as there are instead of "
        "stopping with an error",
    )


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the set cannot give the trials.
    """
    args = get_parser().parse_args(cmd)
    from espnet_probe.bin.score_files import (
        check_output,
        read_full_table,
        written_whole,
    )
    from espnet_probe.scores.trial_sampling import sample_trials

    if args.output.is_dir():
        raise ProbeError(
            f"--output {args.output} is a folder: expected a file to write"
        )
    check_output(args.output.parent)
    utt2spk = read_full_table(args.utt2spk, "utterance and speaker")
    genders = None
    if args.gender is not None:
        genders = read_full_table(args.gender, "speaker (or utterance) and gender")
    try:
        trials = sample_trials(
            utt2spk, args.num_pairs, args.seed, args.at_most, genders, args.balanced
        )
    except ProbeError as error:
        raise ProbeError(f"{args.utt2spk}: {error}") from error
    with written_whole(args.output) as part:
        part.write_text("".join(f"{trial}\n" for trial in trials), encoding="utf-8")
    logging.info("wrote %d trials to %s", len(trials), args.output)
    if len(trials) < args.num_pairs:
        logging.warning(
            "%s gives no more than %d trials, %d were asked for",
            args.utt2spk,
            len(trials),
            args.num_pairs,
        )


if __name__ == "__main__":
    sys.exit(run(main))
