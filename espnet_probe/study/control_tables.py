"""The controls of a study's models beside their layers, and the differences."""

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_probe.report.files import slug
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.report.results import OPTIONAL_CONTROLS, Row, SetResults
from espnet_probe.report.selectivity import Difference, TrialCells, differences
from espnet_probe.report.tables import CONTROL_TEXTS
from espnet_probe.report.values import EER, L1, STOI, WER, Metric, Value, mean_text
from espnet_probe.report.verification_section import embedders_of
from espnet_probe.study.controls import control_text
from espnet_probe.study.measure_figure import (
    SHIFT,
    STYLES,
    draw_chance,
    draw_line,
    draw_panels,
    save,
)
from espnet_probe.study.rows import Rows, of_architecture
from espnet_probe.study.study import Model, Study
from espnet_probe.study.tables import marked

#: The measures that have a table each, where a control has them.
MEASURES = (EER, STOI, WER, L1)
DRAWN = (EER, STOI)
#: How the lines of a model's controls differ from its own.
DASHES = {"random": ((0, (1, 2)), "x"), "shuffled": ((0, (4, 2, 1, 2)), "+")}
CAPTION = (
    "Solid: the model's layers; dotted: the same layers untrained (random); dashed and "
    "dotted: states shuffled in time. Bars: 95 % intervals."
)

#: The layers and the controls of a model in one condition, by the name of the layer.
Pairs = Dict[str, Tuple[Row, Row]]


def pairs_of(results: SetResults, kind: str) -> Pairs:
    """Return each layer with the same layer of a control, by name.

    Args:
        results: The rows of a model in one condition.
        kind: Of the control.
    """
    own = {row.layer: row for row in results.layers_of(kind)}
    return {
        row.name: (row, own[row.layer]) for row in results.layers if row.layer in own
    }


class Comparisons:
    """Differences of layers and controls; each is computed once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cells = TrialCells()
        self._found: Dict[Path, List[Difference]] = {}

    def of(self, pair: Tuple[Row, Row], results: SetResults) -> List[Difference]:
        """Return a layer minus its control in every score.

        Args:
            pair: The layer and the control's.
            results: The rows of the model, for its embedders.
        """
        layer, control = pair
        if control.folder not in self._found:
            labels = embedders_of(results)[:1]
            self._found[control.folder] = differences(
                layer, control, labels, self._cells
            )
        return self._found[control.folder]


def control_table(
    study: Study, rows: Rows, architecture: str, metric: Metric, made: Comparisons
) -> str:
    """Return what the controls score, and each layer minus its control.

    Args:
        study: The cells.
        rows: All rows.
        architecture: Of the models.
        metric: The score.
        made: The differences.

    Returns:
        Markdown; empty where no control has the score.
    """
    layers, lines = study.table.layers[architecture], []
    for (condition, training), results in of_architecture(rows, architecture).items():
        for kind in OPTIONAL_CONTROLS:
            pairs = pairs_of(results, kind)
            if all(
                control.values[metric.key].mean is None for _, control in pairs.values()
            ):
                continue
            scores = ["-"] * len(layers)
            minus = list(scores)
            for place, name in enumerate(layers):
                if name not in pairs:
                    continue
                control = pairs[name][1]
                if metric is L1:
                    # The file's interval is over utterances, unlike the others here.
                    scores[place] = mean_text(control.values[metric.key], metric)
                elif control.values[metric.key].mean is not None:
                    scores[place] = control_text(control, metric)
                text = next(
                    one.text
                    for one in made.of(pairs[name], results)
                    if one.title == metric.title
                )
                minus[place] = marked(study, architecture, training, text)
            lines.append([condition, training, kind, *scores])
            lines.append([condition, training, f"layer - {kind}", *minus])
    head = ["input", "training", "row", *map(escape, layers)]
    return markdown_table(head, lines) if lines else ""


def draw_controls(
    rows: Rows, study: Study, architecture: str, metric: Metric
) -> Figure:
    """Draw a score of the layers and of their controls, a panel per condition.

    Args:
        rows: All rows.
        study: The cells.
        architecture: Of the models.
        metric: The score.
    """
    own = of_architecture(rows, architecture)
    layers = study.table.layers[architecture]

    def draw(axes: Axes, condition: str) -> None:
        if metric is EER:
            draw_chance(axes)
            axes.set_ylim(bottom=0.0)
        trainings = [training for one, training in own if one == condition]
        for number, training in enumerate(trainings):
            results = own[condition, training]
            untrained = (architecture, training) in study.table.untrained
            shift = SHIFT * (number - (len(trainings) - 1) / 2)
            by_name = {row.name: row for row in results.layers}
            values = [_value(by_name.get(name), metric) for name in layers]
            style = STYLES[training]
            draw_line(
                axes, values, style._replace(dashes="-"), training, shift, untrained
            )
            for kind in OPTIONAL_CONTROLS:
                pairs = pairs_of(results, kind)
                values = [
                    _value(pairs[name][1] if name in pairs else None, metric)
                    for name in layers
                ]
                dashes, marker = DASHES[kind]
                other = style._replace(dashes=dashes, marker=marker)
                draw_line(axes, values, other, f"{training}, {kind}", shift)

    conditions = list(dict.fromkeys(condition for condition, _ in own))
    return draw_panels(conditions, layers, metric.title, draw)


def _value(row: Optional[Row], metric: Metric) -> Optional[Value]:
    if row is None or row.values[metric.key].mean is None:
        return None
    value = row.values[metric.key]
    # The file's interval of STOI is over utterances, that of the tables over speakers.
    return value if metric is EER else Value(value.mean)


def control_section(
    study: Study, models: Sequence[Model], rows: Rows, figures: Optional[Path]
) -> str:
    """Return what the controls of all models show.

    Args:
        study: The cells.
        models: The models with their controls.
        rows: All rows.
        figures: Where the plots go; None for none.

    Returns:
        Markdown; empty where no model has a control.
    """
    kinds = [kind for kind in OPTIONAL_CONTROLS for m in models if kind in m.controls]
    if not kinds:
        return ""
    text = "\nThe layer's own numbers are in the tables above; 'layer - random' and "
    text += (
        "'layer - shuffled' are differences of the same utterances and trials, with "
    )
    text += "95 % intervals over speakers.\n\n"
    for kind in dict.fromkeys(kinds):
        text += f"- {kind}: {CONTROL_TEXTS[kind]}\n"
    for model in models:
        for kind, exp in model.controls.items():
            text += f"- {escape(model.title)}, {kind}: {escape(str(exp))}\n"
    made = Comparisons()
    for architecture in study.table.layers:
        text += f"\n### {escape(architecture)}\n"
        for metric in MEASURES:
            table = control_table(study, rows, architecture, metric, made)
            if not table:
                continue
            text += f"\n{metric.title}\n\n{table}"
            if figures is not None and metric in DRAWN:
                name = f"{slug(architecture)}_controls_{metric.key}.png"
                save(draw_controls(rows, study, architecture, metric), figures / name)
                title = escape(f"{architecture} controls {metric.key}")
                text += f"\n![{title}]({figures.name}/{name})\n\n{CAPTION}\n"
    return text
