"""Turn reconstructed mels into sound.

All layers of a set in one process; a folder has ``feats.scp`` and gets ``wav.scp``::

    python3 -m espnet_probe.bin.vocode --dirs rec/test/blstm1 rec/test/blstm2 \\
        --utt2num_samples dump/raw/test/utt2num_samples --mel_config mel.yaml

Several jobs share the work, and the same command with ``--merge`` ends it::

    ${cmd} JOB=1:4 vocode.JOB.log python3 -m espnet_probe.bin.vocode ... --job JOB/4
    python3 -m espnet_probe.bin.vocode ... --merge

For one table of mels that lies elsewhere there is ``--feats_scp`` and ``--output_dir``,
with which a job may also have its own list of utterances (``--key_file``) and folder.

A folder gets ``wav/<utterance>.flac``, ``wav.scp``, ``vocode.csv`` (length and gain of
every sound) and ``vocode.json`` (settings, totals, versions). Sounds that are complete
and were made from the same mels with the same settings are kept; others are made again.
"""

import argparse
import logging
import re
import sys
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Turn log-mel spectrograms into sound by Griffin-Lim.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--dirs",
        type=Path,
        nargs="+",
        help="folders that have feats.scp and get wav.scp, such as all layers of a set",
    )
    source.add_argument(
        "--feats_scp", type=Path, help="one table of mels, with --output_dir"
    )
    parser.add_argument("--output_dir", type=Path, help="folder for --feats_scp")
    parser.add_argument(
        "--utt2num_samples",
        type=Path,
        required=True,
        help="length of every utterance in samples; the sound gets exactly this length",
    )
    parser.add_argument(
        "--mel_config",
        type=Path,
        required=True,
        help="YAML file with the settings of the log-mel spectrograms",
    )
    parser.add_argument(
        "--preset",
        default="default",
        help="'default' sounds best; 'fast' takes half the time; 'paper' is what the "
        "paper's code does",
    )
    parser.add_argument(
        "--audio_format", choices=("flac", "wav"), default="flac", help="16 bits"
    )
    parser.add_argument(
        "--key_file",
        type=Path,
        help="the utterances to work on (first column); all by default",
    )
    parser.add_argument(
        "--job",
        metavar="I/N",
        help="do the I-th of N parts of the work, and leave wav.scp to --merge",
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="after all jobs: check that every sound is there and write wav.scp",
    )
    parser.add_argument("--ngpu", type=int, default=0, help="0 for CPU, 1 for a GPU")
    parser.add_argument(
        "--num_threads", type=int, default=1, help="threads of this job on the CPU"
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: The arguments; those of the process by default.

    Raises:
        ProbeError: If an input is missing, malformed or does not fit the others.
    """
    args = get_parser().parse_args(cmd)
    places = find_places(args.dirs, args.feats_scp, args.output_dir)
    part, parts = parse_job(args.job)
    if args.merge and args.job:
        raise ProbeError("got both --merge and --job: --merge comes after all jobs")
    if args.num_threads < 1 or args.ngpu not in (0, 1):
        raise ProbeError(
            f"--num_threads is {args.num_threads} and --ngpu {args.ngpu}: expected at "
            "least 1, and 0 or 1"
        )
    import torch

    from espnet_probe.bin import vocode_work
    from espnet_probe.bin.score_files import check_output
    from espnet_probe.bin.sound_folder import SoundFolder
    from espnet_probe.vocoders.griffin_lim import PRESETS, GriffinLim

    for _, output_dir in places:
        check_output(output_dir)
    if args.preset not in PRESETS:
        raise ProbeError(f"--preset {args.preset}: expected one of {sorted(PRESETS)}")
    if args.ngpu and not torch.cuda.is_available():
        raise ProbeError("--ngpu 1, but torch finds no GPU: use --ngpu 0")
    torch.set_num_threads(args.num_threads)
    mel = vocode_work.read_mel_config(args.mel_config)
    lengths = vocode_work.read_lengths(args.utt2num_samples)
    vocoder = GriffinLim(
        mel, PRESETS[args.preset], device="cuda" if args.ngpu else "cpu"
    )
    settings = vocode_work.describe(args.preset, vocoder)

    # Everything is looked at before the first sound is made, so that a wrong file
    # shows in seconds and not after an hour.
    works = []
    for feats_scp, output_dir in places:
        keys = vocode_work.choose(feats_scp, lengths, args.key_file)[part::parts]
        folder = SoundFolder(output_dir, args.audio_format, mel.fs)
        works.append(vocode_work.plan(feats_scp, folder, keys, lengths, mel, settings))
    missing = sum(len(work.pending) for work in works)
    total = sum(len(work.digests) for work in works)
    logging.info("%d sounds are there, %d are to be made", total - missing, missing)
    if args.merge and missing:
        first = next(work for work in works if work.pending)
        raise ProbeError(
            f"{first.folder.directory}: {missing} of {total} sounds, such as "
            f"{first.pending[0]}, are missing or not of these mels and settings: run "
            "all jobs with the same options before --merge"
        )
    scaled = vocode_work.make_sounds(works, lengths, vocoder)
    logging.info("made %d sounds, %d of them scaled down to fit", missing, scaled)
    if parts == 1:
        for work in works:
            vocode_work.finish(work, lengths, {**settings, "format": args.audio_format})


def find_places(
    dirs: Optional[Sequence[Path]],
    feats_scp: Optional[Path],
    output_dir: Optional[Path],
) -> List[Tuple[Path, Path]]:
    """Return where to read and where to write: feats.scp and folder.

    Args:
        dirs: Folders with feats.scp, or None.
        feats_scp: One table, where ``dirs`` is None.
        output_dir: The folder for it.

    Raises:
        ProbeError: If the folder is missing or superfluous, or given twice.
    """
    if dirs is None:
        if feats_scp is None or output_dir is None:
            raise ProbeError("--feats_scp needs --output_dir: where shall wav.scp go?")
        return [(feats_scp, output_dir)]
    if output_dir is not None:
        raise ProbeError(
            "got --dirs and --output_dir: every one of --dirs is its own output"
        )
    if len({path.resolve() for path in dirs}) < len(dirs):
        raise ProbeError("--dirs: a folder is given twice")
    return [(path / "feats.scp", path) for path in dirs]


def parse_job(job: Optional[str]) -> Tuple[int, int]:
    """Return the number of the part, from 0, and how many there are.

    Args:
        job: "I/N", or None for all of the work.

    Raises:
        ProbeError: If it is not of that form, or not 1 <= I <= N.
    """
    if job is None:
        return 0, 1
    found = re.fullmatch(r"(\d+)/(\d+)", job)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ProbeError(f"--job {job}: expected I/N with 1 <= I <= N, such as 2/4")
    return int(found[1]) - 1, int(found[2])


if __name__ == "__main__":
    sys.exit(run(main))
