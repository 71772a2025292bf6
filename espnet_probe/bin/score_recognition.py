"""Score sounds by what a recogniser hears in them: word and character error rates."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.choice import UpstreamChoice

if TYPE_CHECKING:
    from espnet_probe.judge.judge import Judge
    from espnet_probe.upstream.files import ModelFiles

#: How a message names the alternatives.
ONE_OF = "--judge_exp DIR, --judge_tag TAG or --judge_zip FILE"


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Let a recogniser, the judge, write down every utterance, and "
        "compare that with the text. Writes recognition.csv (counts and texts per "
        "utterance) and recognition.json (word and character error rate, 95 % "
        "intervals, counts). Options that are not listed here are settings of "
        "decoding, as of ESPnet's own command: --beam_size 1.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        # A setting of decoding must not be taken for the beginning of an option.
        allow_abbrev=False,
    )
    parser.add_argument(
        "--wav_scp",
        type=Path,
        required=True,
        nargs="+",
        help="wav.scp to score; several, if they share the text",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        nargs="+",
        help="folder for the scores, one for each --wav_scp",
    )
    parser.add_argument(
        "--text", type=Path, required=True, help="'utterance text' lines: what is said"
    )
    parser.add_argument(
        "--utt2spk",
        type=Path,
        help="'utterance speaker' lines: bootstrap the intervals over speakers; "
        "without, over utterances",
    )
    group = parser.add_argument_group("the judge: one of")
    group.add_argument("--judge_exp", help="folder that ESPnet's training left")
    group.add_argument("--judge_tag", help="name of a published model, or URL")
    group.add_argument("--judge_zip", help="file that ESPnet's pack made")
    group = parser.add_argument_group("how it recognises")
    group.add_argument(
        "--judge_model",
        help="file name of the weights in --judge_exp; by default the best average",
    )
    group.add_argument(
        "--judge_task",
        help="ESPnet's task of the judge, where what it brings does not tell",
    )
    group.add_argument(
        "--inference_config",
        type=Path,
        help="YAML file with settings of decoding, such as conf/decode_asr.yaml",
    )
    group.add_argument("--ngpu", type=int, default=0, help="0 uses the CPU")
    group.add_argument(
        "--cleaner",
        help="one of ESPnet's text cleaners, such as whisper_basic, for --text, as in "
        "asr.sh's scoring",
    )
    group.add_argument("--hyp_cleaner", help="the same for what was recognised")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--work_key",
        help="what the results depend on besides these options; folders whose results "
        "were made with the same are left as they are",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If sounds, text, speakers or judge are missing or do not fit.
    """
    args, settings = get_parser().parse_known_args(cmd)
    if len(args.wav_scp) != len(args.output_dir):
        raise ProbeError(
            f"got {len(args.wav_scp)} --wav_scp and {len(args.output_dir)} "
            "--output_dir: expected as many of both"
        )
    if args.ngpu not in (0, 1):
        raise ProbeError(f"got --ngpu {args.ngpu}: expected 0 or 1")
    choice = find_judge(args)
    choice.check_there()
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.bin.recognition_work import (
        Transcripts,
        check_sounds,
        is_finished,
        read_transcripts,
        score_set,
        shared_utterances,
        warn_of_letters,
    )

    for folder in args.output_dir:
        score_files.check_output(folder)
    todo = [
        (wav_scp, folder)
        for wav_scp, folder in zip(args.wav_scp, args.output_dir)
        if not is_finished(folder, args.work_key)
    ]
    if not todo:
        logging.info("all %d folders are done", len(args.output_dir))
        return
    utts = shared_utterances(args.wav_scp)
    transcripts: Transcripts = read_transcripts(args, utts)
    judge = load_judge(choice, args, settings)
    warn_of_letters(transcripts, judge.tokens)
    # All sets are checked before the first is scored.
    for wav_scp, _ in todo:
        check_sounds(wav_scp, utts, judge)
    for wav_scp, folder in todo:
        score_set(args, judge, transcripts, wav_scp, folder)


def find_judge(args: argparse.Namespace) -> UpstreamChoice:
    """Return the model that the options name.

    Args:
        args: The arguments of the command.

    Raises:
        ProbeError: If they do not name exactly one.
    """
    named = [f"--judge_{kind}" for kind in ("exp", "tag", "zip")]
    named = [name for name in named if getattr(args, name[2:])]
    if len(named) != 1:
        raise ProbeError(
            f"got {' and '.join(named) or 'no judge'}: expected one of {ONE_OF}"
        )
    if args.judge_model and named != ["--judge_exp"]:
        raise ProbeError(
            f"--judge_model {args.judge_model} names a file in --judge_exp: leave it "
            f"out with {named[0]}"
        )
    return UpstreamChoice(
        args.judge_exp or None,
        args.judge_tag or None,
        args.judge_zip or None,
        args.judge_model or None,
        args.judge_task or None,
    )


def load_judge(
    choice: UpstreamChoice, args: argparse.Namespace, settings: Sequence[str]
) -> "Judge":
    """Load the judge.

    Args:
        choice: Which model.
        args: The arguments of the command.
        settings: Those that are settings of decoding.

    Raises:
        ProbeError: If it cannot be found or loaded, or does not recognise speech.
    """
    from espnet_probe.judge.judge import Judge

    try:
        return Judge(
            model_files(choice),
            args.inference_config,
            settings,
            "cuda" if args.ngpu else "cpu",
            choice.task,
        )
    except ProbeError as error:
        # The same files are looked for as for a probed model, under other options.
        raise ProbeError(str(error).replace("--upstream_", "--judge_")) from error


def model_files(choice: UpstreamChoice) -> "ModelFiles":
    """Find the files of a model; a published one is downloaded if need be.

    Args:
        choice: Which model.

    Raises:
        ProbeError: If they cannot be found.
    """
    from espnet_probe.upstream import files

    if choice.tag is not None:
        return files.files_of_tag(choice.tag)
    if choice.zip is not None:
        return files.files_of_archive(choice.zip)
    assert choice.exp is not None
    return files.files_of_exp(choice.exp, choice.model)


if __name__ == "__main__":
    sys.exit(run(main))
