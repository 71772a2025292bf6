"""What a recogniser makes of the reconstructions: word and character error rates.

Stage 12 writes ``recognition.json`` and, by utterance, ``recognition.csv``.
"""

from pathlib import Path
from typing import Any, Dict, Mapping

from espnet_probe.report.documents import checked, read_counts, read_document
from espnet_probe.report.values import CER, WER, Value, missing

FILE = "recognition.json"
#: The settings of decoding that matter most; the file has them all.
SETTINGS = ("beam_size", "ctc_weight", "lm_weight", "penalty", "nbest")
#: Digits of a hash that are shown.
HASH = 12
WORD_COUNTS = (
    "words",
    "errors",
    "substitutions",
    "deletions",
    "insertions",
    "utterances",
)
CHARACTER_COUNTS = {
    "chars": "characters",
    "char_errors": "errors",
    "utterances": "utterances",
}


def read_recognition(folder: Path) -> Dict[str, Value]:
    """Read the error rates of a layer or control.

    Args:
        folder: Where its files are.
    """
    path = folder / FILE
    document, problem = read_document(path)
    if document is None:
        return {metric.key: missing(problem) for metric in (WER, CER)}
    reason = str(document.get("reason") or "")
    names = {WER.key: {name: name for name in WORD_COUNTS}, CER.key: CHARACTER_COUNTS}
    return {
        key: checked(
            document.get(key),
            document.get(f"{key}_ci95"),
            read_counts(document, counts),
            path,
            reason,
        )
        for key, counts in names.items()
    }


def judge_text(document: Mapping[str, Any]) -> str:
    """Say which recogniser judged, as its file does.

    Args:
        document: The content of ``recognition.json``.
    """
    judge = document.get("judge")
    if not isinstance(judge, dict) or not judge:
        return "not named in its files"
    said = [
        f"{name} {_short(name, one)}"
        for name, one in judge.items()
        if one and not isinstance(one, dict)
    ]
    decoding = judge.get("decoding")
    settings = decoding if isinstance(decoding, dict) else {}
    said += [f"{name} {settings[name]}" for name in SETTINGS if name in settings]
    return ", ".join(said)


def over_text(document: Mapping[str, Any]) -> str:
    """Say what the intervals of a result file were drawn over.

    Args:
        document: The content of the file.
    """
    bootstrap = document.get("bootstrap")
    over = bootstrap.get("over") if isinstance(bootstrap, dict) else None
    return str(over) if over else "what the file does not say"


def _short(name: str, value: Any) -> str:
    return str(value)[:HASH] if name == "hash" else str(value)
