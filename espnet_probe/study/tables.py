"""The tables of the joined report: word errors, EER, STOI, what noise takes."""

from typing import List, Sequence

from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.report.results import CONTROLS
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.report.values import WER, Value, full_text
from espnet_probe.scores.claim_table import CLEAN, EER, STOI, Key
from espnet_probe.scores.contrasts import contrast
from espnet_probe.study.controls import METRICS, Controls, cell_text, control_text
from espnet_probe.study.paper_values import (
    PAPER_EMBEDDER,
    EerCell,
    WerCell,
    paper_eer,
    paper_wer,
)
from espnet_probe.study.study import Model, Study, set_of
from espnet_probe.study.word_errors import WordErrors

#: How cells of a model that is not trained enough are marked.
MARK = "†"
#: The sets of the paper's word error rates, and how it calls them.
PAPER_SETS = {"dev_clean": "dev-clean", "test_clean": "test-clean"}


def marked(study: Study, architecture: str, training: str, text: str) -> str:
    """Add the mark to the text of a cell whose model is not trained enough.

    Args:
        study: The cells.
        architecture: Of the model.
        training: Of the model.
        text: Of the cell; ``-`` for none, which gets no mark.
    """
    if text == "-" or (architecture, training) not in study.table.untrained:
        return text
    return f"{text} {MARK}"


def wer_table(
    study: Study, models: Sequence[Model], conditions: Sequence[str], paper: bool
) -> str:
    """Return Table 1: word error rates per model and condition, with their counts.

    Args:
        study: What is known of the models.
        models: The models, in table order.
        conditions: The columns.
        paper: Whether the paper's values stand beside.
    """
    head = ["model", "training", *conditions]
    head += [f"paper's, {name}" for name in PAPER_SETS.values()] if paper else []
    printed = paper_wer()
    lines = []
    for model in models:
        pair = (model.architecture, model.training)
        errors = study.errors.get(pair, WordErrors())
        cells = []
        for condition in conditions:
            value = errors.values.get(set_of(study.base, condition))
            text = "-"
            if value is not None:
                text = full_text(value, WER)
                if {"errors", "words"} <= set(value.counts):
                    text += f" ({value.counts['errors']}/{value.counts['words']})"
            cells.append(marked(study, *pair, text))
        for name in PAPER_SETS if paper else ():
            key = WerCell(*pair, name)
            cells.append(f"{printed[key]:.2f}" if key in printed else "-")
        lines.append([escape(model.architecture), model.training, *cells])
    return markdown_table(head, lines)


def wer_remarks(study: Study, conditions: Sequence[str]) -> List[str]:
    """Say which word error rates may not be of the probed weights, or are not there.

    Args:
        study: What is known of the models.
        conditions: The columns of the table.
    """
    said = []
    for (architecture, training), errors in study.errors.items():
        title = f"{architecture}, {training}"
        if errors.reason:
            said.append(f"{title}: no word error rate: {errors.reason}")
        for condition in conditions:
            remark = errors.remarks.get(set_of(study.base, condition))
            if remark:
                said.append(f"{title}, {condition}: {remark}")
    return said


def measure_table(
    study: Study,
    architecture: str,
    measure: str,
    controls: Controls,
    paper: bool = False,
) -> str:
    """Return a measure of an architecture: a row per condition and training.

    Args:
        study: The cells.
        architecture: Of the models.
        measure: ``eer`` or ``stoi``.
        controls: ``natural`` and ``oracle`` by architecture and training, and by set.
        paper: Whether the paper's equal error rates stand under the own ones.
    """
    metric, layers = METRICS[measure], study.table.layers[architecture]
    lines = []
    printed = paper_eer() if paper and measure == EER else {}
    for condition in study.table.conditions(measure):
        for training in study.table.trainings(architecture):
            rows = controls.get((architecture, training), {})
            own = rows.get(set_of(study.base, condition), {})
            cells = [
                control_text(own[name], metric) if name in own else "-"
                for name in CONTROLS
            ]
            for layer in layers:
                key = Key(architecture, training, condition, layer, measure)
                text = cell_text(study.table.cells.get(key), metric)
                cells.append(marked(study, architecture, training, text))
            lines.append([condition, training, *cells])
            values = [
                printed.get(EerCell(architecture, training, condition, layer))
                for layer in layers
            ]
            if any(value is not None for value in values):
                said = ["-" if v is None else f"{v:.2f}" for v in values]
                name = f"{training}, paper's {PAPER_EMBEDDER}"
                lines.append([condition, name, "-", "-", *said])
    head = ["input", "training", *CONTROLS, *(escape(layer) for layer in layers)]
    return markdown_table(head, lines)


def drop_table(study: Study, architecture: str) -> str:
    """Return how much STOI each noise takes from each layer: clean minus noisy.

    The differences are of the same utterances, with intervals over speakers.

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
                text = full_text(Value(found.value, found.bounds()), STOI_METRIC)
                cells.append(marked(study, architecture, training, text))
            lines.append([f"clean - {condition}", training, *cells])
    head = ["difference", "training", *(escape(layer) for layer in layers)]
    return markdown_table(head, lines)


def marked_cells(study: Study) -> List[str]:
    """List which cells are marked, a line per model, with the reason.

    Args:
        study: The cells.
    """
    lines = []
    for (architecture, training), reason in study.table.untrained.items():
        keys = [
            key
            for key in study.table.cells
            if (key.architecture, key.training) == (architecture, training)
            and key.measure in METRICS
        ]
        if not keys:
            continue
        conditions = ", ".join(dict.fromkeys(key.condition for key in keys))
        layers = ", ".join(dict.fromkeys(key.layer for key in keys))
        counts = " and ".join(
            f"{sum(key.measure == measure for key in keys)} of {metric.title}"
            for measure, metric in METRICS.items()
        )
        lines.append(
            f"{architecture}, {reason}: {counts} ({conditions}, each for {layers})"
        )
    return lines
