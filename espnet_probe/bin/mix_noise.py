"""Make a noisy copy of a set.

A test set at a fixed SNR; its utterances keep their ids, so that they match the clean
originals::

    python3 -m espnet_probe.bin.mix_noise --kind test --snr 10 \\
        --data_dir data/test --output_dir data/test_snr10 --musan MUSAN

A copy for training, each utterance with music, noise or babble at an SNR drawn from
the range of its source; its ids get a suffix, so that it can be joined to the clean set
(``utils/combine_data.sh``)::

    python3 -m espnet_probe.bin.mix_noise --kind train \\
        --data_dir data/train --output_dir data/train_noisy_only --musan MUSAN

Several jobs share the work, and the same command with ``--merge`` ends it::

    ${cmd} JOB=1:4 mix.JOB.log python3 -m espnet_probe.bin.mix_noise ... --job JOB/4
    python3 -m espnet_probe.bin.mix_noise ... --merge

The output is a whole Kaldi folder: files of 16 bits in ``wav``, the tables of the
clean set, and ``noise.jsonl``, which says for every utterance what was mixed. A quarter
of the noise files is held out from training for the test, by their names, whatever the
seed. The same input, options and versions give the same bytes.
"""

import argparse
import functools
import logging
import math
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    from espnet_probe.bin.noise_work import Mixer


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Make a noisy copy of a set, at a fixed SNR or as for training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--data_dir", type=Path, required=True, help="clean set: a Kaldi data folder"
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="noisy set: the folder to write"
    )
    parser.add_argument(
        "--musan", type=Path, required=True, help="folder with music, noise and speech"
    )
    parser.add_argument(
        "--kind",
        choices=("test", "train"),
        required=True,
        help="test: at --snr, ids kept; train: at drawn SNRs, ids with --suffix",
    )
    parser.add_argument("--snr", type=float, help="signal-to-noise ratio in dB")
    parser.add_argument(
        "--sources",
        nargs="+",
        choices=("music", "noise", "babble"),
        default=("music", "noise", "babble"),
        help="kinds of noise, each as likely as the others",
    )
    parser.add_argument(
        "--suffix", default="-noisy", help="end of the ids of a copy for training"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides all choices")
    parser.add_argument(
        "--audio_format", choices=("flac", "wav"), default="flac", help="16 bits"
    )
    parser.add_argument(
        "--nj", type=int, default=1, help="number of processes, one thread each"
    )
    parser.add_argument(
        "--job",
        metavar="I/N",
        help="do the I-th of N parts of the work, and leave the tables to --merge",
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="after all jobs: check that every sound is there and write the tables",
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
    check_options(args)
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.bin.noise_files import find_noise
    from espnet_probe.bin.noise_work import Mixer, total
    from espnet_probe.bin.noisy_set import CleanSet
    from espnet_probe.bin.vocode import parse_job

    score_files.check_output(args.output_dir / "wav")
    part, parts = parse_job(args.job)
    suffix = args.suffix if args.kind == "train" else ""
    clean = CleanSet(args.data_dir, suffix)
    noise = find_noise(args.musan, args.sources, args.kind)
    mixer = Mixer(
        noise,
        args.output_dir,
        args.snr,
        args.seed,
        suffix,
        only_check=args.merge,
        audio_format=args.audio_format,
    )
    # Everything is looked at before the first file is written.
    items = [(utt, clean.sounds[utt]) for utt in clean.utts[part::parts]]
    for utt, file in items:
        mixer.check(utt)
        if not score_files.audio_shape(utt, file)[1]:
            raise ProbeError(f"{utt}: {file} has no samples: leave the utterance out")
    if not args.merge:
        # Until all is done again, the set is not to be taken for a whole one.
        (args.output_dir / "wav.scp").unlink(missing_ok=True)
    done = mix_all(mixer, items, max(1, min(args.nj, len(items))))
    records = [record for record, _ in done]
    made = sum(new for _, new in done)
    logging.info("made %d noisy utterances, %d were there", made, len(done) - made)
    if args.job is None:
        clean.write_noisy(args.output_dir, records)
        counts = ", ".join(f"{n} {name}" for name, n in sorted(total(records).items()))
        print(f"{args.output_dir}: {len(records)} utterances: {counts}")


def check_options(args: argparse.Namespace) -> None:
    """Check the options against each other.

    Args:
        args: The parsed options.

    Raises:
        ProbeError: If one is missing, superfluous or out of its range.
    """
    if args.kind == "test" and args.snr is None:
        raise ProbeError("--kind test needs --snr, in dB, such as --snr 10")
    if args.kind == "train" and args.snr is not None:
        raise ProbeError(
            f"got --kind train and --snr {args.snr:g}: SNRs for training are drawn "
            "from the ranges of music, noise and babble; leave out --snr"
        )
    if args.snr is not None and not (math.isfinite(args.snr) and abs(args.snr) <= 60):
        raise ProbeError(f"--snr {args.snr}: expected dB between -60 and 60")
    if args.kind == "train" and (not args.suffix or len(args.suffix.split()) != 1):
        raise ProbeError(f"--suffix '{args.suffix}': expected text without white space")
    if args.nj < 1:
        raise ProbeError(f"--nj {args.nj}: expected at least 1")
    if args.merge and args.job:
        raise ProbeError("got both --merge and --job: --merge comes after all jobs")
    if args.output_dir.resolve() == args.data_dir.resolve():
        raise ProbeError(
            f"--output_dir is the clean set, {args.data_dir}: give another folder"
        )


def mix_all(
    mixer: "Mixer", items: Sequence[Tuple[str, str]], nj: int
) -> List[Tuple[Dict[str, Any], bool]]:
    """Mix all utterances, in ``nj`` processes.

    Args:
        mixer: Does one utterance.
        items: Utterances and their files.
        nj: Number of processes; 1 means this one.

    Returns:
        Records, and whether they were made, in the order of ``items``.

    Raises:
        ProbeError: As the mixer, or if a process died.
    """
    from tqdm import tqdm

    bar = functools.partial(tqdm, total=len(items), desc="mix", unit="utt")
    if nj == 1:
        return list(bar(map(mixer, items)))
    # Spawned, not forked: a fresh process reads the thread limits before numpy does.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, min(64, len(items) // (4 * nj)))
    with ProcessPoolExecutor(nj, mp_context=context) as pool:
        try:
            return list(bar(pool.map(mixer, items, chunksize=chunk)))
        except BrokenProcessPool as error:
            raise ProbeError(
                "a process died, perhaps of too little memory: try a smaller --nj"
            ) from error


if __name__ == "__main__":
    sys.exit(run(main))
