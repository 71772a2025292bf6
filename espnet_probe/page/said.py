"""What a page states in words, each sentence with the files that it is from."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition
from espnet_probe.page.curves import each_set
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.verdict import Statement, statements

MARKS = {True: "yes", False: "no", None: "open"}


@dataclass(frozen=True)
class Said:
    """A sentence.

    Attributes:
        text: The sentence.
        mark: ``yes`` or ``no`` where something was expected and holds or does not,
            ``open`` where the data cannot say, ``note`` where nothing was expected.
        links: The names and addresses of its files.
    """

    text: str
    mark: str = "note"
    links: Sequence[Tuple[str, str]] = ()


def say(
    experiments: Sequence[Experiment], conditions: Sequence[Condition], assets: Assets
) -> List[Said]:
    """Return what the numbers say; of several models on the clean sets alone.

    Args:
        experiments: The models.
        conditions: What they heard.
        assets: Takes copies of the files.
    """
    clean = [condition for condition in conditions if not condition.noisy]
    shown = conditions if len(experiments) == 1 else clean or conditions
    found = []
    for experiment, condition, results in each_set(experiments, shown):
        where = [experiment.label] if len(experiments) > 1 else []
        where += [condition.label] if len(shown) > 1 else []
        head = f"{', '.join(where)}: " if where else ""
        for one in statements(results):
            place = (experiment.id, condition.id)
            found.append(_said(head, one, place, assets))
    return found


def _said(head: str, one: Statement, place: Tuple[str, str], assets: Assets) -> Said:
    links = []
    for path in one.sources:
        address = assets.copy(path, *place, path.parent.name)
        if address is not None:
            links.append((f"{path.parent.name}/{path.name}", address))
    mark = "note" if one.is_note else MARKS[one.holds]
    return Said(f"{head}{one.text}", mark, links)
