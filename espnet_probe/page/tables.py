"""The tables of a page: cells with the files and the counts of their numbers."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition
from espnet_probe.page.curves import LAYERS, Shown, each_set, rows_of
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.recognition import WORD_COUNTS
from espnet_probe.report.results import (
    CONTROLS,
    OPTIONAL_CONTROLS,
    Layer,
    Row,
    SetResults,
)
from espnet_probe.report.sections import Section
from espnet_probe.report.tables import CONTROL_TEXTS, INTERVALS, size_texts
from espnet_probe.report.values import (
    LAYER_METRICS,
    WER,
    Metric,
    Value,
    full_text,
)
from espnet_probe.report.verification_section import (
    embedders_of,
    scores_by,
    trained_on,
)

Cell = Dict[str, Any]
#: Tables of an experiment and a set that stand beside its main one.
Sections = Mapping[Tuple[str, str], Sequence[Section]]

BY_SCORE, RECOGNISER, TIMES = "Scores by layer", "The recogniser", "Layers and times"


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        title: The heading.
        columns: The heads of the columns.
        rows: The cells, each with a ``text``, and where there are such with the address
            of its file (``href``), what is said on pointing at it (``title``), and
            further files (``links``, of names and addresses).
        about: Sentences under the heading.
        group: Under which heading it is found.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    about: Sequence[str] = ()
    group: str = ""

    @property
    def file(self) -> str:
        """What a file of it is called; tables of several sets have the same title."""
        shared = self.group in ("", BY_SCORE, RECOGNISER, TIMES)
        return self.title if shared else f"{self.group} {self.title}"


def text_cell(text: str, title: str = "", href: Optional[str] = None) -> Cell:
    """Return a cell.

    Args:
        text: What it shows.
        title: What is said on pointing at it.
        href: The address of its file.
    """
    return {"text": text, "href": href, "title": title, "links": []}


def value_cell(value: Value, metric: Metric, href: Optional[str]) -> Cell:
    """Return the cell of a number, with its counts or why it is not there.

    Args:
        value: The number.
        metric: How it is printed.
        href: The address of its file.
    """
    said = [value.count_text]
    if value.mean is None or value.ci95 is None:
        said.append(value.reason)
    title = "; ".join(text for text in said if text)
    return text_cell(full_text(value, metric), title, href)


@dataclass
class TableMaker:
    """Makes the tables.

    Attributes:
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the result files.
        sections: The tables of single sets, made by the report.
    """

    experiments: Sequence[Experiment]
    conditions: Sequence[Condition]
    assets: Assets
    sections: Sections = field(default_factory=dict)

    def make(self, shown: Sequence[Shown]) -> List[Table]:
        """Return all tables.

        Args:
            shown: The scores, for the tables of one score over all models.
        """
        tables = [table for one in shown for table in self._of_score(one)]
        tables += self._recogniser()
        for experiment, condition, results in self._sets():
            group = f"{experiment.label}: {condition.name}"
            place = (experiment.id, condition.id)
            tables.append(self._main(results, place, group))
            sections = self.sections.get((experiment.id, condition.name), ())
            tables += [
                self._section(section, place, group)
                for section in sections
                if section.lines
            ]
        return tables + self._described()

    def _sets(self) -> Iterator[Tuple[Experiment, Condition, SetResults]]:
        return each_set(self.experiments, self.conditions)

    def _value(self, one: Shown, row: Optional[Row], place: Tuple[str, str]) -> Cell:
        if row is None:
            return text_cell("-")
        value = one.value(row)
        href = self.assets.copy(value.source, *place, row.name)
        return value_cell(value, one.metric, href)

    def _of_score(self, one: Shown) -> List[Table]:
        """Return a score of all models and conditions; models of other layers apart."""
        rows: Dict[Tuple[str, ...], List[List[Cell]]] = {}
        labels: Dict[Tuple[str, ...], Dict[str, None]] = {}
        for experiment, condition, results in self._sets():
            names = tuple(row.name for row in results.layers)
            for kind in (LAYERS, *OPTIONAL_CONTROLS):
                own = rows_of(results, kind)
                if all(row is None or one.value(row).mean is None for row in own):
                    continue
                place = (experiment.id, condition.id)
                said = "" if kind == LAYERS else f" ({kind})"
                bounds = [
                    (
                        self._value(one, results.control(name), place)
                        if kind == LAYERS
                        else text_cell("")
                    )
                    for name in CONTROLS
                ]
                labels.setdefault(names, {})[experiment.label] = None
                rows.setdefault(names, []).append(
                    [
                        text_cell(f"{experiment.label}{said}", experiment.note),
                        text_cell(condition.label),
                        *bounds,
                        *(self._value(one, row, place) for row in own),
                    ]
                )
        about = [f"In square brackets: {_over(one)}."]
        return [
            Table(
                (
                    f"{one.label}: {', '.join(labels[names])}"
                    if len(rows) > 1
                    else one.label
                ),
                ["model", "input", *CONTROLS, *names],
                cells,
                about,
                BY_SCORE,
            )
            for names, cells in rows.items()
        ]

    def _main(self, results: SetResults, place: Tuple[str, str], group: str) -> Table:
        head = ["layer", "width", "stride", "frame shift (ms)"]
        head += [metric.title for metric in LAYER_METRICS]
        lines = []
        for row in results.rows:
            cells = [text_cell(row.name, CONTROL_TEXTS.get(row.control, ""))]
            cells += [text_cell(text) for text in size_texts(row)]
            for metric in LAYER_METRICS:
                value = row.values[metric.key]
                href = self.assets.copy(value.source, *place, row.name)
                cells.append(value_cell(value, metric, href))
            lines.append(cells)
        about = [INTERVALS]
        for label in embedders_of(results)[:1]:
            said = trained_on(list(scores_by(results, label).values()))
            about.append(f"EER and cosine by {label}, its weights trained on {said}.")
        return Table(f"Scores on {results.name}", head, lines, about, group)

    def _section(self, section: Section, place: Tuple[str, str], group: str) -> Table:
        lines = []
        for line in section.lines:
            files = [
                (source.stem, self.assets.copy(source, *place, line.name))
                for source in line.sources
            ]
            links = [[name, address] for name, address in files if address is not None]
            only = links[0][1] if len(links) == 1 else None
            cells = [text_cell(line.name)]
            cells += [text_cell(text, href=only) for text in line.cells]
            if len(links) > 1:
                cells[0]["links"] = links
            lines.append(cells)
        return Table(
            section.title, ["layer", *section.head], lines, section.about, group
        )

    def _recogniser(self) -> List[Table]:
        lines = []
        for experiment in self.experiments:
            for entry in experiment.results.wer:
                value = entry.value
                href = self.assets.copy(value.source, experiment.id, entry.decoding)
                lines.append(
                    [
                        text_cell(experiment.label, experiment.note),
                        text_cell(entry.decoding),
                        value_cell(value, WER, href),
                        *(
                            text_cell(str(value.counts.get(name, "-")))
                            for name in WORD_COUNTS
                        ),
                    ]
                )
        if not lines:
            return []
        head = ["model", "decoding", WER.title, *WORD_COUNTS]
        title = "Word errors of the recogniser"
        return [Table(title, head, lines, (), RECOGNISER)]

    def _described(self) -> List[Table]:
        """Return what layers there are and how long the stages took."""
        known: Dict[Tuple[Layer, ...], List[str]] = {}
        for experiment in self.experiments:
            layers = tuple(experiment.results.layers)
            known.setdefault(layers, []).append(experiment.label)
        head = [
            "layer",
            "module it is read from",
            "width",
            "stride",
            "frame shift (ms)",
        ]
        tables = []
        for layers, labels in known.items():
            lines = [
                [
                    text_cell(one.name),
                    text_cell(one.tap or "not said"),
                    text_cell("-" if one.width is None else str(one.width)),
                    text_cell("-" if one.stride is None else str(one.stride)),
                    text_cell(
                        "-" if one.frame_shift is None else f"{1e3 * one.frame_shift:g}"
                    ),
                ]
                for one in layers
            ]
            title = f"Layers of {', '.join(labels)}"
            tables.append(Table(title, head, lines, (), TIMES))
        for experiment in self.experiments:
            times = experiment.results.stage_times
            lines = [
                [
                    text_cell(time.stage),
                    text_cell(time.name),
                    text_cell(
                        f"{sum(time.seconds):.1f}", href=self.assets.copy(time.source)
                    ),
                    text_cell(str(len(time.seconds))),
                    text_cell(time.exp),
                ]
                for time in times
            ]
            if lines:
                head = ["stage", "what", "seconds", "runs", "experiment"]
                title = f"How long each stage took, {experiment.label}"
                tables.append(Table(title, head, lines, (), TIMES))
        return tables


def _over(one: Shown) -> str:
    """Say what the intervals of a score are over."""
    if one.metric is WER or one.metric.key.startswith("cer"):
        return "95 % intervals, over what each file says"
    if one.metric.key.startswith("eer"):
        return "95 % intervals over speakers"
    return "95 % intervals over utterances"
