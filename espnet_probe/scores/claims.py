"""The paper's six claims as checks on a table of results.

What is compared, cell by cell, stands at each claim; how a comparison is judged, in
``claim_table``; where its interval comes from, in ``contrasts``.
"""

import re
from dataclasses import dataclass, replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espnet_probe.scores.claim_table import (
    BASELINE,
    CLEAN,
    EER,
    FAILS,
    HOLDS,
    HUMAN_ERROR,
    MISSING,
    NOISE_KEPT,
    NOT_TRAINED,
    OPEN,
    ROBUST,
    STOI,
    UNDECIDED,
    Comparison,
    Key,
    Part,
    Question,
    Table,
    ask,
    judge_parts,
    verdict,
)
from espnet_probe.scores.contrasts import Cell, Contrast
from espnet_probe.scores.intervals import NUM_DRAWS, interval_of_draws

#: Differences within these count as none. The paper's table has EERs that are "equal
#: within 0.1"; the others are as small beside what the measure usually moves by.
EQUAL_WITHIN = {EER: 0.1, STOI: 0.002, NOISE_KEPT: 0.02, HUMAN_ERROR: 0.1}
#: EERs, in points, that count as alike on clean input. The paper calls alike what
#: differs by up to 2.84 points; this is the next whole number above it.
ALIKE = 3.0
#: The CNN costs little if its share of the rise is below one part in three.
LITTLE = 3
#: Noise is "mostly gone" below this share of it, and "still visible" above.
HALF = 0.5
#: A rank correlation over fewer layers says nothing.
MIN_RANKED = 4

#: Why claims 1 to 3 have nothing to go by.
NO_EER = "no equal error rates"

CONVOLUTIONAL = re.compile(r"cnn\d+")
RECURRENT = re.compile(r"b?(lstm|gru)\d+")
ANY = re.compile(r".*")


@dataclass(frozen=True)
class Claim:
    """A claim and what the table says of it.

    Attributes:
        number: As in the paper's list, 1 to 6.
        statement: The claim.
        parts: What was compared.
        why: Why nothing was compared; empty if something was.
    """

    number: int
    statement: str
    parts: Sequence[Part]
    why: str = ""

    @property
    def required(self) -> List[Comparison]:
        """The comparisons that the claim rests on."""
        return [one for p in self.parts if p.required for one in p.comparisons]

    @property
    def verdict(self) -> str:
        """``holds``, ``does not hold`` or ``cannot be decided``."""
        return self._verdict(None)

    @property
    def by_architecture(self) -> Dict[str, str]:
        """The verdict on each architecture alone."""
        names = dict.fromkeys(one.question.architecture for one in self.required)
        return {name: self._verdict(name) for name in names}

    def _verdict(self, architecture: Optional[str]) -> str:
        found = []
        for part in self.parts:
            if part.required:
                own = [
                    one
                    for one in part.comparisons
                    if architecture in (None, one.question.architecture)
                ]
                found.append(verdict(own))
        if FAILS in found:
            return FAILS
        # A part without any comparison decides nothing, and so leaves the claim open.
        return HOLDS if set(found) == {HOLDS} else UNDECIDED


def _layers(table: Table, architecture: str, kind: "re.Pattern[str]") -> List[str]:
    return [name for name in table.layers[architecture] if kind.fullmatch(name)]


def _ask_all(table: Table, questions: Sequence[Question]) -> List[Comparison]:
    return [ask(table, question) for question in questions]


def _steps(table: Table, measure: str, sign: float) -> List[Comparison]:
    """Ask whether a measure rises (sign 1) or falls (-1) from layer to layer."""
    questions = []
    for name, layers in table.layers.items():
        for training in table.trainings(name):
            for condition in table.expected(measure):
                for one, other in zip(layers, layers[1:]):
                    lower = Key(name, training, condition, one, measure)
                    upper = Key(name, training, condition, other, measure)
                    where = f"{training}, {condition}, {one} to {other}"
                    terms = [(sign, upper), (-sign, lower)]
                    margin = EQUAL_WITHIN[measure]
                    questions.append(Question(name, where, terms, margin))
    return _ask_all(table, questions)


def _ends(table: Table, measure: str, sign: float) -> List[Comparison]:
    """As :func:`_steps`, from the first layer to the last alone."""
    ends = {
        name: [layers[0], layers[-1]]
        for name, layers in table.layers.items()
        if len(layers) > 1
    }
    return _steps(replace(table, layers=ends), measure, sign)


def _robust_against_baseline(
    table: Table,
    measure: str,
    sign: float,
    kind: "re.Pattern[str]",
    alike: Optional[float] = None,
) -> List[Comparison]:
    """Ask of each layer whether robust minus baseline, times ``sign``, is above 0.

    This is asked in noise; with a margin ``alike``, whether they are within it of each
    other, on clean input.
    """
    answers: List[Comparison] = []
    for name in table.layers:
        lacking = _lacks_a_training(table, name)
        if lacking is not None:
            answers.append(lacking)
            continue
        for condition in table.expected(measure):
            if (condition == CLEAN) is (alike is None):
                continue
            for layer in _layers(table, name, kind):
                robust = Key(name, ROBUST, condition, layer, measure)
                baseline = Key(name, BASELINE, condition, layer, measure)
                terms = [(sign, robust), (-sign, baseline)]
                margin = EQUAL_WITHIN[measure] if alike is None else alike
                where = f"{condition}, {layer}"
                question = Question(name, where, terms, margin, alike=alike is not None)
                answers.append(ask(table, question))
    return answers


def _lacks_a_training(table: Table, name: str) -> Optional[Comparison]:
    found = table.trainings(name)
    if len(found) == 2:
        return None
    question = Question(name, "robust against baseline", [], 0.0)
    said = f"only {found[0]} is there" if found else "neither is there"
    return Comparison(question, MISSING, None, said)


def rises_with_depth(table: Table) -> Claim:
    """Claim 1: each step from a layer to the next, per model and condition."""
    parts = [
        Part("the EER rises from each layer to the next", _steps(table, EER, 1)),
        Part(
            "the EER rises from the first layer to the last",
            _ends(table, EER, 1),
            False,
        ),
    ]
    statement = "EER rises from layer to layer, for every model and condition."
    return _claim(1, statement, parts, f"{NO_EER}, or one layer only")


def convolutions_cost_little(table: Table) -> Claim:
    """Claim 2: the rise within the CNN against the rise within the LSTM layers.

    With ``C`` the EER's rise from the first to the last convolution and ``L`` that
    from there to the last LSTM layer: ``L > 0`` and ``L - 2 C > 0``, which says,
    without dividing by a rise that may be near zero, that C is below a third of both.
    """
    rises, shares, told = [], [], []
    for name in table.layers:
        cnn = _layers(table, name, CONVOLUTIONAL)
        rnn = _layers(table, name, RECURRENT)
        if len(cnn) < 2 or not rnn:
            continue
        for training in table.trainings(name):
            for condition in table.expected(EER):
                first, middle, last = (
                    Key(name, training, condition, layer, EER)
                    for layer in (cnn[0], cnn[-1], rnn[-1])
                )
                where = f"{training}, {condition}, {middle.layer} to {last.layer}"
                margin = EQUAL_WITHIN[EER]
                terms = [(1.0, last), (-1.0, middle)]
                rises.append(Question(name, where, terms, margin))
                # (last - middle) - (LITTLE - 1) (middle - first)
                much = float(LITTLE - 1)
                terms = [(1.0, last), (-1.0 - much, middle), (much, first)]
                where = f"{training}, {condition}"
                shares.append(Question(name, where, terms, margin))
                told.append(_share(table, first, middle, last))
    parts = [
        Part("the EER rises over the LSTM layers", _ask_all(table, rises)),
        Part(
            f"the CNN has less than a 1/{LITTLE} share of the whole rise",
            _ask_all(table, shares),
            note="; ".join(one for one in told if one),
        ),
    ]
    statement = (
        "The CNN part of the VGG-LSTM costs little speaker information; the LSTM "
        "layers remove it."
    )
    why = "no model with convolutions and LSTM layers"
    return _claim(2, statement, parts, why if table.conditions(EER) else NO_EER)


def _share(table: Table, first: Key, middle: Key, last: Key) -> str:
    untrained = (first.architecture, first.training) in table.untrained
    if untrained or not all(key in table.cells for key in (first, middle, last)):
        return ""
    low, mid, high = (table.cells[key].value for key in (first, middle, last))
    where = f"{first.architecture}, {first.training}, {first.condition}"
    if high <= low:
        return f"{where}: no rise"
    return f"{where}: {100 * (mid - low) / (high - low):.1f} %"


def robust_is_lower_in_noise(table: Table, alike: float = ALIKE) -> Claim:
    """Claim 3: robust against baseline, layer by layer.

    Args:
        table: The cells.
        alike: EERs on clean input that differ by less, in points, are alike.
    """
    ask_pairs = _robust_against_baseline
    on_clean = ask_pairs(table, EER, -1, ANY, alike)
    in_cnn = ask_pairs(table, EER, -1, CONVOLUTIONAL)
    parts = [
        Part(
            f"on clean input the EERs are alike (within {alike:g} points)",
            on_clean,
            note=_largest(on_clean),
        ),
        Part(
            "in noise the robust model's EER is lower, from the first LSTM layer on",
            ask_pairs(table, EER, -1, RECURRENT),
        ),
        Part(
            "in noise the robust model's EER is lower in the CNN too",
            [one for one in in_cnn if one.question.terms],
            required=False,
        ),
    ]
    statement = (
        "Robust and baseline are alike on clean input; on noisy input the robust model "
        "has the lower EER."
    )
    return _claim(3, statement, parts, NO_EER)


def _largest(answers: Sequence[Comparison]) -> str:
    """Say where a difference of EERs is largest, whatever its interval."""
    found = [one for one in answers if one.contrast is not None]
    if not found:
        return ""
    most = max(found, key=lambda one: abs(one.contrast.value) if one.contrast else 0)
    assert most.contrast is not None
    size, asked = abs(most.contrast.value), most.question
    where = f"{asked.architecture}, {asked.where}"
    return f"the largest difference is {size:.2f} points, at {where}"


def stoi_falls(table: Table) -> Claim:
    """Claim 4: STOI from layer to layer, and robust against baseline in noise.

    Told beside it: what noise takes away, clean minus noisy, is less for the robust
    model. A robust model that is better on clean speech already would be above in noise
    without being more robust.
    """
    drops = []
    for name in table.layers:
        if len(table.trainings(name)) < 2:
            continue
        for condition in table.expected(STOI):
            if condition == CLEAN:
                continue
            for layer in _layers(table, name, RECURRENT):
                terms = [
                    (1.0, Key(name, BASELINE, CLEAN, layer, STOI)),
                    (-1.0, Key(name, BASELINE, condition, layer, STOI)),
                    (-1.0, Key(name, ROBUST, CLEAN, layer, STOI)),
                    (1.0, Key(name, ROBUST, condition, layer, STOI)),
                ]
                where = f"clean minus {condition}, {layer}"
                drops.append(Question(name, where, terms, EQUAL_WITHIN[STOI]))
    above = _robust_against_baseline(table, STOI, 1, RECURRENT)
    parts = [
        Part("STOI falls from each layer to the next", _steps(table, STOI, -1)),
        Part("in noise the robust model's STOI is higher, from blstm1 on", above),
        Part(
            "STOI falls from the first layer to the last", _ends(table, STOI, -1), False
        ),
        Part(
            "noise takes less STOI from the robust model", _ask_all(table, drops), False
        ),
    ]
    statement = (
        "STOI falls with depth; on noisy input the robust model is above the baseline "
        "from blstm1 on."
    )
    return _claim(4, statement, parts, "no STOI, or one layer only")


def noise_goes(table: Table) -> Claim:
    """Claim 5: the share of the noise in the reconstruction of the first LSTM layer.

    The share is that of ``residual_noise``. Per noisy condition: the baseline's is
    above one half, the robust one's below, and the second is below the first.
    """
    visible, gone, less = [], [], []
    for name in table.layers:
        rnn = _layers(table, name, RECURRENT)
        for condition in table.expected(NOISE_KEPT):
            if condition == CLEAN or not rnn:
                continue
            baseline = Key(name, BASELINE, condition, rnn[0], NOISE_KEPT)
            robust = Key(name, ROBUST, condition, rnn[0], NOISE_KEPT)
            where, margin = f"{condition}, {rnn[0]}", EQUAL_WITHIN[NOISE_KEPT]
            one = [(1.0, baseline)]
            visible.append(Question(name, f"baseline, {where}", one, margin, -HALF))
            one = [(-1.0, robust)]
            gone.append(Question(name, f"robust, {where}", one, margin, HALF))
            both = [(1.0, baseline), (-1.0, robust)]
            less.append(Question(name, where, both, margin))
    parts = [
        Part(
            "more than half of the noise is in the baseline's", _ask_all(table, visible)
        ),
        Part("less than half of it is in the robust model's", _ask_all(table, gone)),
        Part(
            "less is in the robust model's than the baseline's", _ask_all(table, less)
        ),
    ]
    statement = (
        "Added noise is still visible in the baseline's blstm1 reconstruction and "
        "mostly gone in the robust one's."
    )
    why = "no reconstructions of the same utterances from clean and noisy speech"
    return _claim(5, statement, parts, why)


def listeners_follow(table: Table) -> Claim:
    """Claim 6: Spearman's correlation, over the layers, of human error with EER."""
    answers = []
    for name, layers in table.layers.items():
        for training in table.trainings(name):
            for condition in table.conditions(HUMAN_ERROR):
                pairs = [
                    tuple(
                        table.cells[Key(name, training, condition, layer, measure)]
                        for measure in (HUMAN_ERROR, EER)
                    )
                    for layer in layers
                    if Key(name, training, condition, layer, HUMAN_ERROR) in table.cells
                    and Key(name, training, condition, layer, EER) in table.cells
                ]
                if pairs:
                    where = f"{training}, {condition}, {len(pairs)} layers"
                    question = Question(name, where, [], 0.0)
                    reason = table.untrained.get((name, training))
                    answers.append(_rank(question, pairs, reason))
    part = Part("the rank correlation of human error with the EER is above 0", answers)
    statement = "Human error rate follows the EER."
    return _claim(6, statement, [part], "no listening test has been held")


def _rank(
    question: Question, pairs: Sequence[Tuple[Cell, ...]], untrained: Optional[str]
) -> Comparison:
    if untrained is not None:
        return Comparison(question, NOT_TRAINED, None, untrained)
    rho = _spearman(
        [human.value for human, _ in pairs], [eer.value for _, eer in pairs]
    )
    if len(pairs) < MIN_RANKED or rho is None:
        reason = f"{len(pairs)} layers with ranks, {MIN_RANKED} are needed"
        return Comparison(question, OPEN, None, reason)
    rng = np.random.default_rng(0)
    drawn = [[_sample(cell, rng) for cell in column] for column in zip(*pairs)]
    humans = [one for one in drawn[0] if one is not None]
    eers = [one for one in drawn[1] if one is not None]
    if len(humans) < len(pairs) or len(eers) < len(pairs):
        return Comparison(
            question, OPEN, Contrast(rho, basis="values have no interval")
        )
    size = min(len(one) for one in humans + eers)
    found = [
        _spearman([one[i] for one in humans], [one[i] for one in eers])
        for i in range(size)
    ]
    interval = interval_of_draws(
        np.array([np.nan if one is None else one for one in found], dtype=np.float64)
    )
    basis = interval.reason or f"{size} draws of the values"
    contrast = Contrast(rho, interval.low, interval.high, basis)
    return Comparison(question, OPEN, contrast)


def _spearman(one: Sequence[float], other: Sequence[float]) -> Optional[float]:
    if min(len(set(one)), len(set(other))) < 2 or not np.all(
        np.isfinite([*one, *other])
    ):
        return None
    return float(spearmanr(one, other).statistic)


def _sample(cell: Cell, rng: np.random.Generator) -> Optional[NDArray[np.float64]]:
    """Return draws of a value: its own, or normal ones as wide as its interval."""
    if cell.draws is not None:
        return cell.draws
    if cell.ci95 is None or cell.ci95[0] >= cell.ci95[1]:
        # An interval without width, as of no error at all, is none.
        return None
    spread = (cell.ci95[1] - cell.ci95[0]) / (2 * 1.96)
    return rng.normal(cell.value, spread, NUM_DRAWS)


def _claim(number: int, statement: str, parts: Sequence[Part], why: str) -> Claim:
    judged = judge_parts(parts)
    compared = any(part.comparisons for part in judged if part.required)
    return Claim(number, statement, judged, "" if compared else why)


def check_claims(table: Table, alike: float = ALIKE) -> List[Claim]:
    """Check all six claims.

    Args:
        table: The cells.
        alike: See :func:`robust_is_lower_in_noise`.
    """
    checks: Sequence[Callable[[Table], Claim]] = (
        rises_with_depth,
        convolutions_cost_little,
        lambda one: robust_is_lower_in_noise(one, alike),
        stoi_falls,
        noise_goes,
        listeners_follow,
    )
    return [check(table) for check in checks]
