"""Score a set by speaker verification: equal error rate with its interval."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

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
        "--wav_scp", type=Path, required=True, help="wav.scp of the set"
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
        "--output_dir", type=Path, required=True, help="folder for the scores"
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
    except ProbeError as error:
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
        ProbeError: If an utterance has another sampling rate or is not finite.
    """
    from espnet2.fileio.sound_scp import SoundScpReader
    from tqdm import tqdm

    reader = SoundScpReader(str(wav_scp), dtype="float32")
    embeddings = {}
    for utt in tqdm(utts, desc="embed", unit="utt"):
        fs, waveform = reader[utt]
        try:
            embedding = embedder.embed(waveform, fs)
        except ProbeError as error:
            raise ProbeError(f"{utt}: {error}") from error
        if embedding is not None:
            embeddings[utt] = embedding
    return embeddings


def check_input(
    wav_scp: Path, trials: "Sequence[Trial]", sampling_rate: int
) -> List[str]:
    """Check, before any is embedded, that the audio of all trials is there.

    Args:
        wav_scp: wav.scp of the set.
        trials: The trials.
        sampling_rate: The embedder's, in Hz.

    Returns:
        The ids of the utterances of the trials, sorted.

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
    return utts


def cosine_to_reference(
    path: Path, embeddings: "Mapping[str, NDArray[np.float32]]"
) -> Dict[str, Any]:
    """Average the cosine between each utterance and its original.

    Args:
        path: embeddings.npz of the originals.
        embeddings: The embeddings of the set.

    Returns:
        ``mean``, ``ci95``, ``count``, and ``reason`` without interval.

    Raises:
        ProbeError: If the file shares no utterance with the set.
    """
    import numpy as np

    from espnet_probe.scores.quality import summarise
    from espnet_probe.scores.verification import cosine_scores

    with np.load(path) as stored:
        originals = dict(zip(stored["utt_ids"].tolist(), stored["embeddings"]))
    both = [utt for utt in sorted(embeddings) if utt in originals]
    if not both:
        raise ProbeError(f"{path} and the trials have no utterance in common")
    cosines = cosine_scores(
        np.stack([originals[utt] for utt in both]).astype(np.float64),
        np.stack([embeddings[utt] for utt in both]).astype(np.float64),
    )
    return summarise(cosines.tolist())


def score_trials(
    trials: "Sequence[Trial]",
    embeddings: "Mapping[str, NDArray[np.float32]]",
    speakers: Mapping[str, str],
    num_draws: int,
    seed: int,
) -> "Tuple[NDArray[np.float64], Dict[str, Any]]":
    """Score trials and summarise them.

    Args:
        trials: Trials of utterances that all have an embedding.
        embeddings: The embeddings.
        speakers: The person who speaks each utterance.
        num_draws: Number of bootstrap samples.
        seed: Seed of the bootstrap.

    Returns:
        The scores ``(trials,)``, and error rates, interval and counts.

    Raises:
        ProbeError: If one kind of trial is missing.
    """
    import numpy as np

    from espnet_probe.scores import verification

    number = {name: index for index, name in enumerate(sorted(set(speakers.values())))}
    enrolment = [trial.enrolment for trial in trials]
    test = [trial.test for trial in trials]
    targets = np.array([trial.target for trial in trials], dtype=np.bool_)
    utts = {utt: index for index, utt in enumerate(sorted({*enrolment, *test}))}
    if not utts:
        raise ProbeError("no trial is left: none of the utterances has an embedding")
    matrix = np.stack([embeddings[utt] for utt in utts]).astype(np.float64)
    scores = verification.cosine_scores(
        matrix[[utts[utt] for utt in enrolment]], matrix[[utts[utt] for utt in test]]
    )
    summary: Dict[str, Any] = {
        "eer_percent": verification.eer(scores, targets),
        "eer_percent_ci95": None,
        "eer_espnet_percent": verification.eer_espnet(scores, targets),
        "num_trials": len(trials),
        "num_target": int(targets.sum()),
        "num_nontarget": int((~targets).sum()),
        "num_utterances": len(utts),
        "num_speakers": len({speakers[utt] for utt in utts}),
    }
    interval = verification.eer_interval(
        scores,
        targets,
        np.array([number[speakers[utt]] for utt in enrolment], dtype=np.int64),
        np.array([number[speakers[utt]] for utt in test], dtype=np.int64),
        num_draws,
        seed,
    )
    summary["eer_percent_ci95"] = interval.as_list()
    if interval.reason is not None:
        summary["reason"] = interval.reason
    return scores, summary


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
    if args.ref_embeddings is not None and not args.ref_embeddings.is_file():
        raise ProbeError(
            f"no embeddings at {args.ref_embeddings}: score the originals first"
        )
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.scores.trials import check_labels, speakers_from_trials
    from espnet_probe.speakers.registry import build_embedder

    trials = read_trials(args.trials)
    if args.utt2spk is None:
        speakers: Mapping[str, str] = speakers_from_trials(trials)
    else:
        speakers = score_files.read_full_table(args.utt2spk, "utterance and speaker")
    check_labels(trials, speakers)
    embedder = build_embedder(args.embedder)
    utts = check_input(args.wav_scp, trials, embedder.sampling_rate)

    embeddings = embed_all(embedder, args.wav_scp, utts)
    scored = [t for t in trials if t.enrolment in embeddings and t.test in embeddings]
    if len(embeddings) < len(utts):
        logging.warning(
            "%d of %d utterances are too short or silent for an embedding: %d of %d "
            "trials are left out",
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
            args.ref_embeddings, embeddings
        )
    summary["embedder"] = args.embedder
    summary["bootstrap"] = {
        "over": "speakers",
        "samples": args.num_bootstrap,
        "seed": args.seed,
        "speakers_from": str(args.utt2spk) if args.utt2spk else "target trials",
    }
    summary["config"] = {"wav_scp": str(args.wav_scp), "trials": str(args.trials)}
    summary["versions"] = score_files.versions("numpy", "torch", "torchaudio")
    write_results(args.output_dir, scored, scores, embeddings, summary)
    interval = summary["eer_percent_ci95"]
    shown = "no interval" if interval is None else "%.2f-%.2f" % tuple(interval)
    print(
        f"EER {summary['eer_percent']:.2f} % ({shown}), {len(scored)} trials, "
        f"{summary['num_speakers']} speakers"
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
