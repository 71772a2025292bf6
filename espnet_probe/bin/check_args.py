"""Check what recipes hand on to commands, before hours of work that end in them."""

import argparse
import contextlib
import importlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

PACKAGE = "espnet_probe.bin"


@dataclass(frozen=True)
class Command:
    """A command that gets words of the user's.

    Attributes:
        module: A module of this package.
        own: Options that the recipe gives it, which another value would break.
        needed: Words without which the command's parser refuses all others.
    """

    module: str
    own: Sequence[str]
    needed: Sequence[str] = ()


#: Option of probe.sh or train_and_probe.sh → who gets its words.
OPTIONS: Dict[str, Command] = {
    "probe_args": Command("probe_train", ["output_dir", "collect_stats"]),
    "inference_args": Command(
        "probe_inference",
        ["probe_exp", "data_dir", "output_dir", "layers", "key_file", "job", "merge"]
        + ["oracle", "ngpu"],
        "--probe_exp x --data_dir x --output_dir x".split(),
    ),
    "vocoder_args": Command(
        "vocode",
        ["dirs", "feats_scp", "output_dir", "utt2num_samples", "mel_config", "preset"]
        + ["key_file", "job", "merge", "ngpu"],
        "--utt2num_samples x --mel_config x --dirs x".split(),
    ),
    "trials_args": Command(
        "make_trials",
        ["utt2spk", "num_pairs", "seed", "output"],
        "--utt2spk x --num_pairs 2 --output x".split(),
    ),
    "quality_args": Command(
        "score_quality",
        ["ref_scp", "hyp_scp", "output_dir"],
        "--ref_scp x --hyp_scp x --output_dir x".split(),
    ),
    "recognition_args": Command(
        "score_recognition",
        ["wav_scp", "output_dir", "text", "utt2spk", "seed", "work_key", "ngpu"]
        + ["judge_exp", "judge_tag", "judge_zip", "judge_model", "inference_config"],
        "--wav_scp x --output_dir x --text x".split(),
    ),
    "listening_args": Command(
        "make_listening_test",
        ["inference_tag", "dumpdir", "seed", "output_dir", "key", "or_none"],
        ["--exp", "x"],
    ),
    "claims_args": Command(
        "check_claims",
        ["model", "table", "set", "inference_tag", "decoding", "conditions"]
        + ["max_wer", "seed", "output_dir"],
        ["--model", "x"],
    ),
    "study_args": Command(
        "make_report",
        ["model", "exp", "sets", "inference_tag", "decoding", "conditions", "max_wer"]
        + ["control", "stage_times", "output_dir"],
        ["--model", "x"],
    ),
}


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Check words that recipes hand on to commands; print the files "
        "that they name, a line each.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for option, command in OPTIONS.items():
        parser.add_argument(
            f"--{option}",
            type=str.split,
            default=[],
            metavar="WORDS",
            help=f"for {command.module}",
        )
    parser.add_argument(
        "--judge_config",
        type=Path,
        help="config.yaml of the model that recognises, if it is there yet; without, "
        "settings of decoding are those of ESPnet's task asr",
    )
    parser.add_argument("--judge_task", help="its task, where that does not tell")
    return parser


def check_words(option: str, words: Sequence[str]) -> Dict[str, Any]:
    """Refuse words that a command would not take.

    Args:
        option: Option of the recipe.
        words: Its words.

    Returns:
        What they set: argument → value. Words that are left for another parser are in
        ``further``.

    Raises:
        ProbeError: If the command does not know one, a value is missing or wrong, or
            the recipe gives it itself.
    """
    command = OPTIONS[option]
    parser = importlib.import_module(f"{PACKAGE}.{command.module}").get_parser()
    said = f"--{option} {' '.join(words)}"
    expected = f"expected options of 'python -m {PACKAGE}.{command.module} --help'"
    plain = vars(parser.parse_args(command.needed))
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            # Before what is needed: an option that takes several values takes no
            # others, and what is no value is refused.
            found, further = parser.parse_known_args([*words, *command.needed])
    except SystemExit:
        reason = complaint.getvalue().strip().rpartition("error: ")[2]
        raise ProbeError(
            f"{said}: {reason or 'it asks for help'}; {expected}"
        ) from None
    given = {
        name: value
        for name, value in vars(found).items()
        if name not in plain or value != plain[name]
    }
    for name in command.own:
        if name in given:
            raise ProbeError(
                f"{said}: --{name} is given to {command.module} by the recipe; leave "
                "it out, and see whether the recipe has an option for it"
            )
    if further and option != "recognition_args":
        raise ProbeError(f"{said}: not known: {' '.join(further)}; {expected}")
    return {**given, "further": further}


def check_decoding(
    words: List[str], judge_config: Optional[Path], judge_task: Optional[str]
) -> None:
    """Refuse settings of decoding that ESPnet does not know; this costs seconds.

    Args:
        words: The settings.
        judge_config: config.yaml of the model, if it is there.
        judge_task: Its task, where that does not tell.

    Raises:
        ProbeError: If ESPnet does not know one, or its value is wrong.
    """
    from espnet_probe.judge.kinds import find_kind
    from espnet_probe.judge.settings import find_settings
    from espnet_probe.upstream.build import read_config
    from espnet_probe.upstream.task_kinds import find_task

    config = read_config(judge_config) if judge_config else {}
    task = find_task(config, judge_task) if config else "asr"
    try:
        find_settings(find_kind(task), config, None, words)
    except ProbeError as error:
        raise ProbeError(f"--recognition_args: {error}") from error


def named_files(given: Mapping[str, Any]) -> List[Path]:
    """Return the files that words name, and look into that of the genders.

    Args:
        given: Argument → value.

    Raises:
        ProbeError: If the file of genders is there and has other lines than it should.
    """
    gender = given.get("gender")
    if gender is not None and gender.is_file():
        from espnet_probe.bin.score_files import read_full_table

        read_full_table(gender, "speaker (or utterance) and gender")
    return [value for value in given.values() if isinstance(value, Path)]


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If a word would not be taken.
    """
    args = get_parser().parse_args(cmd)
    files: List[Path] = []
    # ESPnet's modules print when they are imported.
    with contextlib.redirect_stdout(io.StringIO()):
        for option in OPTIONS:
            words = getattr(args, option)
            if words:
                given = check_words(option, words)
                if given["further"]:
                    task = given.get("judge_task", args.judge_task)
                    check_decoding(given["further"], args.judge_config, task)
                files += named_files(given)
    for file in files:
        print(file)


if __name__ == "__main__":
    sys.exit(run(main))
