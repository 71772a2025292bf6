"""The human error rates of a study's models, from the listening tests that were held.

A test lies in the experiment that it was made with first and may be of several: each
model's rates are looked for in the ``listening.json`` of its own experiment, then in
those of the others.
"""

from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from espnet_probe.report.human import BOTH, FILE, Human, HumanRate, read_human
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
        self.notes: List[str] = []
        self._tests: Dict[Path, Human] = {}
        names = [folder.resolve().name for folder in probe_exps]
        self._shared = {name for name in names if names.count(name) > 1}
        for folder in probe_exps:
            path = folder / FILE
            if not path.is_file():
                continue
            human, problem = read_human(path)
            if human is None:
                self.notes.append(f"listening test: {problem}")
            elif human.simulated:
                self.notes.append(f"listening test: {path}: {human.warning}; not used")
            else:
                self._tests[folder.resolve()] = human

    def _rates(self, probe_exp: Path) -> List[HumanRate]:
        own = probe_exp.resolve()
        order = sorted(self._tests, key=lambda folder: folder != own)
        if own.name in self._shared:
            # A name that two experiments have says nothing in the file of a third.
            order = [folder for folder in order if folder == own]
        return [rate for folder in order for rate in self._tests[folder].of(probe_exp)]

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
