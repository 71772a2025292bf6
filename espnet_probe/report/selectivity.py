"""What a layer has beyond a control: differences with intervals over speakers.

A difference is that of the model's layer minus the same layer of the control, on the
same utterances or trials: drawing the same speakers for both takes away what makes a
speaker hard for both (see ``scores/contrasts.py``).
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from espnet_probe.errors import ProbeError
from espnet_probe.report.embedders import EmbedderScores
from espnet_probe.report.results import Row, SetResults
from espnet_probe.report.sections import Line, Section
from espnet_probe.report.speaker_map import speakers_of
from espnet_probe.report.trial_tables import (
    TrialScores,
    read_trial_scores,
    speakers_of_trials,
)
from espnet_probe.report.unit_scores import (
    difference_over_speakers,
    number_of,
    read_csv,
)
from espnet_probe.report.values import (
    CER,
    EER,
    L1,
    PESQ,
    STOI,
    WER,
    Metric,
    Value,
    full_text,
)
from espnet_probe.report.verification_section import embedders_of
from espnet_probe.scores.contrasts import Cell, Contrast, contrast
from espnet_probe.scores.intervals import NUM_DRAWS, draw_multiplicities
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.scores.trial_notation import in_both
from espnet_probe.scores.verification import eer

#: Means of utterances: the score, and the table with its values.
MEANS = ((L1, "l1.csv"), (STOI, "quality.csv"), (PESQ, "quality.csv"))
#: Pooled rates: the score, its errors and what they are divided by.
POOLED = ((WER, "errors", "words"), (CER, "char_errors", "chars"))
RECOGNITION, JUDGED = "recognition.csv", "recognition.json"
SEED = 0

#: Scored trials, and who speaks each utterance of them.
Scored = Tuple[TrialScores, Mapping[str, str]]

ABOUT = {
    "random": "The model's layer minus the same layer untrained, from the files of "
    "both rows above: what training, and not the architecture alone, has made of it.",
    "shuffled": "The model's layer minus the same layer with its states shuffled in "
    "time, from the files of both rows above: what is beyond an average voice.",
}


def recipe_of(row: Row) -> Path:
    """Return the recipe's folder of ``<recipe>/exp/<probe>/<reconstruct>/<set>/x``."""
    above = row.folder.resolve().parents
    return above[min(4, len(above) - 1)]


def _plain(value: Value) -> Cell:
    assert value.mean is not None
    return Cell(value.mean, value.ci95)


def pooled_cell(row: Row, metric: Metric, errors: str, units: str) -> Cell:
    """Return a pooled error rate with its value in each draw of speakers.

    Args:
        row: A layer or control that has the rate.
        metric: The rate.
        errors: The column of ``recognition.csv`` with the errors.
        units: The column with what they are divided by.

    Returns:
        The cell; without draws where the table is not there or broken, or the
        speakers are not known.
    """
    plain = _plain(row.values[metric.key])
    table = row.folder / RECOGNITION
    try:
        rows = read_csv(table, ("utt_id", errors, units))
        counts = np.array(
            [[number_of(one[name], table) for name in (errors, units)] for one in rows]
        )
    except ProbeError:
        return plain
    utts = [one["utt_id"] for one in rows]
    speakers, _ = speakers_of(row.folder.parent, recipe_of(row), utts)
    if speakers is None:
        return plain
    names, index = np.unique([speakers[utt] for utt in utts], return_inverse=True)
    sums = np.zeros((names.size, 2))
    np.add.at(sums, index, counts)
    times = draw_multiplicities(names.size, NUM_DRAWS, np.random.default_rng(SEED))
    drawn = times @ sums
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where(drawn[:, 1] > 0, 100.0 * drawn[:, 0] / drawn[:, 1], np.nan)
    return Cell(
        plain.value,
        plain.ci95,
        count=len(rows),
        draws=draws,
        drawn=tuple(str(name) for name in names),
        source=str(table),
    )


def _asked(row: Row, units: str) -> Dict[str, str]:
    """Return the utterances that were recognised, and how long each is, as written."""
    try:
        rows = read_csv(row.folder / RECOGNITION, ("utt_id", units))
    except ProbeError:
        return {}
    return {one["utt_id"]: one[units] for one in rows}


def _judge(row: Row) -> Tuple[Any, Any]:
    """Return which recogniser judged a row, and its settings."""
    judge = row.documents.get(row.folder / JUDGED, {}).get("judge")
    found = judge if isinstance(judge, dict) else {}
    return found.get("hash"), found.get("decoding")


def pooled_difference(
    layer: Row, control: Row, metric: Metric, errors: str, units: str
) -> Contrast:
    """Return a pooled error rate of one row minus that of another.

    Args:
        layer: The one; both have the rate.
        control: The other.
        metric: The rate.
        errors: See :func:`pooled_cell`.
        units: Likewise.

    Returns:
        The difference; without interval where the two are not of the same sentences
        or the same recogniser.
    """
    pair = layer, control
    why = ""
    if _judge(layer) != _judge(control):
        why = "another recogniser, or other settings, for one of the two"
    else:
        asked = [_asked(row, units) for row in pair]
        if all(asked) and asked[0] != asked[1]:
            why = "other utterances for one of the two"
    if why:
        values = [_plain(row.values[metric.key]).value for row in pair]
        return Contrast(values[0] - values[1], basis=why)
    cells = [pooled_cell(row, metric, errors, units) for row in pair]
    return contrast([(1.0, cells[0]), (-1.0, cells[1])])


class TrialCells:
    """Equal error rates with their draws; each table is read once."""

    def __init__(self) -> None:
        """Begin with no table read."""
        self._read: Dict[Path, Optional[Scored]] = {}
        self._cells: Dict[Path, Cell] = {}

    def difference(
        self, pair: Sequence[Tuple[Row, EmbedderScores]], label: str
    ) -> Contrast:
        """Return the equal error rate of one row minus that of another.

        Args:
            pair: Both rows, each with what an embedder says of it; the rates are there.
            label: The embedder, for the words.

        Returns:
            The difference, over the trials that both have where some of one were left
            out; without interval where these are too few to tell.
        """
        tables = [self._table(*one) for one in pair]
        if any(one is None for one in tables) or _same_trials(tables):
            cells = [self._cell(*one) for one in pair]
            return contrast([(1.0, cells[0]), (-1.0, cells[1])])
        try:
            return _over_common([one for one in tables if one is not None])
        except ProbeError:
            values = [_plain(scores.values[EER.key]).value for _, scores in pair]
            why = f"{label} scored them on other trials"
            return Contrast(values[0] - values[1], basis=why)

    def _table(self, row: Row, scores: EmbedderScores) -> Optional[Scored]:
        """Return the scored trials and their speakers; None if they are not there."""
        path = scores.path
        if path not in self._read:
            self._read[path] = None
            document = row.documents.get(path, {})
            try:
                table = read_trial_scores(scores.trials)
                found, _ = speakers_of_trials(document, recipe_of(row), table.trials)
                self._read[path] = table, found
            except ProbeError:
                # What is broken is told with the plots of the trials' scores.
                pass
        return self._read[path]

    def _cell(self, row: Row, scores: EmbedderScores) -> Cell:
        """Return the rate of a row, with draws where its trials are there."""
        if scores.path not in self._cells:
            plain, scored = _plain(scores.values[EER.key]), self._table(row, scores)
            self._cells[scores.path] = plain
            if scored is not None:
                try:
                    drawn = _drawn(scored, plain.value, plain.ci95)
                    self._cells[scores.path] = replace(drawn, source=str(scores.trials))
                except ProbeError:
                    pass
        return self._cells[scores.path]


def _drawn(
    scored: Scored, value: float, ci95: Optional[Tuple[float, float]] = None
) -> Cell:
    """Return an equal error rate with its value in each draw of speakers."""
    table, speakers = scored
    pairs = table.pairs(speakers)
    draws, drawn = eer_draws(table.scores, table.targets, pairs, NUM_DRAWS, SEED)
    return Cell(value, ci95, count=len(table.trials), draws=draws, drawn=drawn)


def _same_trials(tables: Sequence[Optional[Scored]]) -> bool:
    lists = [one[0].trials for one in tables if one is not None]
    return all(one == lists[0] for one in lists)


def _over_common(tables: Sequence[Scored]) -> Contrast:
    """Return the difference of two rates over the trials that both tables have.

    Raises:
        ProbeError: If these are not of both kinds.
    """
    own = [dict(zip(table.trials, table.scores.tolist())) for table, _ in tables]
    both = in_both(*(table.trials for table, _ in tables))
    cells = []
    for scores, (_, speakers) in zip(own, tables):
        common = TrialScores(both, np.array([scores[trial] for trial in both]))
        rate = eer(common.scores, common.targets)
        cells.append(_drawn((common, speakers), rate))
    found = contrast([(1.0, cells[0]), (-1.0, cells[1])])
    counts = " and ".join(str(len(table.trials)) for table, _ in tables)
    basis = f"{found.basis}, the {len(both)} trials that both have, of {counts}"
    return replace(found, basis=basis)


@dataclass(frozen=True)
class Difference:
    """A layer minus its control in one score.

    Attributes:
        title: Of the score.
        metric: How it is printed.
        found: The difference; None where one of the two has no such score.
    """

    title: str
    metric: Metric
    found: Optional[Contrast]

    @property
    def text(self) -> str:
        """The difference with its interval and its sign; ``-`` if there is none."""
        if self.found is None or not math.isfinite(self.found.value):
            return "-"
        text = full_text(Value(self.found.value, self.found.bounds()), self.metric)
        return text if self.found.value < 0 else f"+{text}"


def _scores(row: Row, label: str) -> Optional[EmbedderScores]:
    for scores in row.embedders:
        if scores.label == label and scores.values[EER.key].mean is not None:
            return scores
    return None


def _mean(layer: Row, control: Row, metric: Metric, table: str) -> Optional[Contrast]:
    pair = layer.values[metric.key], control.values[metric.key]
    if pair[0].mean is None or pair[1].mean is None:
        return None
    found = difference_over_speakers(layer.folder, control.folder, metric.key, table)
    if math.isfinite(found.value):
        return found
    # The means' intervals in the files are over utterances, those of one speaker alike.
    plain = pair[0].mean - pair[1].mean
    return Contrast(plain, basis=found.basis or "the utterances' scores are not there")


def differences(
    layer: Row, control: Row, labels: List[str], cells: TrialCells
) -> List[Difference]:
    """Return a layer minus its control in every score.

    Args:
        layer: The model's.
        control: The control's.
        labels: The embedders.
        cells: Keeps the tables of trials that were read.
    """
    found = [
        Difference(metric.title, metric, _mean(layer, control, metric, table))
        for metric, table in MEANS
    ]
    for label in labels:
        pair = _scores(layer, label), _scores(control, label)
        difference = None
        if pair[0] is not None and pair[1] is not None:
            difference = cells.difference([(layer, pair[0]), (control, pair[1])], label)
        title = EER.title if len(labels) == 1 else f"{EER.title}, {label}"
        found.append(Difference(title, EER, difference))
    for metric, errors, units in POOLED:
        difference = None
        if all(row.values[metric.key].mean is not None for row in (layer, control)):
            difference = pooled_difference(layer, control, metric, errors, units)
        found.append(Difference(metric.title, metric, difference))
    return found


def _basis(rows: List[List[Difference]]) -> str:
    """Say what the intervals come from, by score, and why some are not there."""
    said: Dict[str, List[str]] = {}
    for row in rows:
        for one in row:
            if one.found is not None and one.found.basis:
                titles = said.setdefault(one.found.basis, [])
                titles += [one.title] if one.title not in titles else []
    parts = [f"{', '.join(titles)}: {basis}" for basis, titles in said.items()]
    return f"95 % intervals: {'; '.join(parts)}." if parts else ""


def selectivity_sections(results: SetResults) -> List[Section]:
    """Return a table of differences for every control of a set.

    Args:
        results: The rows of a set, with those of its control experiments.
    """
    sections, labels, cells = [], embedders_of(results), TrialCells()
    for kind, about in ABOUT.items():
        own = {row.layer: row for row in results.layers_of(kind)}
        rows = [
            (row, differences(row, own[row.layer], labels, cells))
            for row in results.layers
            if row.layer in own
        ]
        if not rows:
            continue
        # A score that no row has makes no column.
        kept = [
            place
            for place in range(len(rows[0][1]))
            if any(found[place].found is not None for _, found in rows)
        ]
        basis = _basis([found for _, found in rows])
        lines = [
            Line(row.name, [found[place].text for place in kept]) for row, found in rows
        ]
        head = [rows[0][1][place].title for place in kept]
        said = [about, *([basis] if basis else [])]
        title = f"Selectivity: layer minus {kind}"
        sections.append(Section(title, said, head, lines if kept else ()))
    return sections
