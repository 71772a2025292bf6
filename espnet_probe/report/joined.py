"""The report of several models: one table per measure, and what noise takes away."""

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.report.collect import (
    find_reconstruct,
    read_config,
    read_wer,
    upstream_facts,
)
from espnet_probe.report.paper_values import (
    PAPER,
    PAPER_EMBEDDER,
    EerCell,
    WerCell,
    paper_eer,
    paper_wer,
)
from espnet_probe.report.results import CONTROLS, Row, read_sets
from espnet_probe.report.study import Model, Study
from espnet_probe.report.tables import QUOTE, escape, markdown_table
from espnet_probe.report.values import EER as EER_METRIC
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.report.values import WER, Metric, Value, full_text, missing
from espnet_probe.scores.claim_table import CLEAN, EER, STOI, Key
from espnet_probe.scores.contrasts import Cell, contrast

#: How a row of a model that has not learnt its task is marked.
MARK = "†"
METRICS: Mapping[str, Metric] = {EER: EER_METRIC, STOI: STOI_METRIC}


def set_of(base: str, condition: str) -> str:
    """Return the name of the set of a condition, such as ``test_snr10``."""
    return base if condition == CLEAN else f"{base}_{condition}"


def read_errors(model: Model) -> Dict[str, Value]:
    """Return the word error rates of a model by set.

    Of several decodings of a set the best counts, as for the claims.

    Args:
        model: The model; its recogniser is the one that the probes name.
    """
    facts = upstream_facts(read_config(model.probe_exp / "config.yaml"))
    said = facts.get("upstream_exp", "")
    found: Dict[str, Value] = {}
    for folder in (Path(said), model.probe_exp.resolve().parents[1] / said):
        if said and folder.is_dir():
            for one in read_wer(folder):
                name = one.decoding.rsplit("/", 1)[-1]
                before = found.get(name)
                mean = one.value.mean
                if mean is not None and (
                    before is None or before.mean is None or mean < before.mean
                ):
                    found[name] = one.value
            break
    return found


def read_controls(
    model: Model, names: Sequence[str], inference_tag: Optional[str]
) -> Dict[str, Dict[str, Row]]:
    """Return the rows ``natural`` and ``oracle`` of a model by set.

    Args:
        model: The model.
        names: The sets; those that were not reconstructed are left out.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
    """
    folder = find_reconstruct(model.probe_exp, inference_tag)
    there = [name for name in names if (folder / name / "oracle").is_dir()]
    return {
        one.name: {row.name: row for row in one.rows}
        for one in (read_sets(folder, [], there) if there else [])
    }


def cell_text(cell: Optional[Cell], metric: Metric) -> str:
    """Print a cell with its interval; ``-`` if there is none."""
    if cell is None:
        return "-"
    return full_text(Value(cell.value, cell.ci95), metric)


def wer_table(study: Study, models: Sequence[Model], base: str, paper: bool) -> str:
    """Return Table 1: word error rates per model and condition.

    Args:
        study: The cells, for the conditions there are.
        models: The models, in table order.
        base: Name of the clean test set.
        paper: Whether the paper's values stand beside.
    """
    conditions = study.table.conditions(STOI) or study.table.conditions(EER)
    head = ["model", "training", *conditions]
    head += ["paper, test-clean"] if paper else []
    printed = paper_wer()
    lines = []
    for model in models:
        errors = read_errors(model)
        cells = [
            full_text(errors.get(set_of(base, c), missing("not decoded")), WER)
            for c in conditions
        ]
        if paper:
            key = WerCell(model.architecture, model.training, "test_clean")
            cells.append(f"{printed[key]:.2f}" if key in printed else "-")
        name = _training(study, model.architecture, model.training)
        lines.append([escape(model.architecture), name, *cells])
    return markdown_table(head, lines)


def _training(study: Study, architecture: str, training: str) -> str:
    marked = (architecture, training) in study.table.untrained
    return f"{training} {MARK}" if marked else training


def measure_table(
    study: Study,
    architecture: str,
    measure: str,
    controls: Mapping[Tuple[str, str], Mapping[str, Mapping[str, Row]]],
    base: str,
    paper: bool = False,
) -> str:
    """Return a measure of an architecture: a row per condition and training.

    Args:
        study: The cells.
        architecture: Of the models.
        measure: ``eer`` or ``stoi``.
        controls: ``natural`` and ``oracle`` by architecture and training, and by set.
        base: Name of the clean test set.
        paper: Whether the paper's equal error rates stand under the own ones.
    """
    metric, layers = METRICS[measure], study.table.layers[architecture]
    lines = []
    printed = paper_eer() if paper and measure == EER else {}
    for condition in study.table.conditions(measure):
        for training in study.table.trainings(architecture):
            rows = controls.get((architecture, training), {})
            own = rows.get(set_of(base, condition), {})
            cells = [
                full_text(own[name].values[metric.key], metric) if name in own else "-"
                for name in CONTROLS
            ]
            for layer in layers:
                key = Key(architecture, training, condition, layer, measure)
                cells.append(cell_text(study.table.cells.get(key), metric))
            name = _training(study, architecture, training)
            lines.append([condition, name, *cells])
            values = [
                printed.get(EerCell(architecture, training, condition, layer))
                for layer in layers
            ]
            if any(value is not None for value in values):
                said = ["-" if v is None else f"{v:.2f}" for v in values]
                lines.append([condition, f"{training}, paper's", "-", "-", *said])
    head = ["input", "training", *CONTROLS, *(escape(layer) for layer in layers)]
    return markdown_table(head, lines)


def drop_table(study: Study, architecture: str) -> str:
    """Return how much STOI each noise takes from each layer: clean minus noisy.

    The intervals are those of differences that are paired over the utterances.

    Args:
        study: The cells.
        architecture: Of the models.
    """
    layers, lines = study.table.layers[architecture], []
    for condition in study.table.conditions(STOI):
        if condition == CLEAN:
            continue
        for training in study.table.trainings(architecture):
            cells = []
            for layer in layers:
                pair = [
                    study.table.cells.get(Key(architecture, training, c, layer, STOI))
                    for c in (CLEAN, condition)
                ]
                if pair[0] is None or pair[1] is None:
                    cells.append("-")
                    continue
                found = contrast([(1.0, pair[0]), (-1.0, pair[1])])
                bounds = found.bounds()
                cells.append(full_text(Value(found.value, bounds), STOI_METRIC))
            name = _training(study, architecture, training)
            lines.append([f"clean - {condition}", name, *cells])
    head = ["difference", "training", *(escape(layer) for layer in layers)]
    return markdown_table(head, lines)


def _counts(study: Study, measure: str, what: str) -> str:
    counts = sorted(
        {
            cell.count
            for key, cell in study.table.cells.items()
            if key.measure == measure
        }
    )
    if not counts:
        return f"no {what}"
    if len(counts) == 1:
        return f"{counts[0]} {what} a cell"
    return f"{counts[0]} to {counts[-1]} {what} a cell"


def _trials_text(
    models: Sequence[Model], names: Sequence[str], inference_tag: Optional[str]
) -> str:
    """Say whether the same pairs were compared everywhere."""
    found = set()
    for model in models:
        folder = find_reconstruct(model.probe_exp, inference_tag)
        for name in names:
            path = folder / name / "trials"
            if path.is_file():
                found.add(path.read_bytes())
    if not found:
        return "the lists of trials are not there.\n"
    if len(found) == 1:
        return "the same trials for all layers, conditions and models.\n"
    return f"{len(found)} different lists of trials, so that cells are not paired.\n"


def markdown(
    study: Study,
    models: Sequence[Model],
    base: str,
    environment: Mapping[str, str],
    command: str,
    paper: bool = False,
    inference_tag: Optional[str] = None,
    figures: Optional[Mapping[Tuple[str, str], str]] = None,
) -> str:
    """Return the joined ``RESULTS.md``.

    Args:
        study: The cells of all models.
        models: The models, in table order.
        base: Name of the clean test set.
        environment: Versions and date, by name.
        command: The command line that made the report.
        paper: Whether the paper's values stand beside.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
        figures: Addresses of plots by architecture and measure.
    """
    plots = {
        key: f"\n![{escape(' '.join(key))}]({path})\n"
        for key, path in (figures or {}).items()
    }
    conditions = study.table.conditions(STOI) or study.table.conditions(EER)
    names = [set_of(base, condition) for condition in conditions]
    controls = {
        (model.architecture, model.training): read_controls(model, names, inference_tag)
        for model in models
    }
    text = "<!-- Generated by espnet_probe.bin.make_report -->\n# RESULTS\n"
    text += "## Environments\n"
    for name, value in {**environment, "command": command}.items():
        text += f"- {name}: `{' '.join(value.split()).replace('`', QUOTE)}`\n"
    text += "\n## Models\n\n" + "".join(f"- {escape(fact)}\n" for fact in study.facts)
    text += (
        "\nIn brackets: 95 % intervals. natural is the recording (its STOI is that of "
        "the noisy input), oracle the target mel vocoded without a probe.\n"
    )
    if study.table.untrained:
        reasons = [f"{n[0]}, {why}" for n, why in study.table.untrained.items()]
        text += (
            f"\n{MARK} This model has not learnt its task, so that its cells say "
            "nothing about recognition and decide no claim: "
            f"{escape('; '.join(reasons))}.\n"
        )
    text += f"\n## Word error rate (%)\n\n{wer_table(study, models, base, paper)}"
    text += f"\n## Equal error rate (%)\n\n{_counts(study, EER, 'trials')}; "
    text += _trials_text(models, names, inference_tag)
    if paper:
        text += (
            f"\nThe paper's rows ({PAPER}) are of another embedder, {PAPER_EMBEDDER}, "
            "and another corpus: only their course over the layers compares.\n"
        )
    for name in study.table.layers:
        table = measure_table(study, name, EER, controls, base, paper)
        text += f"\n### {escape(name)}\n\n{table}{plots.get((name, EER), '')}"
    text += f"\n## STOI\n\n{_counts(study, STOI, 'utterances')}; the reference is the "
    text += "clean original.\n"
    for name in study.table.layers:
        table = measure_table(study, name, STOI, controls, base)
        text += f"\n### {escape(name)}\n\n{table}{plots.get((name, STOI), '')}"
    drops = {name: drop_table(study, name) for name in study.table.layers}
    if len(conditions) > 1:
        text += "\n## STOI, clean minus noisy\n\nWhat noise takes away; differences "
        text += "paired over the utterances.\n"
        for name, table in drops.items():
            text += f"\n### {escape(name)}\n\n{table}"
    lacking: List[str] = list(study.notes)
    if lacking:
        text += "\n## Missing\n\n" + "".join(f"- {escape(one)}\n" for one in lacking)
    return text
