"""The scores over the layers, and those of the controls, as the page's data."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.embedders import EmbedderScores
from espnet_probe.report.files import slug
from espnet_probe.report.results import CONTROLS, OPTIONAL_CONTROLS, Row, SetResults
from espnet_probe.report.values import (
    CER,
    COSINE,
    EER,
    ESTOI,
    L1,
    NOT_DEFINED,
    PESQ,
    STOI,
    WER,
    Metric,
    Value,
    missing,
)
from espnet_probe.report.verification_section import embedders_of

Entry = Dict[str, Any]

#: The kind of a curve that is of the model itself.
LAYERS = "layers"
VERIFIED = (EER, COSINE)
PLAIN = (STOI, ESTOI, PESQ, L1, WER, CER)


@dataclass(frozen=True)
class Shown:
    """A score of a page.

    Attributes:
        id: As the page's data call it.
        metric: How it is called and printed.
        embedder: Whose it is; empty for scores that need none.
    """

    id: str
    metric: Metric
    embedder: str = ""

    @property
    def label(self) -> str:
        """The score in words."""
        if not self.embedder:
            return self.metric.title
        return f"{self.metric.title}, {self.embedder}"

    def value(self, row: Row) -> Value:
        """Return the score of a row; missing with the reason if it has none."""
        if self.metric not in VERIFIED:
            return row.values.get(self.metric.key, missing("not scored"))
        if row.name == "natural" and self.metric is COSINE:
            return missing(f"{NOT_DEFINED}: it is the recording itself")
        scores = _by(row, self.embedder)
        if scores is None:
            first = row.embedders[0].values[EER.key] if row.embedders else None
            reason = first.reason if first and first.mean is None else ""
            return missing(reason or f"not scored by {self.embedder}")
        return scores.values[self.metric.key]


def _by(row: Row, embedder: str) -> Optional[EmbedderScores]:
    return next((one for one in row.embedders if one.label == embedder), None)


def shown_metrics(experiments: Sequence[Experiment]) -> List[Shown]:
    """Return the scores that there are, those of speaker verification first.

    Args:
        experiments: Whose sets are looked through.
    """
    sets = [one for experiment in experiments for one in experiment.results.sets]
    labels = dict.fromkeys(label for one in sets for label in embedders_of(one))
    every = [
        Shown(f"{metric.key}:{slug(label)}", metric, label)
        for metric in VERIFIED
        for label in labels
    ]
    every[len(labels) : len(labels)] = [Shown(m.key, m) for m in PLAIN]
    return [
        one
        for one in every
        if any(
            one.value(row).mean is not None for results in sets for row in results.rows
        )
    ]


def metric_entry(shown: Shown) -> Entry:
    """Return what the page has to know of a score."""
    return {
        "id": shown.id,
        "label": shown.label,
        "digits": shown.metric.digits,
        "better": "higher" if shown.metric.higher_is_better else "lower",
    }


def rows_of(results: SetResults, kind: str) -> List[Optional[Row]]:
    """Return the rows of a kind, one per layer of the model.

    Args:
        results: The rows of a set.
        kind: ``layers``, or a control whose layers stand beside the model's.
    """
    own: List[Optional[Row]] = [row for row in results.layers]
    if kind == LAYERS:
        return own
    by_layer = {row.layer: row for row in results.layers_of(kind)}
    return [by_layer.get(row.layer) for row in results.layers]


def point(value: Value, address: Optional[str]) -> Entry:
    """Return a number with everything that is said of it.

    Args:
        value: The number, or the reason why there is none.
        address: Of its file.
    """
    low, high = value.ci95 or (None, None)
    return {
        "value": _short(value.mean),
        "low": _short(low),
        "high": _short(high),
        "counts": value.count_text,
        "file": address,
        "note": value.reason if value.mean is None or value.ci95 is None else "",
    }


def _short(number: Optional[float]) -> Optional[float]:
    """Leave out the digits that nobody is shown: they are most of a page's data."""
    return None if number is None else round(number, 5)


def each_set(
    experiments: Sequence[Experiment], conditions: Sequence[Condition]
) -> Iterator[Tuple[Experiment, Condition, SetResults]]:
    """Yield the rows of every experiment in every condition that it has."""
    for experiment in experiments:
        for condition in conditions:
            results = set_results(experiment, condition)
            if results is not None:
                yield experiment, condition, results


def curves(
    shown: Sequence[Shown],
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
) -> List[Entry]:
    """Return all scores over the layers, with the files that they are from.

    Args:
        shown: The scores.
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the result files.
    """
    found = []
    for experiment, condition, results in each_set(experiments, conditions):
        for one in shown:
            for kind in (LAYERS, *OPTIONAL_CONTROLS):
                points = []
                for layer, row in zip(results.layers, rows_of(results, kind)):
                    if row is None:
                        continue
                    value = one.value(row)
                    place = (experiment.id, condition.id, row.name)
                    address = assets.copy(value.source, *place)
                    points.append({"layer": slug(layer.name), **point(value, address)})
                # Of scores that nobody asked for nothing is said but in the notes.
                if any(entry["value"] is not None for entry in points):
                    found.append(
                        {
                            "metric": one.id,
                            "model": experiment.id,
                            "condition": condition.id,
                            "kind": kind,
                            "points": points,
                        }
                    )
    return found


def levels(
    shown: Sequence[Shown],
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    assets: Assets,
) -> List[Entry]:
    """Return the scores of the recordings and of the oracle, which have no layers.

    Where all models have the same one, it stands once and of no model.

    Args:
        shown: The scores.
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the result files.
    """
    found: List[Entry] = []
    for experiment, condition, results in each_set(experiments, conditions):
        for control in CONTROLS:
            row = results.control(control)
            if row is None:
                continue
            for one in shown:
                value = one.value(row)
                if value.mean is None:
                    continue
                place = (experiment.id, condition.id, control)
                entry = {
                    "metric": one.id,
                    "model": experiment.id,
                    "condition": condition.id,
                    "control": control,
                    **point(value, assets.copy(value.source, *place)),
                }
                found.append(entry)
    return join_levels(found)


def join_levels(every: Sequence[Entry]) -> List[Entry]:
    """Let a level that all models have alike stand once, and of no model.

    Args:
        every: The levels of all models.
    """
    found: List[Entry] = []
    same: Dict[Tuple[str, ...], List[Entry]] = {}
    for entry in every:
        place = entry["metric"], entry["condition"], entry["control"]
        same.setdefault(place, []).append(entry)
    for entries in same.values():
        if len(entries) > 1 and all(_equal(entries[0], one) for one in entries[1:]):
            found.append({**entries[0], "model": None})
        else:
            found += entries
    return found


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    names = ("value", "low", "high", "counts")
    return all(one[name] == other[name] for name in names)
