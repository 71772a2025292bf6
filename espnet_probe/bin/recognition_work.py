"""The work of score_recognition: read, check, transcribe, count, write."""

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from espnet_probe.bin import score_files
from espnet_probe.errors import ProbeError
from espnet_probe.judge.letter_case import as_written_by, letter_case
from espnet_probe.scores import recognition
from espnet_probe.scores.intervals import NUM_DRAWS

if TYPE_CHECKING:
    from espnet_probe.judge.judge import Judge

#: Columns of recognition.csv after the utterance, before the texts.
COUNTS = ("errors", "substitutions", "deletions", "insertions")
HEADER = (
    *("utt_id", "words", *COUNTS, "chars", *(f"char_{name}" for name in COUNTS)),
    *("reference", "recognised"),
)


@dataclass(frozen=True)
class Transcripts:
    """What is said in the utterances of all sets, and by whom.

    Attributes:
        utts: The utterances, sorted.
        references: What is said in each.
        speakers: Who says it, in the order of ``utts``; None where that is not known.
        clean: What is done to a recognised text before it is compared.
    """

    utts: List[str]
    references: Dict[str, str]
    speakers: Optional[List[str]]
    clean: Callable[[str], str]


def shared_utterances(wav_scps: Sequence[Path]) -> List[str]:
    """Return the utterances of several sets, which must be the same in all.

    Args:
        wav_scps: Their wav.scp.

    Raises:
        ProbeError: If a file cannot be read, or the utterances differ.
    """
    first: Dict[str, str] = {}
    for wav_scp in wav_scps:
        paths = score_files.read_full_table(wav_scp, "utterance id and audio file")
        first = first or paths
        if first.keys() != paths.keys():
            other = sorted(first.keys() ^ paths.keys())
            raise ProbeError(
                f"{wav_scps[0]} and {wav_scp} have different utterances, "
                f"{', '.join(other[:3])} for one; expected the same, so that their "
                "error rates can be compared"
            )
    return sorted(first)


def read_transcripts(args: argparse.Namespace, utts: Sequence[str]) -> Transcripts:
    """Read what is said and who speaks.

    Args:
        args: The arguments of the command.
        utts: The utterances that are scored.

    Raises:
        ProbeError: If an utterance has no text or no speaker, or there are no words.
    """
    texts = score_files.read_table(args.text, "utterance id and text")
    _check_all(args.text, texts, utts)
    clean = _cleaner(args.cleaner)
    references = {utt: clean(texts[utt]) for utt in utts}
    try:
        recognition.check_words(references)
    except ProbeError as error:
        raise ProbeError(f"{args.text}: {error}") from error
    speakers = None
    if args.utt2spk is not None:
        table = score_files.read_full_table(args.utt2spk, "utterance and speaker")
        _check_all(args.utt2spk, table, utts)
        speakers = [table[utt] for utt in utts]
    return Transcripts(list(utts), references, speakers, _cleaner(args.hyp_cleaner))


def warn_of_letters(transcripts: Transcripts, tokens: Any) -> None:
    """Warn if the judge cannot write the references' letters: all would be wrong.

    Args:
        transcripts: What is said, and how what was recognised is cleaned.
        tokens: The judge's ``token_list``.
    """
    case, alike = letter_case(tokens), as_written_by(tokens)
    references, clean = transcripts.references, transcripts.clean
    other = [text for text in references.values() if text != clean(alike(text))]
    if case is not None and other:
        logging.warning(
            "the judge writes %s alone, and %d of %d transcripts have others, such as "
            "'%s': its words cannot equal them; write --text so, or give a --cleaner",
            case,
            len(other),
            len(references),
            other[0],
        )


def _check_all(path: Path, table: Dict[str, str], utts: Sequence[str]) -> None:
    missing = [utt for utt in utts if utt not in table]
    if missing:
        raise ProbeError(
            f"{path} lacks {len(missing)} of the {len(utts)} utterances: "
            f"{', '.join(missing[:3])}"
        )


def _cleaner(name: Optional[str]) -> Callable[[str], str]:
    """Return one of ESPnet's cleaners; without a name a text stays as it is."""
    if not name or name == "none":
        return str
    try:
        from espnet2.text.cleaner import TextCleaner

        cleaner = TextCleaner(name)
        # An unknown name is noticed, and a package imported, by the first text.
        cleaner("text")
    except (RuntimeError, ImportError, ValueError) as error:
        raise ProbeError(
            f"text cleaner {name}: {error}; expected one of ESPnet's, for example "
            "whisper_basic, or none"
        ) from error
    return lambda text: str(cleaner(text))


def check_sounds(wav_scp: Path, utts: Sequence[str], judge: "Judge") -> None:
    """Check, before any is recognised, that the judge can hear all sounds.

    Args:
        wav_scp: wav.scp of the set.
        utts: The utterances.
        judge: The judge.

    Raises:
        ProbeError: If a file is missing, of another rate, or longer than the judge
            hears.
    """
    paths = score_files.read_full_table(wav_scp, "utterance id and audio file")
    for utt in utts:
        fs, samples = score_files.audio_shape(utt, paths[utt])
        if fs != judge.fs:
            raise ProbeError(
                f"{utt}: got {fs} Hz, the judge {judge.origin} expects {judge.fs} Hz; "
                "resample the set first, or name another judge"
            )
        if judge.longest is not None and samples > judge.longest:
            raise ProbeError(
                f"{utt} has {samples / fs:.1f} s, and the judge {judge.origin} hears "
                f"{judge.longest / fs:.1f} s: leave it out, or name another judge"
            )


def is_finished(folder: Path, work_key: Optional[str]) -> bool:
    """Tell whether a folder has the results of the same work.

    Args:
        folder: The folder.
        work_key: What the work depends on; None is never the same.
    """
    if work_key is None or not (folder / "recognition.csv").is_file():
        return False
    try:
        content = json.loads((folder / "recognition.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("work_key") == work_key


def recognise_all(
    judge: "Judge", wav_scp: Path, utts: Sequence[str]
) -> Dict[str, Optional[str]]:
    """Let the judge write down every utterance of a set, one at a time.

    Args:
        judge: The judge.
        wav_scp: wav.scp of the set.
        utts: The utterances.

    Returns:
        Utterance to text; None where the sound is too short for the judge.

    Raises:
        ProbeError: If a sound cannot be read to its end, or the judge fails on it.
    """
    import soundfile
    from tqdm import tqdm

    paths = score_files.read_full_table(wav_scp, "utterance id and audio file")
    texts = {}
    for utt in tqdm(utts, desc=wav_scp.parent.name or "recognise", unit="utt"):
        try:
            # Doubles, as ESPnet's own loader reads them.
            waveform, _ = soundfile.read(paths[utt], dtype="float64")
            texts[utt] = judge.transcribe(waveform)
        except ProbeError as error:
            raise ProbeError(f"{utt} of {wav_scp}: {error}") from error
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(
                f"{utt}: cannot read its file in {wav_scp} as audio: {error}; is it "
                "whole? Make it anew"
            ) from error
    return texts


def score_set(
    args: argparse.Namespace,
    judge: "Judge",
    transcripts: Transcripts,
    wav_scp: Path,
    folder: Path,
) -> None:
    """Recognise one set, score it and write its files; recognition.json comes last.

    Args:
        args: The arguments of the command.
        judge: The judge.
        transcripts: What is said.
        wav_scp: wav.scp of the set.
        folder: Where the files go.

    Raises:
        ProbeError: As :func:`recognise_all`, or if a file cannot be written.
    """
    heard = recognise_all(judge, wav_scp, transcripts.utts)
    short = [utt for utt, text in heard.items() if text is None]
    if short:
        logging.warning(
            "%s: %d of %d utterances are too short for the judge, %s for one, and "
            "count as empty",
            wav_scp,
            len(short),
            len(heard),
            short[0],
        )
    recognised = {utt: transcripts.clean(text or "") for utt, text in heard.items()}
    pairs = [(transcripts.references[utt], recognised[utt]) for utt in transcripts.utts]
    words = [recognition.count_errors(*pair) for pair in pairs]
    chars = [recognition.count_character_errors(*pair) for pair in pairs]
    summary = summarise(words, chars, transcripts.speakers, args.seed)
    summary["utterances"] = len(pairs)
    summary["too_short_utterances"] = len(short)
    summary["judge"] = judge.describe()
    summary["config"] = {
        "wav_scp": str(wav_scp),
        "text": str(args.text),
        "utt2spk": None if args.utt2spk is None else str(args.utt2spk),
        "cleaner": args.cleaner,
        "hyp_cleaner": args.hyp_cleaner,
    }
    summary["work_key"] = args.work_key
    summary["versions"] = score_files.versions("espnet", "torch", "jiwer", "numpy")
    rows = (
        (utt, *_cells(words[n]), *_cells(chars[n]), *pairs[n])
        for n, utt in enumerate(transcripts.utts)
    )
    score_files.write_csv(folder / "recognition.csv", HEADER, rows)
    score_files.write_json(folder / "recognition.json", summary)
    interval = summary["wer_percent_ci95"]
    shown = "no interval" if interval is None else "%.1f-%.1f" % tuple(interval)
    print(
        f"{wav_scp}: WER {summary['wer_percent']:.1f} % ({shown}), "
        f"CER {summary['cer_percent']:.1f} %, {len(pairs)} utterances"
    )


def _cells(counts: recognition.EditCounts) -> List[int]:
    return [counts.units, *(getattr(counts, name) for name in COUNTS)]


def summarise(
    words: Sequence[recognition.EditCounts],
    chars: Sequence[recognition.EditCounts],
    speakers: Optional[Sequence[str]],
    seed: int,
) -> Dict[str, Any]:
    """Pool the counts of a set into rates with intervals.

    Args:
        words: Counts of words, one per utterance.
        chars: Counts of characters, one per utterance.
        speakers: The speaker of each utterance; None where not known.
        seed: Seed of the bootstrap.

    Returns:
        Rates in percent, their intervals, counts, and the reason where there is no
        interval.
    """
    summary: Dict[str, Any] = {}
    reason = None
    for name, counts in (("wer", words), ("cer", chars)):
        interval = recognition.error_rate_interval(counts, speakers, seed=seed)
        summary[f"{name}_percent"] = recognition.error_rate(counts)
        summary[f"{name}_percent_ci95"] = interval.as_list()
        reason = reason or interval.reason
    for unit, prefix, counts in (("words", "", words), ("chars", "char_", chars)):
        total = sum(counts, recognition.EditCounts())
        summary[unit] = total.units
        for name in COUNTS:
            summary[f"{prefix}{name}"] = getattr(total, name)
    summary["bootstrap"] = {
        "over": "utterances" if speakers is None else "speakers",
        "samples": NUM_DRAWS,
        "seed": seed,
    }
    if speakers is not None:
        summary["num_speakers"] = len(set(speakers))
    if reason is not None:
        summary["reason"] = reason
    return summary
