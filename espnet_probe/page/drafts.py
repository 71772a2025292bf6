"""The sounds of one utterance before they are written: where each one comes from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from espnet_probe.page.assets import part
from espnet_probe.page.conditions import Condition, set_results
from espnet_probe.page.experiments import Experiment
from espnet_probe.report.files import slug
from espnet_probe.report.mels import Mel
from espnet_probe.report.results import Row

NATURAL, NOISY, ORACLE, LAYER = "natural", "noisy", "oracle", "layer"


@dataclass
class Draft:
    """One sound of an utterance.

    Attributes:
        role: ``natural``, ``noisy``, ``oracle``, ``layer``, ``random`` or ``shuffled``.
        experiment: Whose it is, or through which it was found.
        condition: What the model heard.
        row: Where its files are.
        target: The folder of the mels of what the model heard.
        mel: ``(frames, n_mels)``; None until it is read, or if there is none.
        problems: What is missing, in words.
        entry: What the page's data say of it.
    """

    role: str
    experiment: Experiment
    condition: Condition
    row: Row
    target: Optional[Path]
    mel: Optional[Mel] = None
    problems: List[str] = field(default_factory=list)
    entry: Dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        """Whether it is the same for all models."""
        return self.role in (NATURAL, NOISY)

    @property
    def layer(self) -> Optional[str]:
        """The id of its layer; None for what has none."""
        return None if self.row.layer is None else slug(self.row.layer.name)

    @property
    def place(self) -> str:
        """What tells it from the utterance's other sounds; fit for a file's name."""
        parts = [part(self.condition.id)]
        parts += [] if self.shared else [self.experiment.id]
        parts += [] if self.role == LAYER else [self.role]
        if self.row.layer is not None:
            parts.append(part(self.row.layer.name))
        return "-".join(parts)


def drafts_of(
    experiments: Sequence[Experiment], conditions: Sequence[Condition]
) -> List[Draft]:
    """Return the sounds that every utterance of a set has, in the page's order.

    Args:
        experiments: The models.
        conditions: The clean set and its noisy copies.
    """
    found = []
    for condition in conditions:
        heard = False
        for experiment in experiments:
            results = set_results(experiment, condition)
            if results is None:
                continue
            oracle = results.control(ORACLE)
            target = None if oracle is None else oracle.folder
            for row in results.rows:
                role = row.control or (LAYER if row.layer is not None else row.name)
                if role == NATURAL:
                    if heard:
                        continue
                    heard = True
                    role = NOISY if condition.noisy else NATURAL
                elif role not in (ORACLE, LAYER) and not row.control:
                    continue  # A control of the whole set that is not heard.
                found.append(Draft(role, experiment, condition, row, target))
    return found
