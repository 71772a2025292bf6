"""The cells of one model: its result files read for the claims' checks.

Equal error rates come with the scores of their trials, so that differences can be
bootstrapped over the same speakers; STOI with its values per utterance; and from the
mels of the first LSTM layer the noise that is left in them is computed.
"""

import csv
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from espnet_probe.errors import ProbeError
from espnet_probe.report.paper_values import PAPER_LAYERS
from espnet_probe.report.results import Row, read_layers, read_sets
from espnet_probe.report.study_mels import noise_left
from espnet_probe.report.values import EER as EER_METRIC
from espnet_probe.report.values import STOI as STOI_METRIC
from espnet_probe.report.values import Value
from espnet_probe.scores.claim_table import CLEAN, EER, NOISE_KEPT, STOI, Key
from espnet_probe.scores.claims import RECURRENT
from espnet_probe.scores.contrasts import Cell
from espnet_probe.scores.intervals import summarise
from espnet_probe.scores.speaker_draws import eer_draws
from espnet_probe.scores.trials import Trial, speakers_from_trials

CONDITION = re.compile(r"(?P<base>.+)_(?P<snr>snr-?\d+(\.\d+)?)")


def condition_of(name: str) -> Tuple[str, str]:
    """Split the name of a set into the clean set's name and the condition.

    Args:
        name: Such as ``test_clean`` or ``test_clean_snr10``.
    """
    found = CONDITION.fullmatch(name)
    return (found["base"], found["snr"]) if found else (name, CLEAN)


def _order(condition: str) -> float:
    """Sort conditions from clean to the loudest noise."""
    return float("-inf") if condition == CLEAN else -float(condition[len("snr") :])


class CellReader:
    """Reads the cells of one model.

    Attributes:
        notes: What was missing, in words.
        embedders: Whose equal error rates were read.
    """

    def __init__(
        self, folder: Path, probe_exp: Path, base: str, num_draws: int, seed: int
    ) -> None:
        """Read which layers there are.

        Args:
            folder: The model's ``reconstruct_<tag>``.
            probe_exp: The probe experiment that it lies in.
            base: Name of the clean test set.
            num_draws: Draws of speakers for differences of equal error rates.
            seed: Seed of the draws.

        Raises:
            ProbeError: If ``layers.json`` is missing or broken.
        """
        self.folder = folder
        self.probe_exp = probe_exp
        self.base = base
        self.num_draws = num_draws
        self.seed = seed
        self.notes: List[str] = []
        self.embedders: List[str] = []
        layers_file = folder / "layers.json"
        if not layers_file.is_file():
            layers_file = probe_exp / "layers.json"
        self.described = read_layers(layers_file)

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
        self, layers: Sequence[str], architecture: str, training: str
    ) -> Dict[Key, Cell]:
        """Return all cells of the model, conditions from clean to the loudest noise.

        Args:
            layers: The layers to read.
            architecture: Of the model.
            training: Of the model.

        Raises:
            ProbeError: If a table of scores is broken.
        """
        names = {
            condition: path.name
            for path in self.folder.iterdir()
            for base, condition in [condition_of(path.name)]
            if base == self.base and (path / "oracle").is_dir()
        }
        chosen = [layer for layer in self.described if layer.name in layers]
        cells: Dict[Key, Cell] = {}
        for condition in sorted(names, key=_order):
            results = read_sets(self.folder, chosen, [names[condition]])[0]
            for row in results.layers:
                where = f"{condition}, {row.name}"
                for measure, cell in (
                    (EER, self._eer(row, where)),
                    (STOI, self._stoi(row)),
                    (NOISE_KEPT, self._noise(row, condition, layers)),
                ):
                    if cell is not None:
                        key = Key(architecture, training, condition, row.name, measure)
                        cells[key] = cell
        return cells

    def _eer(self, row: Row, where: str) -> Optional[Cell]:
        value = row.values[EER_METRIC.key]
        if value.mean is None:
            return None
        document = row.documents[row.folder / "verification.json"]
        self.embedders.append(str(document.get("embedder")))
        table = row.folder / "verification.csv"
        if not table.is_file():
            self.notes.append(f"{where}: no {table.name}, so no paired differences")
            return _plain(value)
        rows = _read_csv(table, ("enrolment", "test", "label", "score"))
        trials = [
            Trial(r["enrolment"], r["test"], r["label"] == "target") for r in rows
        ]
        speakers = self._speakers(document, trials, where)
        pairs = [(speakers[trial.enrolment], speakers[trial.test]) for trial in trials]
        scores = np.array([_number(r["score"], table) for r in rows])
        try:
            draws, drawn = eer_draws(
                scores,
                np.array([trial.target for trial in trials], dtype=np.bool_),
                pairs,
                self.num_draws,
                self.seed,
            )
        except ProbeError as error:
            raise ProbeError(f"{table}: {error}") from error
        plain = _plain(value)
        return Cell(
            plain.value, plain.ci95, False, len(rows), None, draws, drawn, plain.source
        )

    def _speakers(
        self, document: Mapping[str, Any], trials: Sequence[Trial], where: str
    ) -> Mapping[str, str]:
        """Return who speaks what, as the scores' own interval took it."""
        bootstrap = document.get("bootstrap")
        said = bootstrap.get("speakers_from") if isinstance(bootstrap, dict) else None
        needed = {utt for trial in trials for utt in (trial.enrolment, trial.test)}
        recipe = self.probe_exp.resolve().parents[1]
        for path in (Path(str(said)), recipe / str(said)):
            if path.is_file():
                lines = path.read_text(encoding="utf-8").splitlines()
                speakers = dict(
                    line.split(maxsplit=1) for line in lines if line.strip()
                )
                if needed <= set(speakers):
                    return speakers
        if said != "target trials":
            self.notes.append(f"{where}: no speakers in {said}, taken from the trials")
        return speakers_from_trials(trials)

    def _stoi(self, row: Row) -> Optional[Cell]:
        value = row.values[STOI_METRIC.key]
        if value.mean is None:
            return None
        table = row.folder / "quality.csv"
        plain = _plain(value)
        if not table.is_file():
            return plain
        units = {
            r["utt_id"]: _number(r["stoi"], table)
            for r in _read_csv(table, ("utt_id", "stoi"))
            if r["stoi"]
        }
        return Cell(
            plain.value, plain.ci95, False, len(units), units, source=plain.source
        )

    def _noise(self, row: Row, condition: str, layers: Sequence[str]) -> Optional[Cell]:
        """Return the noise left in the first LSTM layer; None for other layers."""
        first = next((name for name in layers if RECURRENT.fullmatch(name)), None)
        if condition == CLEAN or row.name != first:
            return None
        clean, noisy = self.folder / self.base, row.folder.parent
        units, problem = noise_left(clean, noisy, row.name)
        if problem:
            self.notes.append(f"{condition}, {row.name}: noise left unknown, {problem}")
        if not units:
            return None
        total = summarise(list(units.values()))
        pair = total["ci95"]
        ci95 = None if pair is None else (pair[0], pair[1])
        source = str(row.folder / "feats.scp")
        return Cell(total["mean"], ci95, False, len(units), units, source=source)


def _plain(value: Value) -> Cell:
    assert value.mean is not None
    count = value.counts.get("trials", value.counts.get("utterances", 0))
    return Cell(value.mean, value.ci95, count=count, source=str(value.source))


def _number(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ProbeError(f"{path}: {text!r} is no number; score again") from error


def _read_csv(path: Path, columns: Sequence[str]) -> List[Dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or any(row.get(name) is None for row in rows for name in columns):
        raise ProbeError(
            f"{path} cannot be read: expected columns {', '.join(columns)} and a row "
            "at least; score again"
        )
    return rows
