"""The human error rates of a study's models, from listening tests that were held."""

from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from espnet_probe.report.human import BOTH, HumanRate
from espnet_probe.report.human_tests import HumanTests
from espnet_probe.scores.claim_table import HUMAN_ERROR, Key
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.gaps import Gaps


class HumanReader:
    """Reads the human error rates of models.

    Attributes:
        notes: What cannot be used, in words.
    """

    def __init__(self, probe_exps: Sequence[Path]) -> None:
        """Read the results of all listening tests.

        Args:
            probe_exps: The probe experiments of the study.
        """
        self._tests = HumanTests(probe_exps)
        self.notes = list(self._tests.notes)
        for human in self._tests.held.values():
            if human.simulated:
                said = f"listening test: {human.path}: {human.warning}; not used"
                self.notes.append(said)

    def _rates(self, probe_exp: Path) -> List[HumanRate]:
        tests = self._tests.of(probe_exp)
        return [one for human, rates in tests if not human.simulated for one in rates]

    def cells(
        self,
        probe_exp: Path,
        architecture: str,
        training: str,
        layers: Sequence[str],
        sets: Mapping[str, str],
    ) -> Dict[Key, Cell]:
        """Return the human error rates of one model, as far as they were measured.

        The interval is taken if it is over both listeners and triplets: one over
        triplets alone says nothing of other listeners.

        Args:
            probe_exp: Its probe experiment.
            architecture: Of the model.
            training: Of the model.
            layers: The layers to look at.
            sets: Name of the set by condition.
        """
        rates = self._rates(probe_exp)
        found: Dict[Key, Cell] = {}
        gaps = Gaps()
        for condition, name in sets.items():
            for layer in layers:
                own = [r for r in rates if r.set == name and r.layer == layer]
                if not own or own[0].error.mean is None:
                    continue
                error, over = own[0].error, own[0].over
                assert error.mean is not None
                ci95 = error.ci95 if over == BOTH else None
                if ci95 is None:
                    reason = error.reason or f"that of the test is over {over} alone"
                    gaps.add("interval of human error", condition, layer, reason)
                found[Key(architecture, training, condition, layer, HUMAN_ERROR)] = (
                    Cell(
                        error.mean,
                        ci95,
                        count=error.counts.get("answers", 0),
                        source=str(error.source),
                    )
                )
        title = f"{architecture}, {training}"
        self.notes += [f"{title}: {note}" for note in gaps.notes(layers, "any layer")]
        return found
