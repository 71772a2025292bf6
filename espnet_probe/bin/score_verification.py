"""Score a set by speaker verification: equal error rate with its interval."""

import argparse
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.spec import choices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from espnet_probe.bin.embedding_files import EmbeddedSet
    from espnet_probe.scores.trials import Trial
    from espnet_probe.speakers.abs_embedder import AbsEmbedder


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Embed every utterance of the trials once, score the trials by "
        "cosine. Writes verification.csv (enrolment, test, label, score), "
        "verification.json (equal error rates, 95 % interval by bootstrap over "
        "speakers, detection costs, d-prime, counts) and embeddings.npz (utt_ids, "
        "embeddings). After an interruption, what was embedded is not embedded again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--wav_scp",
        type=Path,
        required=True,
        nargs="+",
        help="wav.scp to score; several, if they share the trials",
    )
    parser.add_argument(
        "--trials",
        type=Path,
        required=True,
        help="'enrolment test target|nontarget', VoxCeleb's '1|0 enrolment test' or "
        "ESPnet's 'enrolment*test 1|0'",
    )
    parser.add_argument(
        "--embedder", default="ge2e", help=f"speaker embedder: {choices()}"
    )
    parser.add_argument(
        "--suffix",
        help="write verification_SUFFIX.csv and so on: for a second embedder",
    )
    parser.add_argument(
        "--utt2spk",
        type=Path,
        help="'utterance speaker' lines, a speaker being a person (utt2reader for "
        "LibriSpeech); without, utterances joined by target trials are one speaker",
    )
    parser.add_argument(
        "--ref_embeddings",
        type=Path,
        help="embeddings.npz of the originals: also give the mean cosine between each "
        "utterance and its original, and score the trials with the original as the "
        "enrolment (original_enrolment, and a column of that name)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--num_bootstrap", type=int, default=1000, help="number of bootstrap samples"
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        nargs="+",
        help="folder for the scores, one for each --wav_scp",
    )
    return parser


def check_input(wav_scp: Path, trials: "Sequence[Trial]", sampling_rate: int) -> None:
    """Check, before any is embedded, that the audio of all trials is there.

    Args:
        wav_scp: wav.scp of the set.
        trials: The trials.
        sampling_rate: The embedder's, in Hz.

    Raises:
        ProbeError: If an utterance or its file is missing or has another rate.
    """
    from espnet_probe.bin.score_files import audio_shape, read_full_table
    from espnet_probe.bin.trial_files import utterances

    paths = read_full_table(wav_scp, "utterance id and audio file")
    utts = utterances(trials)
    missing = [utt for utt in utts if utt not in paths]
    if missing:
        raise ProbeError(
            f"{wav_scp} lacks {len(missing)} of the {len(utts)} utterances of the "
            f"trials: {', '.join(missing[:3])}"
        )
    for utt in utts:
        fs, _ = audio_shape(utt, paths[utt])
        if fs != sampling_rate:
            raise ProbeError(
                f"{utt}: got {fs} Hz, the embedder expects {sampling_rate} Hz; "
                "resample the set first"
            )


def check_args(args: argparse.Namespace) -> None:
    """Check what can be checked without reading any file.

    Args:
        args: The arguments of the command.

    Raises:
        ProbeError: If they contradict each other.
    """
    if args.num_bootstrap < 100:
        raise ProbeError(
            f"got --num_bootstrap {args.num_bootstrap}: expected at least 100"
        )
    if len(args.wav_scp) != len(args.output_dir):
        raise ProbeError(
            f"got {len(args.wav_scp)} --wav_scp and {len(args.output_dir)} "
            "--output_dir: expected as many of both"
        )
    if args.suffix is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", args.suffix):
        raise ProbeError(
            f"got --suffix '{args.suffix}': expected letters, digits, '.', '_' or '-'"
        )
    if args.ref_embeddings is not None and not args.ref_embeddings.is_file():
        raise ProbeError(
            f"no embeddings at {args.ref_embeddings}: score the originals first"
        )


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If trials, audio, speakers or weights are missing or contradict
            each other.
    """
    args = get_parser().parse_args(cmd)
    check_args(args)
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.bin import embedding_files
    from espnet_probe.bin.trial_files import read_speakers, read_trials
    from espnet_probe.speakers.registry import build_embedder
    from espnet_probe.speakers.spec import check_spec

    for folder in args.output_dir:
        score_files.check_output(folder)
    check_spec(args.embedder)
    reference = None
    if args.ref_embeddings is not None:
        reference = embedding_files.read_embeddings(args.ref_embeddings)
    first = score_files.read_full_table(args.wav_scp[0], "utterance id and audio file")
    trials = read_trials(args.trials, first)
    speakers, source = read_speakers(args.utt2spk, trials)
    embedder = build_embedder(args.embedder)
    if reference is not None:
        embedding_files.check_reference(
            reference, args.ref_embeddings, embedding_files.identity(embedder)
        )
    # All sets are checked before the first is scored.
    for wav_scp in args.wav_scp:
        check_input(wav_scp, trials, embedder.sampling_rate)
    for wav_scp, folder in zip(args.wav_scp, args.output_dir):
        settings = {
            "embedder": embedder.label,
            "embedder_model": embedder.describe(),
            "bootstrap": {
                "over": "speakers",
                "samples": args.num_bootstrap,
                "seed": args.seed,
                "speakers_from": source,
            },
            "config": {"wav_scp": str(wav_scp), "trials": str(args.trials)},
            "versions": score_files.versions("numpy", "torch", "torchaudio"),
        }
        suffix = "" if args.suffix is None else f"_{args.suffix}"
        summary = score_set(
            embedder, trials, speakers, reference, wav_scp, folder, settings, suffix
        )
        print(f"{wav_scp}: {in_words(summary)}")


def score_set(
    embedder: "AbsEmbedder",
    trials: "List[Trial]",
    speakers: Mapping[str, str],
    reference: "Optional[EmbeddedSet]",
    wav_scp: Path,
    folder: Path,
    settings: Mapping[str, Any],
    suffix: str,
) -> Dict[str, Any]:
    """Score one set and write its files.

    Args:
        embedder: The embedder.
        trials: The trials.
        speakers: The person who speaks each utterance.
        reference: Embeddings of the originals; None if they are not to be compared.
        wav_scp: wav.scp of the set.
        folder: Where the files go.
        settings: What to write beside the scores, the bootstrap's among it.
        suffix: Of the files' names.

    Returns:
        What verification.json holds.
    """
    import numpy as np

    from espnet_probe.bin import score_files
    from espnet_probe.bin.embedding_files import embed_set
    from espnet_probe.bin.trial_files import utterances
    from espnet_probe.scores.trial_scores import cosine_to_reference, score_trials

    utts = utterances(trials)
    embeddings = embed_set(embedder, wav_scp, utts, folder / f"embeddings{suffix}.npz")
    draws = settings["bootstrap"]["samples"], settings["bootstrap"]["seed"]
    scores, summary = score_trials(trials, embeddings, speakers, *draws)
    summary["excluded_utterances"] = len(utts) - len(embeddings)
    if len(embeddings) < len(utts):
        logging.warning(
            "%s: %d of %d utterances are too short or silent for an embedding, so %d "
            "of %d trials are left out",
            wav_scp,
            len(utts) - len(embeddings),
            len(utts),
            summary["excluded_trials"],
            len(trials),
        )
    columns = {"score": scores}
    if reference is not None:
        originals = reference.embeddings
        summary["cosine_to_reference"] = cosine_to_reference(originals, embeddings)
        # Of the trials that the first design has: the two can then be compared.
        there = ~np.isnan(scores)
        both = [trial for trial, one in zip(trials, there) if one]
        column = np.full(len(trials), np.nan)
        column[there], summary["original_enrolment"] = score_trials(
            both, embeddings, speakers, *draws, enrolments=originals
        )
        columns["score_original_enrolment"] = column
    summary.update(settings)
    # verification.json, the sign of completion, last.
    write_scores(folder / f"verification{suffix}.csv", trials, columns)
    score_files.write_json(folder / f"verification{suffix}.json", summary)
    return summary


def write_scores(
    path: Path, trials: "Sequence[Trial]", columns: "Mapping[str, NDArray[np.float64]]"
) -> None:
    """Write the table of scores.

    Args:
        path: The file.
        trials: The trials.
        columns: Scores by the name of their column, ``(trials,)`` each; NaN where a
            trial has none. Trials without the first are left out.
    """
    import numpy as np

    from espnet_probe.bin import score_files

    table = np.stack(list(columns.values()), axis=1)
    rows = (
        (
            trial.enrolment,
            trial.test,
            trial.label,
            *(None if score != score else score for score in scores),
        )
        for trial, scores in zip(trials, table.tolist())
        if scores[0] == scores[0]
    )
    header = ("enrolment", "test", "label", *columns)
    # 9 digits tell any two float32 cosines apart, so the rates can be recomputed.
    score_files.write_csv(path, header, rows, digits=9)


def in_words(summary: Mapping[str, Any]) -> str:
    """Return the line that is printed of a set.

    Args:
        summary: What verification.json holds.
    """
    if summary["eer_percent"] is None:
        return f"no EER: {summary['reason']}"
    interval = summary["eer_percent_ci95"]
    shown = "no interval" if interval is None else "%.2f-%.2f" % tuple(interval)
    said = f"EER {summary['eer_percent']:.2f} % ({shown})"
    other = summary.get("original_enrolment", {}).get("eer_percent")
    if other is not None:
        said += f", {other:.2f} % against the originals"
    return f"{said}, {summary['num_trials']} trials, {summary['num_speakers']} speakers"


if __name__ == "__main__":
    sys.exit(run(main))
