"""Score a set by speaker verification: equal error rate with its interval."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.registry import EMBEDDERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from espnet_probe.scores.trials import Trial
    from espnet_probe.speakers.abs_embedder import AbsEmbedder


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Embed every utterance of the trials once, score the trials by "
        "cosine. Writes verification.csv (enrolment, test, label, score), "
        "verification.json (equal error rates, 95 %% interval by bootstrap over "
        "speakers, counts) and embeddings.npz (utt_ids, embeddings).",
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
        "--trials", type=Path, required=True, help="'enrolment test target|nontarget'"
    )
    parser.add_argument(
        "--embedder", choices=sorted(EMBEDDERS), default="ge2e", help="speaker embedder"
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
        "utterance and its original",
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


def read_trials(path: Path) -> "List[Trial]":
    """Read a file of trials.

    Args:
        path: The file.

    Raises:
        ProbeError: If it is missing or malformed; the message has path and line.
    """
    from espnet_probe.scores.trials import parse_trials

    if not path.is_file():
        raise ProbeError(
            f"no trials at {path}: make them with 'python -m "
            "espnet_probe.bin.make_trials'"
        )
    try:
        with path.open(encoding="utf-8") as lines:
            return parse_trials(lines)
    except (ProbeError, UnicodeDecodeError) as error:
        raise ProbeError(f"{path}: {error}") from error


def embed_all(
    embedder: "AbsEmbedder", wav_scp: Path, utts: Sequence[str]
) -> "Dict[str, NDArray[np.float32]]":
    """Embed utterances, one at a time.

    Args:
        embedder: The embedder.
        wav_scp: wav.scp with all of them.
        utts: Utterance ids.

    Returns:
        The embeddings ``(dim,)`` of those that have one.

    Raises:
        ProbeError: If an utterance cannot be read to its end, has another sampling
            rate or is not finite.
    """
    import soundfile
    from espnet2.fileio.sound_scp import SoundScpReader
    from tqdm import tqdm

    reader = SoundScpReader(str(wav_scp), dtype="float32")
    embeddings = {}
    for utt in tqdm(utts, desc="embed", unit="utt"):
        try:
            fs, waveform = reader[utt]
            embedding = embedder.embed(waveform, fs)
        except ProbeError as error:
            raise ProbeError(f"{utt}: {error}") from error
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(
                f"{utt}: cannot read its file in {wav_scp} as audio: {error}; is it "
                "whole? Make it anew"
            ) from error
        if embedding is not None:
            embeddings[utt] = embedding
    return embeddings


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

    paths = read_full_table(wav_scp, "utterance id and audio file")
    utts = sorted({utt for trial in trials for utt in (trial.enrolment, trial.test)})
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


def read_embeddings(path: Path) -> "Dict[str, NDArray[np.float32]]":
    """Read the embeddings that this command wrote for another set.

    Args:
        path: embeddings.npz.

    Returns:
        Utterance id to embedding ``(dim,)``.

    Raises:
        ProbeError: If it is no such file.
    """
    import zipfile

    import numpy as np

    try:
        with np.load(path) as stored:
            return dict(zip(stored["utt_ids"].tolist(), stored["embeddings"]))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ProbeError(
            f"cannot read {path}: {error}; expected embeddings.npz, as this command "
            "writes it"
        ) from error


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If trials, audio, speakers or weights are missing or contradict
            each other.
    """
    args = get_parser().parse_args(cmd)
    if args.num_bootstrap < 100:
        raise ProbeError(
            f"got --num_bootstrap {args.num_bootstrap}: expected at least 100"
        )
    if len(args.wav_scp) != len(args.output_dir):
        raise ProbeError(
            f"got {len(args.wav_scp)} --wav_scp and {len(args.output_dir)} "
            "--output_dir: expected as many of both"
        )
    if args.ref_embeddings is not None and not args.ref_embeddings.is_file():
        raise ProbeError(
            f"no embeddings at {args.ref_embeddings}: score the originals first"
        )
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.scores.trials import check_labels, speakers_from_trials
    from espnet_probe.speakers.registry import build_embedder

    for folder in args.output_dir:
        score_files.check_output(folder)
    if args.ref_embeddings is not None:
        read_embeddings(args.ref_embeddings)
    trials = read_trials(args.trials)
    if args.utt2spk is None:
        speakers: Mapping[str, str] = speakers_from_trials(trials)
    else:
        speakers = score_files.read_full_table(args.utt2spk, "utterance and speaker")
    check_labels(trials, speakers)
    embedder = build_embedder(args.embedder)
    # All sets are checked before the first is scored.
    for wav_scp in args.wav_scp:
        check_input(wav_scp, trials, embedder.sampling_rate)
    for wav_scp, folder in zip(args.wav_scp, args.output_dir):
        score_set(args, embedder, trials, speakers, wav_scp, folder)


def score_set(
    args: argparse.Namespace,
    embedder: "AbsEmbedder",
    trials: "Sequence[Trial]",
    speakers: Mapping[str, str],
    wav_scp: Path,
    folder: Path,
) -> None:
    """Score one set and write its files.

    Args:
        args: The arguments of the command.
        embedder: The embedder.
        trials: The trials.
        speakers: The person who speaks each utterance.
        wav_scp: wav.scp of the set.
        folder: Where the files go.

    Raises:
        ProbeError: If the utterances that have an embedding leave no trials.
    """
    from espnet_probe.bin import score_files
    from espnet_probe.scores.trial_scores import cosine_to_reference, score_trials

    utts = sorted({utt for trial in trials for utt in (trial.enrolment, trial.test)})
    embeddings = embed_all(embedder, wav_scp, utts)
    scored = [t for t in trials if t.enrolment in embeddings and t.test in embeddings]
    if len(embeddings) < len(utts):
        logging.warning(
            "%s: %d of %d utterances are too short or silent for an embedding, so %d "
            "of %d trials are left out",
            wav_scp,
            len(utts) - len(embeddings),
            len(utts),
            len(trials) - len(scored),
            len(trials),
        )
    scores, summary = score_trials(
        scored, embeddings, speakers, args.num_bootstrap, args.seed
    )
    summary["excluded_utterances"] = len(utts) - len(embeddings)
    summary["excluded_trials"] = len(trials) - len(scored)
    if args.ref_embeddings is not None:
        summary["cosine_to_reference"] = cosine_to_reference(
            read_embeddings(args.ref_embeddings), embeddings
        )
    summary["embedder"] = args.embedder
    summary["bootstrap"] = {
        "over": "speakers",
        "samples": args.num_bootstrap,
        "seed": args.seed,
        "speakers_from": str(args.utt2spk) if args.utt2spk else "target trials",
    }
    summary["config"] = {"wav_scp": str(wav_scp), "trials": str(args.trials)}
    summary["versions"] = score_files.versions("numpy", "torch", "torchaudio")
    write_results(folder, scored, scores, embeddings, summary)
    interval = summary["eer_percent_ci95"]
    shown = "no interval" if interval is None else "%.2f-%.2f" % tuple(interval)
    print(
        f"{wav_scp}: EER {summary['eer_percent']:.2f} % ({shown}), "
        f"{len(scored)} trials, {summary['num_speakers']} speakers"
    )


def write_results(
    folder: Path,
    trials: "Sequence[Trial]",
    scores: "NDArray[np.float64]",
    embeddings: "Mapping[str, NDArray[np.float32]]",
    summary: Mapping[str, Any],
) -> None:
    """Write the three files; verification.json, the sign of completion, last.

    Args:
        folder: Where to.
        trials: The trials.
        scores: ``(trials,)``.
        embeddings: The embeddings.
        summary: Content of the JSON file.
    """
    import numpy as np

    from espnet_probe.bin import score_files

    utts = sorted(embeddings)
    with score_files.written_whole(folder / "embeddings.npz") as part:
        with part.open("wb") as stream:
            np.savez(
                stream,
                utt_ids=np.array(utts),
                embeddings=np.stack([embeddings[utt] for utt in utts]),
            )
    rows = (
        (trial.enrolment, trial.test, trial.label, float(score))
        for trial, score in zip(trials, scores)
    )
    header = ("enrolment", "test", "label", "score")
    # 9 digits tell any two float32 cosines apart, so the rates can be recomputed.
    score_files.write_csv(folder / "verification.csv", header, rows, digits=9)
    score_files.write_json(folder / "verification.json", summary)


if __name__ == "__main__":
    sys.exit(run(main))
