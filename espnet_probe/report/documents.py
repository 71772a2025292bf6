"""Result files, and the numbers in them with the reasons of those they lack."""

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import yaml

from espnet_probe.report.values import Value, finite, interval, missing

#: How the reason begins where nobody asked for a score.
NOT_SCORED = "not scored"


def read_document(path: Path) -> Tuple[Optional[Dict[str, Any]], str]:
    """Read a JSON file that holds one mapping.

    Returns:
        The mapping and an empty string, or None and the reason in words.
    """
    if not path.is_file():
        return None, f"{NOT_SCORED}: no file {path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        return None, f"{path.name} cannot be read: {error}"
    if not isinstance(document, dict):
        return None, f"{path.name} cannot be read: it holds no mapping"
    return document, ""


def read_counts(
    document: Mapping[str, Any], names: Mapping[str, str]
) -> Dict[str, int]:
    """Return the counts of a result file under the names that a report shows.

    Args:
        document: What the file holds.
        names: The shown name by the file's key; keys that are absent, or hold no
            finite number, are left out.
    """
    found = {}
    for key, name in names.items():
        number = finite(document.get(key))
        if number is not None:
            found[name] = int(number)
    return found


def checked(
    mean: Any, pair: Any, counts: Dict[str, int], source: Path, reason: str
) -> Value:
    """Make a value of what a file says, with a reason for each thing it lacks.

    Args:
        mean: The file's number.
        pair: Its interval, ``[low, high]`` or null.
        counts: What the number was computed from.
        source: The file.
        reason: The file's own words for what is missing; may be empty.
    """
    number, ci95 = finite(mean), interval(pair)
    if number is None:
        reason = reason or "the file holds no finite number"
        return Value(None, None, counts, source, f"not scored: {reason}")
    if ci95 is None:
        return Value(number, None, counts, source, reason or "the file has no interval")
    return Value(number, ci95, counts, source, reason)


def mean_values(path: Path, keys: Sequence[str]) -> Dict[str, Value]:
    """Read means of utterances, such as those of ``quality.json`` or ``l1.json``.

    Args:
        path: The file.
        keys: The names of the scores.
    """
    document, problem = read_document(path)
    values = {}
    for key in keys:
        entry = None if document is None else document.get(key)
        if document is None:
            values[key] = missing(problem)
        elif not isinstance(entry, dict):
            values[key] = missing(f"not scored: {path.name} has no {key}", path)
        else:
            counts = read_counts(entry, {"count": "utterances", "excluded": "excluded"})
            reason = str(entry.get("reason") or "")
            pair = entry.get("ci95")
            values[key] = checked(entry.get("mean"), pair, counts, path, reason)
    return values


def read_config(path: Path) -> Mapping[str, Any]:
    """Read an experiment's ``config.yaml``; empty if it is missing or broken."""
    if not path.is_file():
        return {}
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return config if isinstance(config, dict) else {}
