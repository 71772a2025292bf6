"""Make the report of probe experiments: RESULTS.md, and a page to see and to listen.

The page of one experiment or of several is a folder that any browser opens::

    python3 -m espnet_probe.bin.make_report --exp exp/probe_a
    python3 -m espnet_probe.bin.make_report --exp exp/probe_a exp/probe_b \\
        --output_dir exp/both

With ``--model`` there is one RESULTS.md of several in ``--output_dir``, and the page in
its folder ``report``::

    python3 -m espnet_probe.bin.make_report --set test --output_dir exp/study \\
        --model blstm:baseline=exp/probe_a blstm:robust=exp/probe_b
"""

import argparse
import datetime
import shlex
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run


def _path_or_none(text: str) -> Optional[Path]:
    """Return a path; None for an empty one, as an unset shell variable gives it."""
    return Path(text) if text else None


def get_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        description=(
            "Collect the scores of a probe experiment into RESULTS.md (in the "
            "experiment's folder) and a page with curves, sounds and "
            "mel-spectrograms; the page can join several experiments. Prints the main "
            "table; the last line is the page."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--exp",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="the probe experiment's folder; of several the page joins them, and no "
        "RESULTS.md is written",
    )
    given.add_argument(
        "--model",
        nargs="+",
        metavar="ARCHITECTURE:TRAINING=DIR",
        help="several probe experiments as one study instead, such as "
        "vgg_blstm:robust=exp/probe_asr_vgg_noisy; the training is baseline or robust",
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="with --model: put the paper's values beside",
    )
    parser.add_argument(
        "--max_wer",
        default="30",
        help="with --model: percent; a model above it, or of unknown word error rate, "
        "is marked; 'none' marks no model",
    )
    parser.add_argument(
        "--conditions",
        nargs="+",
        metavar="CONDITION",
        help="with --model: the noisy copies to show, such as clean snr20 snr10; "
        "without it all that have results",
    )
    parser.add_argument(
        "--decoding",
        help="with --model: whose word error rates count, a folder in each "
        "recogniser's experiment; without it one of the probed weights",
    )
    parser.add_argument(
        "--no_figures",
        action="store_true",
        help="no figures for print, and with --model none in RESULTS.md: tables alone",
    )
    parser.add_argument(
        "--mel_utterance",
        help="with --model: the utterance whose mels are drawn; chosen without it",
    )
    parser.add_argument(
        "--mel_condition",
        help="with --model: the noise that it is drawn in, such as snr10",
    )
    parser.add_argument(
        "--asr_exp",
        type=_path_or_none,
        help="the recogniser's folder, for word error rates; of one --exp",
    )
    parser.add_argument(
        "--control",
        nargs="+",
        action="extend",
        default=[],
        metavar="KIND=DIR",
        help="probe experiments of the same layers as controls: random=DIR (the "
        "architecture untrained) and shuffled=DIR (states shuffled in time); with "
        "--model of each one ARCHITECTURE:TRAINING:KIND=DIR; of several --exp a folder "
        "named <experiment>_<kind>, or one that fits only one of them",
    )
    parser.add_argument(
        "--inference_tag",
        help="which reconstruct_<tag> folder; not needed if there is only one",
    )
    parser.add_argument(
        "--sets",
        "--set",
        nargs="+",
        default=[],
        help="sets to show; without it all; with --model the clean test set",
    )
    parser.add_argument(
        "--num_examples",
        type=int,
        default=8,
        help="utterances on the page, of each clean set with its noisy copies",
    )
    parser.add_argument(
        "--audio_format",
        default="flac",
        help="of the page's sounds: flac loses nothing; opus and mp3 are smaller",
    )
    parser.add_argument(
        "--single_file",
        action="store_true",
        help="put sounds and pictures into index.html itself; numbers then have no "
        "links to files",
    )
    parser.add_argument(
        "--stage_times",
        type=_path_or_none,
        help="file with the seconds per stage, such as exp/stage_times.jsonl",
    )
    parser.add_argument(
        "--dumpdir",
        type=Path,
        default=Path("dump/raw"),
        help="where the sets' text files are; transcripts are left out without them",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        help="folder of the page; without it <exp>/report; with --model of RESULTS.md, "
        "the page lies in its folder report",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Make the report.

    Args:
        cmd: The arguments; ``sys.argv`` if None.

    Raises:
        ProbeError: If a named folder is missing, or there is nothing to show.
    """
    arguments = list(sys.argv[1:] if cmd is None else cmd)
    make(arguments, f"python -m espnet_probe.bin.make_report {shlex.join(arguments)}")


def make(arguments: Sequence[str], command: str) -> None:
    """Make the report that arguments ask for.

    Args:
        arguments: Of this command.
        command: The command line that was given, for the record.

    Raises:
        ProbeError: As :func:`main`.
    """
    args = get_parser().parse_args(arguments)
    from espnet_probe.bin import report_work
    from espnet_probe.report.environment import environment

    output = report_work.check(args)
    date = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    job = report_work.Job(args, command, environment(date))
    if args.model is not None:
        report_work.report_of_study(job, output)
    elif len(args.exp) > 1:
        report_work.report_of_several(job, output)
    else:
        report_work.report_of_one(job, output)


if __name__ == "__main__":
    sys.exit(run(main))
