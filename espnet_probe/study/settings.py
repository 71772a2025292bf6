"""Settings that have to be the same if models are to be compared, and are not.

Whether a difference matters is for the reader to judge: it is told, nothing is refused.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from espnet_probe.report.documents import read_config, read_document

KNOWN, UNKNOWN = "known", "not known"
#: By the name of a model, the settings of each of its results, as one text each.
Said = Mapping[str, Sequence[str]]


def vocoder_note(folders: Mapping[str, Path], sets: Sequence[str]) -> str:
    """Say whether sounds were made with other settings of the vocoder.

    Args:
        folders: The ``reconstruct_<tag>`` by the name of the model.
        sets: The test sets.

    Returns:
        The settings that differ, in words; empty if all are the same.
    """
    found: Dict[str, List[Mapping[str, Any]]] = {}
    for title, folder in folders.items():
        paths = [path for s in sets for path in (folder / s).glob("*/vocode.json")]
        documents = [read_document(path)[0] for path in sorted(paths)]
        found[title] = [_vocoder(one) for one in documents if one is not None]
    return _differ("the vocoder's settings", _spelled(found))


def mel_note(folders: Mapping[str, Path], sets: Sequence[str]) -> str:
    """Say whether mels are of other settings; of models of one architecture.

    Args:
        folders: The ``reconstruct_<tag>`` by the name of the model.
        sets: The test sets.

    Returns:
        As :func:`vocoder_note`.
    """
    found: Dict[str, List[Mapping[str, Any]]] = {}
    for title, folder in folders.items():
        paths = [place / "mel.yaml" for place in (folder, *(folder / s for s in sets))]
        found[title] = [read_config(path) for path in paths if path.is_file()]
    return _differ("the mel-spectrograms' settings", _spelled(found))


def training_note(experiments: Mapping[str, Path]) -> str:
    """Say whether probes were trained on other sets.

    Args:
        experiments: The probe experiment by the name of the model.

    Returns:
        As :func:`vocoder_note`.
    """
    found = {}
    for title, probe_exp in experiments.items():
        config = read_config(probe_exp / "config.yaml")
        entries = config.get("train_data_path_and_name_and_type")
        found[title] = [
            # The list of the recordings lies in the set's folder.
            str(Path(str(entry[0])).parent)
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, (list, tuple)) and len(entry) > 1
            if entry[1] == "speech"
        ]
    return _differ("the sets that the probes were trained on", found)


def _vocoder(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the sounds depend on; their mels are compared elsewhere."""
    config = document.get("config")
    config = config if isinstance(config, dict) else {}
    vocoder = config.get("vocoder")
    if isinstance(vocoder, dict):
        return vocoder
    return {"preset": config["preset"]} if "preset" in config else {}


def _spelled(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Said:
    """Return settings as texts, of those names alone that are not the same in all."""
    values: Dict[str, List[str]] = {}
    every = [one for own in found.values() for one in own]
    names = sorted({str(name) for one in every for name in one})
    for name in names:
        values[name] = [json.dumps(one.get(name), default=str) for one in every]
    differ = [name for name, own in values.items() if len(set(own)) > 1]
    return {
        title: [
            ", ".join(
                f"{name} {json.dumps(one.get(name), default=str)}" for name in differ
            )
            for one in own
        ]
        for title, own in found.items()
    }


def _differ(what: str, found: Said) -> str:
    """Say which models have which settings; empty if all have the same or none any."""
    models: Dict[str, List[str]] = {}
    for title, texts in found.items():
        for text in dict.fromkeys(texts or [UNKNOWN]):
            models.setdefault(text, []).append(title)
    if len(models) < 2:
        return ""
    each = [f"{text or KNOWN}: {' and '.join(own)}" for text, own in models.items()]
    return (
        f"{what} differ ({'; '.join(each)}), so that models do not differ by their "
        "training or architecture alone"
    )
