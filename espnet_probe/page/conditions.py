"""What the models heard: the test sets and their noisy copies."""

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

from espnet_probe.page.experiments import Experiment
from espnet_probe.report.files import slug
from espnet_probe.report.results import SetResults
from espnet_probe.scores.claim_table import CLEAN
from espnet_probe.study.cells import condition_of, in_order
from espnet_probe.study.study import set_of


@dataclass(frozen=True)
class Condition:
    """One test set.

    Attributes:
        id: As the page's data call it; letters, digits, ``-`` and ``_``.
        label: As people call it.
        name: The set.
        base: The clean set that it is, or is a noisy copy of.
        clean: The id of the clean condition that it is a noisy copy of; None for a
            clean one, and where the clean set is not there.
        noisy: Whether it is a noisy copy.
    """

    id: str
    label: str
    name: str
    base: str
    clean: Optional[str]
    noisy: bool


def find_conditions(
    experiments: Sequence[Experiment], asked: Optional[Sequence[str]] = None
) -> List[Condition]:
    """Return the conditions of all experiments, the clean one of each set first.

    Args:
        experiments: Whose sets there are.
        asked: Such as ``clean`` and ``snr10``; None for all.
    """
    names = dict.fromkeys(s.name for one in experiments for s in one.results.sets)
    bases: Dict[str, List[str]] = {}
    for name in names:
        base, condition = condition_of(name)
        if asked is None or condition in asked:
            bases.setdefault(base, []).append(condition)
    noisy = any(condition != CLEAN for own in bases.values() for condition in own)
    found = []
    for base, own in bases.items():
        for condition in in_order(own):
            name = set_of(base, condition)
            said = "clean" if condition == CLEAN else f"{condition[3:]} dB"
            alone = len(bases) == 1 and noisy
            clean = CLEAN if alone else slug(base)
            found.append(
                Condition(
                    id=condition if alone else slug(name),
                    label=said if alone else f"{base}, {said}" if noisy else name,
                    name=name,
                    base=base,
                    clean=clean if condition != CLEAN and CLEAN in own else None,
                    noisy=condition != CLEAN,
                )
            )
    return found


def set_results(experiment: Experiment, condition: Condition) -> Optional[SetResults]:
    """Return the rows of an experiment in a condition; None if it has none.

    Args:
        experiment: The experiment.
        condition: The condition.
    """
    return next((s for s in experiment.results.sets if s.name == condition.name), None)
