"""How long the stages took, model by model, in the joined report."""

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from espnet_probe.report.collect import read_stage_times
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.study.study import Model
from espnet_probe.study.word_errors import upstream_folder

#: The column of what all models share: data, noise, the report.
SHARED = "shared"


def times_table(path: Path, models: Sequence[Model]) -> Tuple[str, str]:
    """Return a table of seconds: a row per stage, a column per model.

    Runs of a stage are added up, since one that was stopped goes on in the next.

    Args:
        path: ``stage_times.jsonl``, with folders relative to the current one.
        models: The models, in table order.

    Returns:
        The table, empty if there is no time, and what is wrong with the file.
    """
    owners: Dict[Path, str] = {}
    for model in models:
        name = f"{model.architecture} {model.training}"
        for folder in (upstream_folder(model.probe_exp), model.probe_exp):
            if folder is not None:
                owners.setdefault(folder.resolve(), name)
    times, problem = read_stage_times(path, list(owners))
    columns = [*dict.fromkeys(owners.values()), SHARED]
    seconds: Dict[Tuple[str, str], Dict[str, float]] = {}
    for time in times:
        row = seconds.setdefault((time.stage, time.name), {})
        owner = owners.get(Path(time.exp).resolve(), SHARED) if time.exp else SHARED
        row[owner] = row.get(owner, 0.0) + sum(time.seconds)
    if not seconds:
        return "", problem or f"stage times: {path} has none of these models"
    lines: List[List[str]] = []
    for (stage, name), row in seconds.items():
        lines.append([escape(stage), escape(name), *_cells(row, columns)])
    total = {
        column: sum(row.get(column, 0.0) for row in seconds.values())
        for column in columns
    }
    lines.append(["all", "total", *_cells(total, columns)])
    head = ["stage", "what", *(escape(name) for name in columns)]
    return markdown_table(head, lines), problem


def _cells(row: Dict[str, float], columns: Sequence[str]) -> List[str]:
    return [f"{row[name]:.0f}" if name in row else "-" for name in columns]
