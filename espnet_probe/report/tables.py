"""The tables as Markdown (``RESULTS.md``) and as plain text for a terminal."""

from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from espnet_probe.report.files import link
from espnet_probe.report.markdown_text import QUOTE, escape, markdown_table
from espnet_probe.report.results import Results, Row, SetResults, StageTime
from espnet_probe.report.sections import SetParts
from espnet_probe.report.values import (
    EER,
    EER_ESPNET,
    ESTOI,
    L1,
    LAYER_METRICS,
    NOT_DEFINED,
    PESQ,
    STOI,
    WER,
    full_text,
    interval_text,
    mean_text,
    printable,
)
from espnet_probe.report.verdict import Statement, statements
from espnet_probe.report.verification_section import (
    embedders_of,
    scores_by,
    trained_on,
)

#: What the intervals of the main table are over.
INTERVALS = (
    "In square brackets: 95 % intervals, those of EERs over speakers, those of L1, "
    "STOI, ESTOI, PESQ and of the cosine over utterances (those of one speaker are "
    "alike, so that other speakers may give means outside of them)."
)
CONTROL_TEXTS = {
    "random": "the architecture untrained, with probes trained on it",
    "shuffled": "the states of each utterance shuffled in time, with probes trained on "
    "them",
}


def shift_text(row: Row) -> str:
    """Print a layer's frame shift in milliseconds; ``-`` for a control."""
    if row.layer is None or row.layer.frame_shift is None:
        return "-"
    return f"{1000 * row.layer.frame_shift:g}"


def size_texts(row: Row) -> List[str]:
    """Print width, stride and frame shift; ``-`` for a control."""
    if row.layer is None:
        return ["-", "-", "-"]
    numbers = (row.layer.width, row.layer.stride)
    return ["-" if n is None else str(n) for n in numbers] + [shift_text(row)]


def missing_scores(results: SetResults) -> List[str]:
    """Say in words which scores a set lacks, and which lack their interval.

    Returns:
        One phrase per reason, with the rows it concerns; without what is not
        defined for a control.
    """
    rows_by_lack: Dict[Tuple[str, str], List[str]] = {}
    for row in results.rows:
        titles: Dict[str, List[str]] = {}
        for metric in LAYER_METRICS:
            value = row.values[metric.key]
            if value.mean is None and not value.reason.startswith(NOT_DEFINED):
                titles.setdefault(value.reason, []).append(metric.title)
            elif value.mean is not None and value.ci95 is None:
                # ESPnet's own rate has no interval of its own, by definition.
                if metric is not EER_ESPNET:
                    reason = f"no interval: {value.reason}"
                    titles.setdefault(reason, []).append(metric.title)
        for reason, names in titles.items():
            rows_by_lack.setdefault((", ".join(names), reason), []).append(row.name)
    return [
        f"{results.name}, {_row_names(results, rows)}: {titles_text}: {reason}"
        for (titles_text, reason), rows in rows_by_lack.items()
    ]


def _row_names(results: SetResults, names: Sequence[str]) -> str:
    return "all rows" if len(names) == len(results.rows) else ", ".join(names)


def _files(row: Row, folder: Path) -> str:
    links = (f"[{path.stem}]({link(path, folder)})" for path in row.documents)
    return " ".join(links) or "none"


def layer_table(results: SetResults, folder: Path) -> str:
    """Return the main table of a set.

    Args:
        results: The rows.
        folder: Where the Markdown file lies; links are relative to it.
    """
    head = ["layer", "width", "stride", "frame shift (ms)"]
    head += [metric.title for metric in LAYER_METRICS] + ["files"]
    lines = []
    for row in results.rows:
        cells = [full_text(row.values[m.key], m) for m in LAYER_METRICS]
        cells = [escape(cell) for cell in cells]
        lines.append([escape(row.name), *size_texts(row), *cells, _files(row, folder)])
    return markdown_table(head, lines)


def counts_list(results: SetResults) -> str:
    """Return from how many utterances, trials and speakers each number comes."""
    text = ""
    for metric in LAYER_METRICS[:-1]:
        rows: Dict[str, List[str]] = {}
        for row in results.rows:
            counts = row.values[metric.key].count_text
            if counts:
                rows.setdefault(counts, []).append(row.name)
        parts = [
            counts if len(rows) == 1 else f"{counts} ({', '.join(names)})"
            for counts, names in rows.items()
        ]
        text += f"- {metric.title}: {escape('; '.join(parts) or 'none')}\n"
    for label in embedders_of(results)[:1]:
        scores = list(scores_by(results, label).values())
        said = f"by {label}, its weights trained on {trained_on(scores)}"
        text += f"- EER and cosine: {escape(said)}\n"
    return text


def wer_table(results: Results, folder: Path) -> str:
    """Return the recogniser's word error rates with their counts."""
    lines = []
    for entry in results.wer:
        text = full_text(entry.value, WER)
        if entry.value.mean is None:
            text = entry.value.reason
        source = entry.value.source
        file = f"[{source.name}]({link(source, folder)})" if source else "-"
        counts = entry.value.count_text or "-"
        lines.append([escape(entry.decoding), escape(text), counts, file])
    return markdown_table(["decoding", WER.title, "counts", "file"], lines)


def times_table(times: Sequence[StageTime]) -> str:
    """Return how long each stage took, summed over its runs."""
    lines = []
    for time in times:
        total = f"{sum(time.seconds):.1f}"
        exp, name = escape(time.exp), escape(time.name)
        lines.append([escape(time.stage), name, total, str(len(time.seconds)), exp])
    return markdown_table(["stage", "what", "seconds", "runs", "experiment"], lines)


def _said(statement: Statement, folder: Path) -> str:
    sources = " ".join(
        f"[{number}]({link(path, folder)})"
        for number, path in enumerate(statement.sources, 1)
    )
    return f"- {escape(statement.text)} {sources}".rstrip() + "\n"


def markdown(
    results: Results,
    environment: Mapping[str, str],
    command: str,
    parts: Mapping[str, SetParts],
    notes: Sequence[str],
    folder: Path,
) -> str:
    """Return ``RESULTS.md`` in the style of ESPnet's.

    Args:
        results: The numbers.
        environment: Versions and date, by name.
        command: The command line that made the report.
        parts: Plots and further tables of each set.
        notes: What is missing beyond the scores, in words.
        folder: Where the file will lie; links are relative to it.
    """
    text = "<!-- Generated by espnet_probe.bin.make_report -->\n# RESULTS\n"
    text += "## Environments\n"
    for name, value in {**environment, "command": command}.items():
        text += f"- {name}: `{' '.join(value.split()).replace('`', QUOTE)}`\n"
    text += f"\n## {escape(str(results.reconstruct))}\n"
    text += (
        "\nLayers in network order; natural is the recording, oracle the target mel "
        f"vocoded without a probe. {INTERVALS}\n"
    )
    for kind, exp in results.controls.items():
        text += f"\nRows '{kind} …' are the same layers of {escape(str(exp))}: "
        text += f"{CONTROL_TEXTS[kind]}.\n"
    lacking = [*results.notes, *notes]
    for one in results.sets:
        text += f"\n### {escape(one.name)}\n\n{layer_table(one, folder)}"
        text += f"\nCounts\n{counts_list(one)}\nFindings\n"
        text += "".join(_said(statement, folder) for statement in statements(one))
        own = parts[one.name]
        text += "\n" + "".join(
            f"![{escape(files.png.stem)}]({link(files.png, folder)})\n"
            for files in own.figures
        )
        text += "".join(section.markdown(folder) for section in own.sections)
        lacking += missing_scores(one)
    if results.wer:
        text += f"\n### Word error rate\n\n{wer_table(results, folder)}"
    if results.stage_times:
        text += f"\n### Time\n\n{times_table(results.stage_times)}"
    text += "\n### Upstream\n\n"
    for name, value in results.upstream.items():
        text += f"- {escape(name)}: {escape(value)}\n"
    text += f"- [layers.json]({link(results.layers_file, folder)})\n"
    if lacking:
        text += "\n### Missing\n\n" + "".join(f"- {escape(x)}\n" for x in lacking)
    return text


def plain_table(results: SetResults) -> str:
    """Return the main table of a set, aligned, for a terminal of 100 columns."""
    head = [
        "layer",
        "width",
        "stride",
        "ms",
        "L1",
        "STOI",
        "[95 %]",
        "ESTOI",
        "PESQ",
        "EER %",
        "[95 %]",
    ]
    lines = [head]
    for row in results.rows:
        values = row.values
        lines.append(
            [
                printable(row.name),
                *size_texts(row),
                mean_text(values[L1.key], L1),
                mean_text(values[STOI.key], STOI),
                interval_text(values[STOI.key], STOI),
                mean_text(values[ESTOI.key], ESTOI),
                mean_text(values[PESQ.key], PESQ),
                mean_text(values[EER.key], EER),
                interval_text(values[EER.key], EER),
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    out = [f"set {printable(results.name)}"]
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        out.append("  ".join([first, *rest]).rstrip())
    for metric in (STOI, EER):
        counts = {row.values[metric.key].count_text for row in results.rows} - {""}
        if counts:
            out.append(f"{metric.title}: {'; '.join(sorted(counts))}")
    return "\n".join(out) + "\n"


def plain(results: Results, parts: Mapping[str, SetParts]) -> str:
    """Return what the command prints: every set's tables, statements, the WER.

    Args:
        results: The numbers.
        parts: Further tables of each set.
    """
    blocks = []
    for one in results.sets:
        said = "".join(f"- {printable(s.text)}\n" for s in statements(one))
        lacking = "".join(f"- {printable(text)}\n" for text in missing_scores(one))
        blocks.append(plain_table(one) + said + lacking)
        blocks += [
            text for text in (s.plain() for s in parts[one.name].sections) if text
        ]
    for entry in results.wer:
        number = full_text(entry.value, WER)
        if entry.value.mean is None:
            number = printable(entry.value.reason)
        counts = entry.value.count_text
        blocks.append(f"WER {printable(entry.decoding)}: {number} % ({counts})\n")
    blocks += [f"{printable(note)}\n" for note in results.notes]
    return "\n".join(blocks)
