"""Tables for print: LaTeX with booktabs, intervals and controls."""

import re
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.curves import Shown
from espnet_probe.page.experiments import Experiment
from espnet_probe.page.print_figures import file_name
from espnet_probe.report.files import slug, write_text
from espnet_probe.report.results import CONTROLS, OPTIONAL_CONTROLS, Row, SetResults
from espnet_probe.report.values import Value, interval_text, mean_text, printable

#: What LaTeX takes for a command of its own, and how it is printed instead.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # Only with the font encoding T1 these are what they look like.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}
#: How many different counts a caption gives before it leaves the rest to the files.
MAX_COUNTS = 4
PACKAGES = (
    r"% Needs \usepackage[T1]{fontenc}, \usepackage{booktabs}, \usepackage{adjustbox}."
)


def escape(text: str) -> str:
    """Escape text from data for LaTeX; other scripts' letters stay as they are."""
    text = printable(" ".join(text.split()))
    text = "".join(SPECIAL.get(letter, letter) for letter in text)
    # Two of these would become one: a dash, or another quotation mark.
    return re.sub(r"([-'`,])(?=\1)", r"\1{}", text)


def breakable(text: str) -> str:
    """Escape a command line, which may be broken where its paths have a joint."""
    return re.sub(r"(/|\\_|=)", r"\1\\allowbreak{}", escape(text))


def cell(value: Optional[Value], shown: Shown) -> str:
    """Return a number with its interval; an en dash where there is none.

    Args:
        value: The number.
        shown: The score, which says how many digits are printed.
    """
    if value is None or value.mean is None:
        return "--"
    number = mean_text(value, shown.metric).replace("-", "$-$")
    bounds = interval_text(value, shown.metric).replace("-", "$-$")
    return f"{number} {{\\scriptsize {bounds}}}" if bounds else number


def counts_text(values: Sequence[Value]) -> str:
    """Return from how much the numbers of a table come, escaped.

    Args:
        values: All of them.
    """
    found = list(dict.fromkeys(v.count_text for v in values if v.count_text))
    text = "; ".join(found[:MAX_COUNTS])
    if len(found) > MAX_COUNTS:
        text += f"; {len(found) - MAX_COUNTS} others, see the result files"
    return escape(text)


def latex_table(
    head: Sequence[str],
    blocks: Mapping[str, Sequence[Sequence[str]]],
    caption: str,
    label: str,
) -> str:
    """Return a table at most as wide as the page: one with many columns is shrunk.

    Args:
        head: Titles of the columns, escaped.
        blocks: Rows by the line that stands above them; escaped, with as many cells
            as the head. An empty line is left out.
        caption: Escaped.
        label: For ``\\ref``.
    """
    lines = [
        PACKAGES,
        r"\begin{table*}[tbp]",
        r"  \centering\footnotesize",
        f"  \\caption{{{caption}}}",
        f"  \\label{{{label}}}",
        r"  \begin{adjustbox}{max width=\textwidth}",
        f"  \\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
        r"    \toprule",
        f"    {_row(head)}",
    ]
    for title, rows in blocks.items():
        lines.append(r"    \midrule")
        if title:
            above = f"\\multicolumn{{{len(head)}}}{{l}}{{\\emph{{{title}}}}}"
            lines.append(f"    {above} \\\\")
        lines += [f"    {_row(row)}" for row in rows]
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    lines += [r"  \end{adjustbox}", r"\end{table*}"]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    # After a line's end, a bracket or a star would be read as its argument.
    first = f"{{}}{cells[0]}" if cells[0][:1] in ("[", "*") else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def score_table(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    shown: Shown,
    command: str,
) -> str:
    """Return the table of one score: a row per layer, a column per model.

    Args:
        experiments: The models.
        conditions: What they heard; each has rows of its own.
        shown: The score.
        command: The command line that makes it.
    """
    kinds = {
        one.id: ["", *(k for k in OPTIONAL_CONTROLS if k in one.results.controls)]
        for one in experiments
    }
    columns = [(one, kind) for one in experiments for kind in kinds[one.id]]
    head = ["Layer", *(escape(f"{one.label} {kind}".strip()) for one, kind in columns)]
    # The most layers first, so that those of a model with fewer fall among them.
    widest = sorted(experiments, key=lambda one: -len(one.results.layers))
    names = list(dict.fromkeys(x.name for e in widest for x in e.results.layers))
    blocks, values = {}, []
    for condition in conditions:
        found = [_by_name(set_results(one, condition), kind) for one, kind in columns]
        rows = []
        for name in [*CONTROLS, *names]:
            line = [shown.value(own[name]) if name in own else None for own in found]
            known = [one for one in line if one is not None and one.mean is not None]
            if known:
                values += known
                rows.append([escape(name), *(cell(one, shown) for one in line)])
        if rows:
            blocks[escape(condition.label)] = rows
    said = "natural: the recordings; oracle: their mel, vocoded without a probe"
    return latex_table(
        head,
        blocks,
        _caption(f"{escape(shown.label)} of each layer; {said}", values, command),
        f"tab:{file_name(shown)}",
    )


def _by_name(results: Optional[SetResults], kind: str) -> Dict[str, Row]:
    """Return the rows of a model, or of one of its control experiments, by layer."""
    if results is None:
        return {}
    if not kind:
        return {row.name: row for row in results.rows if not row.control}
    rows = results.layers_of(kind)
    return {row.layer.name: row for row in rows if row.layer is not None}


def model_table(
    experiment: Experiment,
    condition: Condition,
    metrics: Sequence[Shown],
    command: str,
) -> Optional[str]:
    """Return the table of one model on one set: a row per layer, a column per score.

    Args:
        experiment: The model.
        condition: What it heard.
        metrics: The scores.
        command: The command line that makes it.

    Returns:
        None if nothing was scored.
    """
    results = set_results(experiment, condition)
    if results is None:
        return None
    lines = {row.name: [shown.value(row) for shown in metrics] for row in results.rows}
    own = [
        place
        for place in range(len(metrics))
        if any(line[place].mean is not None for line in lines.values())
    ]
    if not own:
        return None
    blocks: Dict[str, List[List[str]]] = {}
    for row in results.rows:
        group = f"{row.control} control" if row.control else ""
        text = [cell(lines[row.name][place], metrics[place]) for place in own]
        name = row.layer.name if row.layer is not None else row.name
        blocks.setdefault(escape(group), []).append([escape(name), *text])
    values = [line[place] for line in lines.values() for place in own]
    title = f"Layers of {experiment.label}, {condition.label}"
    return latex_table(
        ["Layer", *(escape(metrics[place].label) for place in own)],
        blocks,
        _caption(escape(title), values, command),
        f"tab:{slug(experiment.label)}-{slug(condition.name)}",
    )


def _caption(title: str, values: Sequence[Value], command: str) -> str:
    counts = counts_text(values)
    parts = [
        f"{title}.",
        r"In brackets: 95\,\% intervals.",
        f"From {counts}." if counts else "",
        f"Made by \\texttt{{{breakable(command)}}}.",
    ]
    return " ".join(part for part in parts if part)


def write_tables(
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    metrics: Sequence[Shown],
    folder: Path,
    command: str,
) -> List[Path]:
    """Write a table for every score, and one for every model and condition.

    Args:
        experiments: The models.
        conditions: What they heard.
        metrics: The scores.
        folder: Where the files go.
        command: The command line, for the captions.
    """
    tables: List[Tuple[str, Optional[str]]] = [
        (file_name(one), score_table(experiments, conditions, one, command))
        for one in metrics
    ]
    for one in experiments:
        for condition in conditions:
            name = f"{slug(one.label)}_{slug(condition.name)}"
            tables.append((name, model_table(one, condition, metrics, command)))
    written = []
    for name, text in tables:
        if text is not None:
            written.append(folder / f"{name}.tex")
            write_text(written[-1], text)
    return written
