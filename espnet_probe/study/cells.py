"""The cells of one model: its result files read for the claims' checks.

Equal error rates come with the scores of their trials, so that differences can be
bootstrapped over the same speakers; STOI with its values per utterance and who speaks
them; and from the mels of the first LSTM layer the noise that is left in them is
computed.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.results import Row, find_layers, read_layers, read_sets
from espnet_probe.report.trial_tables import read_trial_scores, speakers_of_trials
from espnet_probe.report.unit_scores import over_speakers, read_units
from espnet_probe.report.values import EER as EER_METRIC
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.report.values import Value
from espnet_probe.scores.claim_table import CLEAN, EER, NOISE_KEPT, STOI, Key
from espnet_probe.scores.claims import RECURRENT
from espnet_probe.scores.contrasts import Cell
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.study.gaps import Gaps
from espnet_probe.study.mels import noise_left
from espnet_probe.study.paper_values import PAPER_LAYERS

CONDITION = re.compile(r"(?P<base>.+)_(?P<snr>snr-?\d+(\.\d+)?)")


def condition_of(name: str) -> Tuple[str, str]:
    """Split the name of a set into the clean set's name and the condition.

    Args:
        name: Such as ``test_clean`` or ``test_clean_snr10``.
    """
    found = CONDITION.fullmatch(name)
    return (found["base"], found["snr"]) if found else (name, CLEAN)


def is_condition(name: str) -> bool:
    """Return whether a name is that of a condition, such as ``clean`` or ``snr10``."""
    return name == CLEAN or condition_of(f"set_{name}") == ("set", name)


def in_order(conditions: Iterable[str]) -> List[str]:
    """Return each condition once, from clean to the loudest noise.

    Args:
        conditions: Such as ``snr10`` and ``clean``.
    """
    return sorted(dict.fromkeys(conditions), key=_order)


def _order(condition: str) -> float:
    return float("-inf") if condition == CLEAN else -float(condition[len("snr") :])


class CellReader:
    """Reads the cells of one model.

    Attributes:
        notes: What was missing, in words.
        embedders: Whose equal error rates were read.
        conditions: Those that were read.
    """

    def __init__(
        self,
        folder: Path,
        probe_exp: Path,
        base: str,
        num_draws: int,
        seed: int,
        tolerant: bool = False,
    ) -> None:
        """Read which layers there are.

        Args:
            folder: The model's ``reconstruct_<tag>``.
            probe_exp: The probe experiment that it lies in.
            base: Name of the clean test set.
            num_draws: Draws of speakers for differences of equal error rates.
            seed: Seed of the draws.
            tolerant: Whether a broken table of scores costs what is computed from it
                alone, with a note, instead of everything.

        Raises:
            ProbeError: If ``layers.json`` is missing or broken.
        """
        self.folder = folder
        self.probe_exp = probe_exp
        self.recipe = probe_exp.resolve().parents[1]
        self.base = base
        self.num_draws = num_draws
        self.seed = seed
        self.tolerant = tolerant
        self.notes: List[str] = []
        self.embedders: List[str] = []
        self.conditions: List[str] = []
        self._gaps = Gaps()
        self.described = read_layers(find_layers(folder, probe_exp))

    def layers(self, paper: bool) -> List[str]:
        """Return the layers to look at, in network order.

        Args:
            paper: Whether those that the paper probes are enough, if all are there.
        """
        names = [layer.name for layer in self.described]
        if not paper:
            return names
        kind = "vgg_blstm" if any(n.startswith("cnn") for n in names) else "blstm"
        chosen = [name for name in names if name in PAPER_LAYERS[kind]]
        if len(chosen) == len(PAPER_LAYERS[kind]):
            return chosen
        self.notes.append(
            "not all layers of the paper were probed: all there are taken"
        )
        return names

    def cells(
        self,
        layers: Sequence[str],
        architecture: str,
        training: str,
        conditions: Optional[Sequence[str]] = None,
    ) -> Dict[Key, Cell]:
        """Return all cells of the model, conditions from clean to the loudest noise.

        Args:
            layers: The layers to read.
            architecture: Of the model.
            training: Of the model.
            conditions: Those to read; None for all that have a folder.

        Raises:
            ProbeError: If a table of scores is broken, unless that is tolerated.
        """
        names = {
            condition: path.name
            for path in self.folder.iterdir()
            for base, condition in [condition_of(path.name)]
            if base == self.base and (path / "oracle").is_dir()
            # Folders of conditions of another time may be of other noise.
            if conditions is None or condition in conditions
        }
        lacking = [one for one in conditions or () if one not in names]
        if lacking:
            self.notes.append(f"not reconstructed: {', '.join(lacking)}")
        chosen = [layer for layer in self.described if layer.name in layers]
        cells: Dict[Key, Cell] = {}
        self.conditions = in_order(names)
        for condition in self.conditions:
            results = read_sets(self.folder, chosen, [names[condition]])[0]
            for row in results.layers:
                for measure, cell in (
                    (EER, self._eer(row, condition)),
                    (STOI, self._stoi(row, condition)),
                    (NOISE_KEPT, self._noise(row, condition, layers)),
                ):
                    if cell is not None:
                        key = Key(architecture, training, condition, row.name, measure)
                        cells[key] = cell
        self.notes += self._gaps.notes([one.name for one in chosen], "any layer")
        return cells

    def _eer(self, row: Row, condition: str) -> Optional[Cell]:
        value = row.values[EER_METRIC.key]
        if value.mean is None:
            self._gaps.add("EER", condition, row.name, value.reason)
            return None
        if value.ci95 is None:
            self._gaps.add("interval of the EER", condition, row.name, value.reason)
        document = row.documents[row.folder / "verification.json"]
        self.embedders.append(str(document.get("embedder")))
        table = row.folder / "verification.csv"
        if not table.is_file():
            reason = f"no {table.name}"
            self._gaps.add("paired differences of EERs", condition, row.name, reason)
            return _plain(value)
        try:
            return self._drawn(table, document, _plain(value), row, condition)
        except ProbeError as error:
            if not self.tolerant:
                raise
            reason = str(error)
            self._gaps.add("paired differences of EERs", condition, row.name, reason)
            return _plain(value)

    def _drawn(
        self,
        table: Path,
        document: Mapping[str, Any],
        plain: Cell,
        row: Row,
        condition: str,
    ) -> Cell:
        """Return an equal error rate with its value in each draw of speakers."""
        scored = read_trial_scores(table)
        speakers, reason = speakers_of_trials(document, self.recipe, scored.trials)
        if reason:
            self._gaps.add("named speakers for EERs", condition, row.name, reason)
        try:
            draws, drawn = eer_draws(
                scored.scores,
                scored.targets,
                scored.pairs(speakers),
                self.num_draws,
                self.seed,
            )
        except ProbeError as error:
            raise ProbeError(f"{table}: {error}") from error
        count = len(scored.trials)
        return Cell(
            plain.value, plain.ci95, False, count, None, draws, drawn, plain.source
        )

    def _stoi(self, row: Row, condition: str) -> Optional[Cell]:
        """Return the STOI of a layer, its interval over speakers.

        That in ``quality.json`` is over utterances, and so is no measure of what other
        speakers would give: it is not taken over.
        """
        value = row.values[STOI_METRIC.key]
        if value.mean is None:
            self._gaps.add("STOI", condition, row.name, value.reason)
            return None
        plain = _plain(value)
        table = row.folder / "quality.csv"
        if not table.is_file():
            reason = f"no {table.name}"
            self._gaps.add("interval of the STOI", condition, row.name, reason)
            return replace(plain, ci95=None)
        try:
            units = read_units(table, "stoi")
            if not units:
                raise ProbeError(
                    f"{table} has no score, {plain.source} has; score again"
                )
        except ProbeError as error:
            if not self.tolerant:
                raise
            self._gaps.add("interval of the STOI", condition, row.name, str(error))
            return replace(plain, ci95=None)
        return self._over_speakers(units, row, condition, "STOI", plain.source)

    def _noise(self, row: Row, condition: str, layers: Sequence[str]) -> Optional[Cell]:
        """Return the noise left in the first LSTM layer; None for other layers."""
        first = next((name for name in layers if RECURRENT.fullmatch(name)), None)
        if condition == CLEAN or row.name != first:
            return None
        clean, noisy = self.folder / self.base, row.folder.parent
        units, problem = noise_left(clean, noisy, row.name)
        if problem:
            unknown = "" if units else " unknown"
            said = f"{condition}, {row.name}: noise left{unknown}, {problem}"
            self.notes.append(said)
        if not units:
            return None
        source = str(row.folder / "feats.scp")
        return self._over_speakers(units, row, condition, "noise left", source)

    def _over_speakers(
        self,
        units: Mapping[str, float],
        row: Row,
        condition: str,
        what: str,
        source: str,
    ) -> Cell:
        folder = row.folder.parent
        cell, problem = over_speakers(units, folder, self.recipe, source)
        if problem and cell.speakers is not None:
            self._gaps.add(f"interval of the {what}", condition, row.name, problem)
            return cell
        # One file for all rows of a set.
        note = f"{folder.name}: {problem}, so no intervals of means over utterances"
        if problem and note not in self.notes:
            self.notes.append(note)
        return cell


def _plain(value: Value) -> Cell:
    assert value.mean is not None
    count = value.counts.get("trials", value.counts.get("utterances", 0))
    return Cell(value.mean, value.ci95, count=count, source=str(value.source))
