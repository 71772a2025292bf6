"""What claims are checked on: a table of cells, and how one comparison is judged.

A comparison asks whether a contrast of cells lies above zero, or within a margin around
it. Its answer is one of:

- ``as claimed``: the 95 % interval lies wholly above zero (or within the margin);
- ``against``: it lies wholly below zero (or outside the margin), also when widened for
  the number of comparisons that could refute the claim;
- ``equal``: asked whether above zero, it lies within the margin of equivalence around
  zero, also when widened;
- ``open``: none of these;
- ``missing``: a cell is not there; ``not trained enough``: a model is not to be judged.

A claim over many comparisons holds if all are as claimed; that needs no correction,
since each has to pass. It fails if one does not, and with many comparisons one would by
chance: so that side is widened.
"""

from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from espnet_probe.scores.contrasts import Cell, Contrast, contrast

BASELINE = "baseline"
ROBUST = "robust"
CLEAN = "clean"

EER = "eer"
STOI = "stoi"
NOISE_KEPT = "noise_kept"
HUMAN_ERROR = "human_error"

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "cannot be decided"

AS_CLAIMED = "as claimed"
AGAINST = "against"
EQUAL = "equal"
OPEN = "open"
MISSING = "missing"
NOT_TRAINED = "not trained enough"


class Key(NamedTuple):
    """The address of a cell.

    Attributes:
        architecture: Such as ``vgg_blstm``.
        training: ``baseline`` or ``robust``.
        condition: ``clean``, ``snr20``, …
        layer: Its canonical name.
        measure: ``eer`` (percent), ``stoi``, ``noise_kept`` or ``human_error``.
    """

    architecture: str
    training: str
    condition: str
    layer: str
    measure: str


@dataclass(frozen=True)
class Table:
    """All cells of a study.

    Attributes:
        cells: The numbers.
        layers: The layers of each architecture in network order.
        untrained: Architecture and training of models that decide nothing, with the
            reason in words.
        models: Architecture and training of models that are in the study even if
            they have no cell: what is asked of them is missing, not left out.
        asked: The conditions that were asked for, clean first; empty to expect those
            that have a cell.
    """

    cells: Mapping[Key, Cell]
    layers: Mapping[str, Sequence[str]]
    untrained: Mapping[Tuple[str, str], str] = field(default_factory=dict)
    models: Sequence[Tuple[str, str]] = ()
    asked: Sequence[str] = ()

    def has(self, architecture: str, training: str) -> bool:
        """Return whether a model is in the study."""
        pair = (architecture, training)
        return pair in self.models or any(
            (key.architecture, key.training) == pair for key in self.cells
        )

    def trainings(self, architecture: str) -> List[str]:
        """Return which trainings of an architecture there are, baseline first."""
        return [one for one in (BASELINE, ROBUST) if self.has(architecture, one)]

    def conditions(self, measure: str) -> List[str]:
        """Return the conditions in which something was measured, in table order."""
        return list(
            dict.fromkeys(k.condition for k in self.cells if k.measure == measure)
        )

    def expected(self, measure: str) -> List[str]:
        """Return the conditions in which a measure belongs, in table order.

        That is every condition of the study, as soon as the measure is in one of them:
        a condition that was not scored is missing, and does not drop out of a claim.
        It may have no cell at all, if it was asked for.
        """
        if not self.conditions(measure):
            return []
        if self.asked:
            return list(self.asked)
        return list(dict.fromkeys(key.condition for key in self.cells))


@dataclass(frozen=True)
class Question:
    """What one comparison asks.

    Attributes:
        architecture: Of the models that are compared.
        where: The comparison in words, such as ``robust, snr10, cnn1 to cnn2``.
        terms: Weights and addresses of the cells.
        offset: Added to their weighted sum.
        margin: Half width of the range around zero that counts as equal.
        alike: Whether equality is what is asked for; else that the sum is above zero.
    """

    architecture: str
    where: str
    terms: Sequence[Tuple[float, Key]]
    margin: float
    offset: float = 0.0
    alike: bool = False


@dataclass(frozen=True)
class Comparison:
    """The answer to a question.

    Attributes:
        question: The question.
        outcome: See the module.
        contrast: The sum of the cells; None if one is missing.
        reason: Why it is not decided; empty if it is.
    """

    question: Question
    outcome: str
    contrast: Optional[Contrast] = None
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """Several comparisons that say one thing.

    Attributes:
        title: What they say, if all are as claimed.
        comparisons: The answers.
        required: Whether the claim rests on it; else it is told beside the claim.
        note: Further numbers in words.
    """

    title: str
    comparisons: Sequence[Comparison]
    required: bool = True
    note: str = ""

    def counts(self) -> Dict[str, int]:
        """Return how often each outcome occurs, commonest first."""
        found: Dict[str, int] = {}
        for one in self.comparisons:
            found[one.outcome] = found.get(one.outcome, 0) + 1
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def ask(table: Table, question: Question) -> Comparison:
    """Look up the cells of a question; what can be judged is ``open`` for now.

    Args:
        table: The cells.
        question: The question.
    """
    cells: List[Tuple[float, Cell]] = []
    for weight, key in question.terms:
        reason = table.untrained.get((key.architecture, key.training))
        if reason is not None:
            return Comparison(question, NOT_TRAINED, None, reason)
        if key not in table.cells:
            lacking = f"no {key.measure} of {key.training}, {key.condition}, "
            return Comparison(question, MISSING, None, lacking + key.layer)
        cells.append((weight, table.cells[key]))
    found = contrast(cells)
    if question.offset:
        moved = question.offset
        found = replace(
            found,
            value=found.value + moved,
            low=None if found.low is None else found.low + moved,
            high=None if found.high is None else found.high + moved,
        )
    return Comparison(question, OPEN, found)


def judge(comparison: Comparison, looks: int) -> Comparison:
    """Decide a comparison.

    Args:
        comparison: As :func:`ask` returns it.
        looks: How many comparisons could refute the claim.
    """
    found = comparison.contrast
    if found is None:
        return comparison
    once, wide = found.bounds(), found.bounds(looks)
    if once is None or wide is None:
        return replace(comparison, reason=found.basis)
    margin = comparison.question.margin
    if comparison.question.alike:
        if -margin <= once[0] and once[1] <= margin:
            return replace(comparison, outcome=AS_CLAIMED)
        if wide[0] > margin or wide[1] < -margin:
            return replace(comparison, outcome=AGAINST)
        return replace(comparison, reason="the interval crosses the margin")
    if once[0] > 0:
        return replace(comparison, outcome=AS_CLAIMED)
    if -margin <= wide[0] and wide[1] <= margin:
        return replace(comparison, outcome=EQUAL)
    if wide[1] < 0:
        return replace(comparison, outcome=AGAINST)
    return replace(comparison, reason="the interval holds zero")


def judge_parts(parts: Sequence[Part]) -> List[Part]:
    """Decide all comparisons of a claim.

    Args:
        parts: Parts whose comparisons come from :func:`ask`.
    """
    judged = []
    for part in parts:
        together = parts if part.required else [part]
        looks = sum(
            one.contrast is not None and one.contrast.low is not None
            for other in together
            if other.required == part.required
            for one in other.comparisons
        )
        answers = [judge(one, max(1, looks)) for one in part.comparisons]
        judged.append(replace(part, comparisons=answers))
    return judged


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Return what comparisons that a claim rests on say together.

    Args:
        comparisons: Judged ones; none at all decide nothing.
    """
    outcomes = {one.outcome for one in comparisons}
    if outcomes & {AGAINST, EQUAL}:
        return FAILS
    return HOLDS if outcomes == {AS_CLAIMED} else UNDECIDED
