"""The listening tests that lie in several experiments, and what each one says of which.

A test lies in the experiment that it was made with first and may be of several.
"""

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from espnet_probe.report.human import FILE, Human, HumanRate, read_human


class HumanTests:
    """The listening tests in some experiments.

    Attributes:
        held: Experiment → its test, those alone that can be read.
        notes: What cannot be read, in words.
    """

    def __init__(self, probe_exps: Sequence[Path]) -> None:
        """Read the results of all tests.

        Args:
            probe_exps: The probe experiments.
        """
        self.held: Dict[Path, Human] = {}
        self.notes: List[str] = []
        names = [folder.resolve().name for folder in probe_exps]
        self._shared = {name for name in names if names.count(name) > 1}
        for folder in probe_exps:
            path = folder / FILE
            if not path.is_file():
                continue
            human, problem = read_human(path)
            if human is None:
                self.notes.append(f"listening test: {problem}")
            else:
                self.held[folder.resolve()] = human

    def of(
        self, probe_exp: Path, subset: Optional[str] = None
    ) -> List[Tuple[Human, List[HumanRate]]]:
        """Return what tests say of an experiment: people first, its own test first.

        Args:
            probe_exp: Its folder.
            subset: A set; None for all.
        """
        own = probe_exp.resolve()
        found = []

        def order(folder: Path) -> Tuple[bool, bool]:
            return bool(self.held[folder].simulated), folder != own

        for folder in sorted(self.held, key=order):
            # A name that two experiments have says nothing in the file of a third.
            by_name = folder == own or own.name not in self._shared
            rates = self.held[folder].of(own, subset, by_name)
            if rates:
                found.append((self.held[folder], rates))
        return found
