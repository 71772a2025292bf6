"""One HTML page: statements, plots, tables, sounds and where each number is from.

The page loads nothing but the files beside it and runs no script, so it works
from the file system and from any static server. All text goes through a
template with autoescape; ids, texts and names are data and may hold anything.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from espnet_probe.report.examples import Example
from espnet_probe.report.figures import FigureFiles
from espnet_probe.report.files import link
from espnet_probe.report.recognition import WORD_COUNTS
from espnet_probe.report.results import Results, Row, SetResults
from espnet_probe.report.sections import Section, SetParts
from espnet_probe.report.tables import missing_scores, size_texts
from espnet_probe.report.values import (
    EER_ESPNET,
    LAYER_METRICS,
    NOT_DEFINED,
    WER,
    Metric,
    Value,
    interval_text,
    mean_text,
)
from espnet_probe.report.verdict import Statement, statements
from espnet_probe.report.verification_section import (
    embedders_of,
    scores_by,
    trained_on,
)

#: What the words of the page mean, for readers who open it without the paper.
GLOSSARY = {
    "natural": "the recording itself",
    "oracle": "its mel-spectrogram vocoded, without a probe: the vocoder's own loss",
    "random": "the same architecture, untrained",
    "shuffled": "the states in random order of time",
}


def _cell(value: Value, metric: Metric, folder: Path) -> Dict[str, Optional[str]]:
    """Make a cell; its ``reason`` says why the number or the interval is missing."""
    return {
        "mean": mean_text(value, metric),
        "interval": interval_text(value, metric),
        "counts": value.count_text,
        "short": value.count_short or value.count_text,
        "reason": value.reason if value.mean is None or value.ci95 is None else "",
        "href": None if value.source is None else link(value.source, folder),
    }


def _row(row: Row, folder: Path) -> Dict[str, Any]:
    layer, about = row.layer, GLOSSARY.get(row.control or row.name, "")
    cells = {m.key: _cell(row.values[m.key], m, folder) for m in LAYER_METRICS}
    # What would be the same words in every row stands once, below the table.
    if row.values[EER_ESPNET.key].mean is not None:
        cells[EER_ESPNET.key].update(short="", reason="")
    for key, value in row.values.items():
        if value.reason.startswith(NOT_DEFINED):
            cells[key].update(reason="none")
    return {
        "name": row.name,
        "kind": "layer" if row.is_layer else "control",
        "about": layer.tap if layer is not None and row.is_layer else about,
        "sizes": size_texts(row),
        "cells": list(cells.values()),
    }


def _statement(statement: Statement, folder: Path) -> Dict[str, Any]:
    mark = {True: "yes", False: "no", None: "open"}[statement.holds]
    if statement.is_note:
        mark = "note"
    links = [(path.name, link(path, folder)) for path in statement.sources]
    return {"text": statement.text, "mark": mark, "links": links}


def _figure(files: FigureFiles, folder: Path) -> Dict[str, Any]:
    return {
        "title": files.title,
        "size": files.size,
        "light": link(files.light_svg, folder),
        "dark": link(files.dark_svg, folder),
        "png": link(files.png, folder),
    }


def _example(example: Example, results: SetResults, folder: Path) -> Dict[str, Any]:
    kinds = {row.name: row for row in results.rows}
    sounds = []
    for sound in example.sounds:
        row = _row(kinds[sound.row], folder)
        sounds.append(
            {
                "name": sound.row,
                "kind": row["kind"],
                "about": row["about"],
                "audio": None if sound.audio is None else link(sound.audio, folder),
                "image": None if sound.image is None else link(sound.image, folder),
                "note": sound.note,
            }
        )
    return {
        "utterance": example.utterance,
        "seconds": example.seconds,
        "reference": example.reference,
        "hypothesis": example.hypothesis,
        "sounds": sounds,
    }


def _documents(results: SetResults, folder: Path) -> List[Dict[str, str]]:
    """List the result files with the settings and versions that they carry."""
    listed = []
    for row in results.rows:
        for path, document in row.documents.items():
            about = {k: document[k] for k in ("config", "versions") if k in document}
            text = json.dumps(about, indent=2, ensure_ascii=False, default=str)
            name = f"{row.name}/{path.name}"
            listed.append({"name": name, "href": link(path, folder), "text": text})
    return listed


def _section(section: Section, folder: Path) -> Dict[str, Any]:
    lines = [
        {
            "name": line.name,
            "kind": "layer" if line.is_layer else "control",
            "cells": line.cells,
            "links": section.links(line, folder),
        }
        for line in section.lines
    ]
    return {
        "title": section.title,
        "about": section.about,
        "head": section.head,
        "lines": lines,
        "with_files": section.with_files,
        "figures": [_figure(files, folder) for files in section.figures],
    }


def _set(results: SetResults, parts: SetParts, folder: Path) -> Dict[str, Any]:
    return {
        "name": results.name,
        "rows": [_row(row, folder) for row in results.rows],
        "embedders": [
            f"EER and cosine by {label}, its weights trained on "
            f"{trained_on(list(scores_by(results, label).values()))}."
            for label in embedders_of(results)[:1]
        ],
        "statements": [_statement(s, folder) for s in statements(results)],
        "figures": [_figure(files, folder) for files in parts.figures],
        "sections": [_section(section, folder) for section in parts.sections],
        "examples": [_example(e, results, folder) for e in parts.examples],
        "documents": _documents(results, folder),
    }


def render(
    results: Results,
    parts: Mapping[str, SetParts],
    environment: Mapping[str, str],
    command: str,
    notes: Sequence[str],
    folder: Path,
) -> str:
    """Return the page.

    Args:
        results: The numbers.
        parts: Plots and sounds of each set.
        environment: Versions and date, by name.
        command: The command line that made the report.
        notes: What is missing beyond the scores, in words.
        folder: Where the page will lie; all links are relative to it.
    """
    templates = Environment(
        loader=PackageLoader("espnet_probe.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    lacking = [text for one in results.sets for text in missing_scores(one)]
    wer: List[Dict[str, Any]] = [
        {
            "decoding": entry.decoding,
            "cell": {**_cell(entry.value, WER, folder), "short": ""},
            "counts": [entry.value.counts.get(name, "-") for name in WORD_COUNTS],
        }
        for entry in results.wer
    ]
    # run.sh: the command line that a stage was started with.
    files = [results.layers_file, results.reconstruct / "mel.yaml"]
    for exp in (results.probe_exp, results.asr_exp, *results.controls.values()):
        if exp is not None:
            files += [exp / "config.yaml"]
            for pattern in ("run.sh", "*/run.sh", "*/*/run.sh"):
                files += sorted(exp.glob(pattern))
    files += sorted((results.probe_exp / "images").glob("*.png"))
    return templates.get_template("page.html").render(
        title=results.probe_exp.name,
        reconstruct=results.reconstruct.name,
        environment=environment,
        command=command,
        metrics=[metric.title for metric in LAYER_METRICS],
        wer_head=[WER.title, *WORD_COUNTS],
        sets=[_set(one, parts[one.name], folder) for one in results.sets],
        wer=wer,
        times=results.stage_times,
        layers=results.layers,
        upstream=results.upstream,
        files=[(str(path), link(path, folder)) for path in files if path.is_file()],
        missing=[*results.notes, *notes, *lacking],
    )
