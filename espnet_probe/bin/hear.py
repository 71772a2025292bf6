"""Hear recordings as each layer of a probed model still has them.

The probes are there already: a recipe trained them. Stages 8 to 14 of probe.sh, in one
process and without speakers to tell apart: reconstruct, vocode, score, show.
"""

import argparse
import contextlib
import io
import json
import shlex
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.choice import (
    UpstreamChoice,
    add_upstream_options,
    find_choice,
    moved_choice,
)

if TYPE_CHECKING:
    from espnet_probe.probes.inference import ProbeExp

#: The set's name on the page.
SET = "recordings"

#: The page's folder.
REPORT = "report"

#: What of the probed model's choice there is of a judge's.
JUDGE = ("exp", "tag", "zip", "model", "task")

#: What tells a folder of this command from any other.
MARKER = "heard.txt"


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Reconstruct recordings from the layers of a probed model, and "
        "make a page on which they can be heard and seen.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "recordings",
        type=Path,
        nargs="+",
        help="sound files of any rate; several channels are averaged",
    )
    parser.add_argument(
        "--probe_exp",
        type=Path,
        nargs="+",
        required=True,
        help="trained probes, exp/probe_...; of several models for one page of all",
    )
    parser.add_argument("--layers", default="*", help="names and globs")
    parser.add_argument(
        "--text",
        type=Path,
        help="'name words' lines, a name being that of a file without its ending: what "
        "is said; the model then writes down what it hears in each reconstruction",
    )
    parser.add_argument(
        "--preset",
        choices=("default", "fast", "paper"),
        default="default",
        help="of the vocoder",
    )
    parser.add_argument(
        "--max_seconds", type=float, default=60.0, help="how long a recording may be"
    )
    parser.add_argument("--ngpu", type=int, default=0, help="0: CPU, 1: GPU")
    parser.add_argument(
        "--output_dir",
        type=Path,
        default=Path("heard"),
        help="gets the page, report/index.html, and the sounds",
    )
    group = parser.add_argument_group("the probed model, if it has been moved")
    add_upstream_options(group)
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If recordings, probes or model do not do.
    """
    arguments = list(sys.argv[1:] if cmd is None else cmd)
    args = get_parser().parse_args(arguments)
    if not args.max_seconds > 0:
        raise ProbeError(f"--max_seconds {args.max_seconds:g}: expected more than 0")
    moved = find_choice(args)
    if moved is not None and len(args.probe_exp) > 1:
        raise ProbeError(
            "--upstream_exp and the like name one model: give one --probe_exp with it"
        )
    from espnet_probe.bin.recordings import (
        name_recordings,
        read_recording,
        read_text,
        write_data,
        write_table,
    )
    from espnet_probe.bin.score_files import use_one_thread

    named = name_recordings(args.recordings)
    text = read_text(args.text, list(named)) if args.text else None
    use_one_thread()
    from espnet_probe.probes.inference import ProbeExp

    experiments = {
        folder: ProbeExp(exp)
        for folder, exp in zip(folders(args.output_dir, args.probe_exp), args.probe_exp)
    }
    upstreams = {
        folder: find_upstream(probes, moved) for folder, probes in experiments.items()
    }
    for probes in experiments.values():
        probes.select(args.layers)
    texts = {
        folder: fit_text(text, choice)
        for folder, choice in upstreams.items()
        if text is not None
    }
    rates = {probes.target.fs for probes in experiments.values()}
    # All are read before the first is worked on.
    waves = {
        fs: {
            name: read_recording(path, fs, args.max_seconds)
            for name, path in named.items()
        }
        for fs in rates
    }
    begin(args.output_dir)
    # The commands print tables, which are on the page.
    with contextlib.redirect_stdout(io.StringIO()):
        for folder, probes in experiments.items():
            data = folder / "data" / SET
            write_data(data, waves[probes.target.fs], probes.target.fs)
            if text is not None:
                write_table(data / "text", texts[folder])
            else:
                (data / "text").unlink(missing_ok=True)
            hear(args, folder, probes, upstreams[folder])
        command = f"python -m espnet_probe.bin.hear {shlex.join(arguments)}"
        show(args, list(experiments), command)
    for folder in experiments:
        print(f"sounds: {folder}/reconstruct_{args.preset}/{SET}/<layer>/wav")
    print(f"page: {args.output_dir / REPORT}/index.html")


def begin(folder: Path) -> None:
    """Take a folder for the results, if it is not somebody else's.

    Args:
        folder: New, empty, or of an earlier call.

    Raises:
        ProbeError: If it holds something else, or cannot be written to.
    """
    from espnet_probe.bin.score_files import check_output, written_whole

    marker = folder / MARKER
    if folder.is_dir() and any(folder.iterdir()) and not marker.is_file():
        raise ProbeError(
            f"--output_dir {folder} holds other files: expected a new or empty folder, "
            "or one of an earlier call"
        )
    check_output(folder)
    with written_whole(marker) as part:
        part.write_text(
            "Made by python -m espnet_probe.bin.hear: open report/index.html.\n"
        )


def folders(output: Path, experiments: Sequence[Path]) -> List[Path]:
    """Return a folder for each experiment, named as it is, beside the page's.

    Args:
        output: Folder of all.
        experiments: Their folders; names may be the same.

    Raises:
        ProbeError: If one is given twice.
    """
    if len({path.resolve() for path in experiments}) < len(experiments):
        raise ProbeError("--probe_exp: a folder is given twice; leave one out")
    found: List[Path] = []
    for path in experiments:
        name, number = path.resolve().name, 1
        while output / name in found or name in (REPORT, MARKER):
            number += 1
            name = f"{path.resolve().name}-{number}"
        found.append(output / name)
    return found


def find_upstream(
    probes: "ProbeExp", moved: Optional[UpstreamChoice]
) -> UpstreamChoice:
    """Return the probed model; its folder may be written as seen from the recipe's.

    Args:
        probes: The trained probes.
        moved: Where the model is now, if that was said.

    Raises:
        ProbeError: If it is not there.
    """
    if moved is not None:
        choice = moved_choice(probes.config, moved)
        assert choice is not None
        choice.check_there()
        return choice
    choice = moved_choice(probes.config, None)
    if choice is None:
        raise ProbeError(
            f"{probes.folder} was trained from dumps and names no model: give "
            "--upstream_exp, --upstream_tag or --upstream_zip"
        )
    # <recipe>/exp/probe_...
    recipe = probes.folder.resolve().parent.parent
    choice = replace(choice, exp=_seen_from(recipe, choice.exp))
    choice = replace(choice, zip=_seen_from(recipe, choice.zip))
    try:
        choice.check_there()
    except ProbeError as error:
        raise ProbeError(
            f"{error}; so says {probes.folder / 'config.yaml'}: if the model has been "
            "moved, give --upstream_exp DIR"
        ) from error
    return choice


def _seen_from(recipe: Path, said: Optional[str]) -> Optional[str]:
    # First beside the probes: another recipe may have a model of the same name.
    return str(recipe / said) if said and (recipe / said).exists() else said


def fit_text(text: Mapping[str, str], choice: UpstreamChoice) -> Dict[str, str]:
    """Return what is said in the letters that a model writes, capitals or small ones.

    Args:
        text: What is said in each recording.
        choice: The model.

    Raises:
        ProbeError: If it cannot write down what it hears.
    """
    from espnet_probe.bin.score_recognition import model_files
    from espnet_probe.judge.kinds import find_kind
    from espnet_probe.judge.letter_case import as_written_by
    from espnet_probe.upstream.build import read_config
    from espnet_probe.upstream.task_kinds import find_task

    files = model_files(choice)
    config = read_config(files.config)
    try:
        find_kind(find_task(config, choice.task, files.task))
    except ProbeError as error:
        reason = str(error).partition(": expected")[0]
        raise ProbeError(f"{reason}: leave out --text") from error
    alike = as_written_by(config.get("token_list"))
    return {name: alike(words) for name, words in text.items()}


def hear(
    args: argparse.Namespace,
    folder: Path,
    probes: "ProbeExp",
    choice: UpstreamChoice,
) -> None:
    """Make and score the sounds of one model.

    Args:
        args: The arguments of the command.
        folder: Gets them, arranged as a probe experiment's are.
        probes: The trained probes.
        choice: The probed model.

    Raises:
        ProbeError: If a recording or the model does not do.
    """
    from espnet_probe.bin import (
        probe_inference,
        score_quality,
        score_recognition,
        vocode,
    )
    from espnet_probe.bin.score_files import written_whole

    with written_whole(folder / "config.yaml") as part:
        shutil.copyfile(probes.folder / "config.yaml", part)
    data, sounds = folder / "data" / SET, folder / f"reconstruct_{args.preset}" / SET
    named = {
        name: str(value)
        for name, value in asdict(choice).items()
        if value and (name != "seed" or choice.init)
    }
    probe_inference.main(
        ["--probe_exp", str(probes.folder), "--data_dir", str(data)]
        + ["--output_dir", str(sounds), "--layers", args.layers]
        + ["--ngpu", str(args.ngpu)]
        + [word for name in named for word in (f"--upstream_{name}", named[name])]
    )
    layers = json.loads((sounds.parent / "layers.json").read_text(encoding="utf-8"))
    made = [str(sounds / name) for name in ("oracle", *(one["name"] for one in layers))]
    vocode.main(
        ["--utt2num_samples", str(data / "utt2num_samples"), "--preset", args.preset]
        + ["--mel_config", str(sounds / "mel.yaml"), "--ngpu", str(args.ngpu)]
        + ["--dirs", *made]
    )
    made = [str(sounds / "natural"), *made]
    heard = [f"{name}/wav.scp" for name in made]
    # PESQ takes three times the time of the two others, and an extra package.
    score_quality.main(
        ["--ref_scp", heard[0], "--hyp_scp", *heard]
        + ["--output_dir", *made, "--measures", "stoi", "estoi"]
    )
    if not args.text:
        # Of an earlier call, perhaps of other recordings.
        for path in sounds.glob("*/recognition.*"):
            path.unlink()
    else:
        judge = {name: named[name] for name in JUDGE if name in named}
        score_recognition.main(
            ["--text", str(data / "text"), "--ngpu", str(args.ngpu)]
            + ["--wav_scp", *heard, "--output_dir", *made]
            + [word for name in judge for word in (f"--judge_{name}", judge[name])]
        )


def show(args: argparse.Namespace, experiments: Sequence[Path], command: str) -> None:
    """Make the page.

    Args:
        args: The arguments of the command.
        experiments: The folders of :func:`hear`.
        command: The command line, for the record.

    Raises:
        ProbeError: If it cannot be made.
    """
    from espnet_probe.bin import make_report

    make_report.make(
        ["--exp", *map(str, experiments), "--no_figures"]
        + ["--output_dir", str(args.output_dir / REPORT)]
        + ["--inference_tag", args.preset, "--dumpdir", str(experiments[0] / "data")]
        + ["--num_examples", str(len(args.recordings))],
        command,
    )


if __name__ == "__main__":
    sys.exit(run(main))
