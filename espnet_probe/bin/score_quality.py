"""Score waveforms against their references: STOI, ESTOI, PESQ."""

import argparse
import functools
import logging
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError, examples


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Score waveforms against their references, matched by utterance "
        "id. Writes quality.csv (utt_id, stoi, estoi, pesq_wb; empty where a score is "
        "not defined) and quality.json (means, 95 % intervals, counts).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--ref_scp", type=Path, required=True, help="wav.scp: originals"
    )
    parser.add_argument(
        "--hyp_scp",
        type=Path,
        required=True,
        nargs="+",
        help="wav.scp: what is to be scored; several, if they share the originals",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        nargs="+",
        help="folder for the scores, one for each --hyp_scp",
    )
    parser.add_argument(
        "--measures",
        nargs="+",
        choices=("stoi", "estoi", "pesq_wb"),
        default=["stoi", "estoi", "pesq_wb"],
        help="what to compute; pesq_wb takes three times as long as the two others",
    )
    parser.add_argument(
        "--nj", type=int, default=1, help="number of processes, one thread each"
    )
    return parser


def check_pairs(reference: Mapping[str, str], hypothesis: Mapping[str, str]) -> int:
    """Check ids, rates and lengths of all pairs before any is scored.

    Args:
        reference: Utterance id to audio file.
        hypothesis: Utterance id to audio file.

    Returns:
        The sampling rate they share, in Hz.

    Raises:
        ProbeError: If ids, sampling rates or lengths differ.
    """
    from espnet_probe.bin.score_files import audio_shape

    missing = sorted(set(reference) - set(hypothesis))
    extra = sorted(set(hypothesis) - set(reference))
    if missing or extra:
        raise ProbeError(
            f"utterance ids differ: {len(missing)} without hypothesis"
            f"{examples(missing)}, {len(extra)} without reference{examples(extra)}; "
            "expected the same ids in both"
        )
    rates: Dict[int, str] = {}
    for utt, path in reference.items():
        fs, samples = audio_shape(utt, path)
        hyp_fs, hyp_samples = audio_shape(utt, hypothesis[utt])
        if fs != hyp_fs:
            raise ProbeError(
                f"{utt}: reference has {fs} Hz, hypothesis {hyp_fs} Hz; expected one "
                "sampling rate"
            )
        if samples != hyp_samples:
            raise ProbeError(
                f"{utt}: reference has {samples} samples, hypothesis {hyp_samples}; "
                "expected one length, aligned at the first sample"
            )
        rates.setdefault(fs, utt)
    if len(rates) > 1:
        found = ", ".join(f"{fs} Hz ({utt})" for fs, utt in sorted(rates.items()))
        raise ProbeError(
            f"mixed sampling rates: {found}; expected one in the whole set"
        )
    return next(iter(rates))


def score_utterance(
    ref_scp: str, hyp_scp: str, measures: Sequence[str], utt: str
) -> Tuple[Optional[float], Optional[float], Optional[float]]:
    """Read and score one pair; runs in the worker processes.

    Args:
        ref_scp: wav.scp of the references.
        hyp_scp: wav.scp of the hypotheses.
        measures: What to compute.
        utt: Utterance id.

    Returns:
        STOI, ESTOI and PESQ, None where not defined, not available or not asked for.
    """
    from soundfile import SoundFileError

    from espnet_probe.scores.quality import score_pair, validate

    try:
        fs, reference = _reader(ref_scp)[utt]
        hyp_fs, hypothesis = _reader(hyp_scp)[utt]
    except SoundFileError as error:
        raise ProbeError(
            f"{utt}: its audio in {ref_scp} or {hyp_scp} cannot be read to its end "
            f"({error}); make it again"
        ) from error
    try:
        validate(reference, hypothesis, fs, hyp_fs)
        scores = score_pair(reference, hypothesis, fs, measures)
    except ProbeError as error:
        raise ProbeError(f"{utt}: {error}") from error
    return scores.stoi, scores.estoi, scores.pesq_wb


@functools.lru_cache(maxsize=2)
def _reader(scp: str) -> Any:
    """Open a wav.scp once per process."""
    from espnet2.fileio.sound_scp import SoundScpReader

    return SoundScpReader(scp, dtype="float64")


def score_all(
    ref_scp: Path, hyp_scp: Path, measures: Sequence[str], utts: Sequence[str], nj: int
) -> List[Tuple[Optional[float], Optional[float], Optional[float]]]:
    """Score all pairs, in ``nj`` processes.

    Args:
        ref_scp: wav.scp of the references.
        hyp_scp: wav.scp of the hypotheses.
        measures: What to compute.
        utts: Utterance ids.
        nj: Number of processes; 1 means this one.

    Returns:
        The scores in the order of ``utts``.

    Raises:
        ProbeError: If a pair cannot be scored, or a process died.
    """
    from tqdm import tqdm

    score = functools.partial(
        score_utterance, str(ref_scp), str(hyp_scp), list(measures)
    )
    bar = functools.partial(tqdm, total=len(utts), desc="score", unit="utt")
    if nj == 1:
        return list(bar(map(score, utts)))
    # Spawned, not forked: a fresh process reads the thread limits before numpy does.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, min(16, len(utts) // (4 * nj)))
    with ProcessPoolExecutor(nj, mp_context=context) as pool:
        try:
            return list(bar(pool.map(score, utts, chunksize=chunk)))
        except BrokenProcessPool as error:
            raise ProbeError(
                "a scoring process died, perhaps of too little memory: try --nj "
                f"{nj // 2}"
            ) from error


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the pairs do not match or cannot be read.
    """
    args = get_parser().parse_args(cmd)
    if args.nj < 1:
        raise ProbeError(f"got --nj {args.nj}: expected at least 1")
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.scores.intervals import summarise
    from espnet_probe.scores.quality import METRICS, pesq_reason

    if len(args.hyp_scp) != len(args.output_dir):
        raise ProbeError(
            f"got {len(args.hyp_scp)} --hyp_scp and {len(args.output_dir)} "
            "--output_dir: expected as many of both"
        )
    for folder in args.output_dir:
        score_files.check_output(folder)
    expected = "utterance id and audio file"
    reference = score_files.read_full_table(args.ref_scp, expected)
    # All sets are checked before the first is scored.
    for hyp_scp in args.hyp_scp:
        fs = check_pairs(reference, score_files.read_full_table(hyp_scp, expected))
    reasons = {
        metric: f"not computed: --measures {' '.join(args.measures)}"
        for metric in METRICS
        if metric not in args.measures
    }
    if "pesq_wb" in args.measures and pesq_reason(fs) is not None:
        reasons["pesq_wb"] = str(pesq_reason(fs))
        logging.warning("PESQ is left out: %s", reasons["pesq_wb"])
    utts = sorted(reference)
    for hyp_scp, folder in zip(args.hyp_scp, args.output_dir):
        scores = score_all(
            args.ref_scp, hyp_scp, args.measures, utts, min(args.nj, len(utts))
        )
        summary: Dict[str, Any] = {
            metric: summarise([row[index] for row in scores], reasons.get(metric))
            for index, metric in enumerate(METRICS)
        }
        summary["utterances"] = len(utts)
        summary["config"] = {
            "ref_scp": str(args.ref_scp),
            "hyp_scp": str(hyp_scp),
            "fs": fs,
        }
        summary["versions"] = score_files.versions("numpy", "scipy", "pystoi", "pesq")
        rows = ((utt, *row) for utt, row in zip(utts, scores))
        score_files.write_csv(folder / "quality.csv", ("utt_id", *METRICS), rows)
        score_files.write_json(folder / "quality.json", summary)
        shown = ", ".join(
            f"{metric} {summary[metric]['mean']:.4f}"
            for metric in METRICS
            if summary[metric]["mean"] is not None
        )
        print(f"{hyp_scp}: {shown or 'no score'} ({len(utts)} utterances)")


if __name__ == "__main__":
    sys.exit(run(main))
