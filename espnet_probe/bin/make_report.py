"""Make the report of a probe experiment: RESULTS.md, plots, and a page with sound.

Or, with ``--model``, one RESULTS.md of several, in ``--output_dir``::

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
from espnet_probe.bin.max_wer import read_max_wer
from espnet_probe.errors import ProbeError


def _path_or_none(text: str) -> Optional[Path]:
    """Return a path; None for an empty one, as an unset shell variable gives it."""
    return Path(text) if text else None


def get_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        description=(
            "Collect the scores of one probe experiment into RESULTS.md (in the "
            "experiment's folder), plots, and one HTML page with sounds and "
            "mel-spectrograms. Prints the main table; the last line is the page."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--probe_exp", type=Path, help="the probe experiment's folder")
    given.add_argument(
        "--model",
        nargs="+",
        metavar="ARCHITECTURE:TRAINING=DIR",
        help="several probe experiments instead, such as "
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
        "--no_figures", action="store_true", help="with --model: tables alone"
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
        help="the recogniser's folder, for word error rates",
    )
    parser.add_argument(
        "--control",
        nargs="+",
        action="extend",
        default=[],
        metavar="KIND=DIR",
        help="probe experiments of the same layers as controls: random=DIR (the "
        "architecture untrained) and shuffled=DIR (states shuffled in time); with "
        "--model of each one ARCHITECTURE:TRAINING:KIND=DIR",
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
        "--num_examples", type=int, default=4, help="utterances to hear per set"
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
        help="folder of the page; without it <probe_exp>/report",
    )
    return parser


def _join(args: argparse.Namespace, command: str, date: str) -> None:
    """Write the report of several models and print it."""
    if args.output_dir is None or len(args.sets) != 1:
        raise ProbeError(
            "--model needs --output_dir, and --set with the name of the clean test set"
        )
    from espnet_probe.report.environment import environment
    from espnet_probe.report.files import write_text
    from espnet_probe.study.claims_section import claims_section
    from espnet_probe.study.document import markdown
    from espnet_probe.study.doubts import doubted_probes
    from espnet_probe.study.further import make_further
    from espnet_probe.study.study import give_controls, parse_model, read_study
    from espnet_probe.study.times import times_table

    models = give_controls([parse_model(text) for text in args.model], args.control)
    study = read_study(
        models,
        test_set=args.sets[0],
        inference_tag=args.inference_tag,
        paper_layers=False,
        max_wer=read_max_wer(args.max_wer),
        # The tables take their intervals of EERs from the scores' files.
        num_draws=2,
        conditions=args.conditions,
        decoding=args.decoding,
        tolerant=True,
    )
    figures = None if args.no_figures else args.output_dir / "figures"
    further = make_further(study, models, args.inference_tag, figures)
    plots, notes = {}, doubted_probes(models, args.sets[0], args.inference_tag)
    if figures is not None:
        from espnet_probe.study.figures import write_study_figures

        drawn = write_study_figures(
            study,
            models,
            figures,
            args.inference_tag,
            args.paper,
            args.mel_utterance,
            args.mel_condition,
        )
        plots = {name: drawn.markdown(name, args.output_dir) for name in drawn.paths}
        notes += drawn.notes
    claims, problem = claims_section(args.output_dir / "claims.json", study)
    notes, times = [*notes, problem], ""
    if args.stage_times is not None:
        times, problem = times_table(args.stage_times, models)
        notes.append(problem)
    text = markdown(
        study,
        models,
        environment(date),
        command,
        args.paper,
        args.inference_tag,
        plots,
        args.conditions,
        claims,
        times,
        [note for note in notes if note],
        further,
    )
    described = args.output_dir / "study.yaml"
    if described.is_file():
        # What a recipe wrote of it: seed, noise, configurations, folders.
        lines = described.read_text(encoding="utf-8").strip()
        text += f"\n## Study\n\n```yaml\n{lines}\n```\n"
    path = args.output_dir / "RESULTS.md"
    write_text(path, text)
    print(text)
    print(path.resolve())


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Make the report.

    Args:
        cmd: The arguments; ``sys.argv`` if None.

    Raises:
        ProbeError: If a named folder is missing, or there is nothing to show.
    """
    arguments = list(sys.argv[1:] if cmd is None else cmd)
    args = get_parser().parse_args(arguments)
    if args.num_examples < 0:
        raise ProbeError(f"--num_examples: got {args.num_examples}, expected 0 or more")
    command = f"python -m espnet_probe.bin.make_report {shlex.join(arguments)}"
    from espnet_probe.bin.score_files import check_output

    output = args.output_dir or args.probe_exp
    if output is not None:
        check_output(output)
    date = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    if args.model is not None:
        _join(args, command, date)
        return
    if args.paper:
        raise ProbeError("--paper is for --model: one experiment has no such table")
    if args.conditions:
        raise ProbeError("--conditions is for --model; --sets chooses sets otherwise")

    from espnet_probe.report.collect import collect
    from espnet_probe.report.control_rows import parse_controls
    from espnet_probe.report.tables import plain
    from espnet_probe.report.write import write_report

    results = collect(
        args.probe_exp,
        asr_exp=args.asr_exp,
        inference_tag=args.inference_tag,
        sets=args.sets,
        stage_times=args.stage_times,
        controls=parse_controls(args.control),
    )
    page, parts = write_report(
        results,
        output=args.output_dir or args.probe_exp / "report",
        num_examples=args.num_examples,
        dumpdir=args.dumpdir,
        command=command,
        date=date,
    )
    print(plain(results, parts))
    print(page.resolve())


if __name__ == "__main__":
    sys.exit(run(main))
