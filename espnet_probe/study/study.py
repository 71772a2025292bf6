"""A study of several models as one table of cells, for the claims to be checked on."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.control_rows import parse_controls
from espnet_probe.report.documents import read_config
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.scores.claim_table import BASELINE, CLEAN, ROBUST, Key, Table
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.cells import CellReader, condition_of, in_order, is_condition
from espnet_probe.study.human_cells import HumanReader
from espnet_probe.study.settings import mel_note, training_note, vocoder_note
from espnet_probe.study.shared_trials import check_trials
from espnet_probe.study.word_errors import WordErrors, read_errors


@dataclass(frozen=True)
class Model:
    """One model of a study.

    Attributes:
        architecture: Such as ``vgg_blstm``.
        training: ``baseline`` or ``robust``.
        probe_exp: Its probe experiment.
        controls: Probe experiments of the same layers by kind of control.
    """

    architecture: str
    training: str
    probe_exp: Path
    controls: Mapping[str, Path] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The model in words."""
        return f"{self.architecture}, {self.training}"


@dataclass(frozen=True)
class Study:
    """A table and what has to be known of it.

    Attributes:
        table: The cells.
        facts: Models, sets, embedder and word error rates, in words.
        notes: What is missing, in words.
        base: Name of the clean test set; empty for a published table.
        errors: Word error rates by architecture and training.
    """

    table: Table
    facts: Sequence[str]
    notes: Sequence[str]
    base: str = ""
    errors: Mapping[Tuple[str, str], WordErrors] = field(default_factory=dict)

    @property
    def conditions(self) -> List[str]:
        """The conditions asked for, else those of all cells, in table order."""
        scored = dict.fromkeys(key.condition for key in self.table.cells)
        return list(self.table.asked or scored)


def set_of(base: str, condition: str) -> str:
    """Return the name of the set of a condition, such as ``test_snr10``.

    Args:
        base: The clean set.
        condition: ``clean`` or such as ``snr10``.
    """
    return base if condition == CLEAN else f"{base}_{condition}"


def parse_model(text: str) -> Model:
    """Read ``architecture:training=folder``.

    Args:
        text: Such as ``vgg_blstm:robust=exp/probe_asr_vgg_noisy``.

    Raises:
        ProbeError: If it is no such text, or the folder is not there.
    """
    name, _, folder = text.partition("=")
    architecture, _, training = name.partition(":")
    if not architecture or training not in (BASELINE, ROBUST) or not folder:
        raise ProbeError(
            f"--model: got {text!r}, expected ARCHITECTURE:baseline=DIR or "
            "ARCHITECTURE:robust=DIR, such as vgg_blstm:robust=exp/probe_asr_vgg"
        )
    if not Path(folder).is_dir():
        raise ProbeError(
            f"--model {name}: {folder} is not a folder; expected a probe "
            "experiment such as exp/probe_<upstream>_<probe>"
        )
    return Model(architecture, training, Path(folder))


def give_controls(models: Sequence[Model], texts: Sequence[str]) -> List[Model]:
    """Give models their controls.

    Args:
        models: The models.
        texts: Such as ``vgg_blstm:robust:random=exp/probe_asr_vgg_random``.

    Raises:
        ProbeError: If one is no such text or of no model, or a kind is given twice.
    """
    given: Dict[Tuple[str, str], List[str]] = {}
    names = [(model.architecture, model.training) for model in models]
    for text in texts:
        name, _, folder = text.partition("=")
        architecture, _, rest = name.partition(":")
        training, _, kind = rest.partition(":")
        if (architecture, training) not in names or not kind:
            known = ", ".join(":".join(pair) for pair in names)
            raise ProbeError(
                f"--control: got {text!r}, expected ARCHITECTURE:TRAINING:KIND=DIR of "
                f"a given --model ({known}), such as {':'.join(names[0])}:random=DIR"
            )
        given.setdefault((architecture, training), []).append(f"{kind}={folder}")
    return [
        replace(model, controls=parse_controls(given.get(name, [])))
        for model, name in zip(models, names)
    ]


def read_study(
    models: Sequence[Model],
    test_set: Optional[str] = None,
    inference_tag: Optional[str] = None,
    paper_layers: bool = True,
    max_wer: Optional[float] = 30.0,
    num_draws: int = 1000,
    seed: int = 0,
    conditions: Optional[Sequence[str]] = None,
    decoding: Optional[str] = None,
    tolerant: bool = False,
) -> Study:
    """Read the results of several models.

    Args:
        models: The models, each architecture and training once.
        test_set: Name of the clean test set; None if there is only one.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
        paper_layers: Take of the layers those that the paper probes, if all are there.
        max_wer: A model with a higher word error rate, in percent, or an unknown one
            decides nothing; None to take every model.
        num_draws: Draws of speakers for differences of equal error rates.
        seed: Seed of the draws.
        conditions: Such as ``clean`` and ``snr10``; None for all that are there.
        decoding: The decoding whose word error rates count, a folder in each
            recogniser's; None to choose one.
        tolerant: Whether a broken table of scores is a note instead of an error.

    Raises:
        ProbeError: If a model is named twice, results are missing altogether, the
            test set is not clear, two models are of one folder, or embedders or
            trials differ.
    """
    for one in conditions or ():
        if not is_condition(one):
            raise ProbeError(
                f"--conditions: got {one!r}, expected clean, or snr and a number of dB "
                "such as snr10"
            )
    names = [(model.architecture, model.training) for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ProbeError(f"--model {':'.join(name)} is given twice; expected once")
    _check_folders(models)
    folders = [find_reconstruct(model.probe_exp, inference_tag) for model in models]
    base = _find_base(dict(zip(names, folders)), test_set)
    cells: Dict[Key, Cell] = {}
    untrained: Dict[Tuple[str, str], str] = {}
    layers: Dict[str, List[str]] = {}
    embedders: Dict[str, str] = {}
    errors: Dict[Tuple[str, str], WordErrors] = {}
    facts, notes = [f"clean test set: {base}"], []
    human = HumanReader([model.probe_exp for model in models])
    for model, folder in zip(models, folders):
        title = model.title
        reader = CellReader(folder, model.probe_exp, base, num_draws, seed, tolerant)
        own = reader.layers(paper_layers)
        known = layers.setdefault(model.architecture, own)
        if known != own:
            raise ProbeError(
                f"{title}: layers {', '.join(own)}, but the other training has "
                f"{', '.join(known)}; probe the same layers of both"
            )
        pair = (model.architecture, model.training)
        cells.update(reader.cells(own, *pair, conditions))
        embedders.update(dict.fromkeys(reader.embedders, title))
        errors[pair] = read_errors(model.probe_exp, decoding)
        rate, said = _word_errors(errors[pair], base)
        probe = _probe(model.probe_exp)
        facts.append(f"{title}: {model.probe_exp}, probe {probe}, {said}")
        if max_wer is not None and (rate is None or rate > max_wer):
            reason = said if rate is None else f"{said}, above {max_wer:g} %"
            untrained[pair] = f"{model.training}, {reason}"
        named = {one: set_of(base, one) for one in conditions or reader.conditions}
        cells.update(human.cells(model.probe_exp, *pair, own, named))
        notes += [f"{title}: {note}" for note in reader.notes]
        few = len(own) < len(reader.described)
        which = f"those that the paper probes, of {len(reader.described)}"
        said = f"{', '.join(own)} ({which if few else 'all that were probed'})"
        if f"layers of {model.architecture}: {said}" not in facts:
            facts.append(f"layers of {model.architecture}: {said}")
    if len(embedders) > 1:
        raise ProbeError(
            f"equal error rates of several embedders ({', '.join(sorted(embedders))}) "
            "cannot be compared; score all models with one"
        )
    facts += [f"embedder: {one}" for one in embedders]
    if not cells:
        raise ProbeError(
            f"no score of {base} or its noisy copies; run stages 10 and 11"
        )
    notes += human.notes
    probes = {_probe(model.probe_exp) for model in models}
    if len(probes) > 1:
        notes.append(
            f"the probes differ ({'; '.join(sorted(probes))}), so that models do not "
            "differ by their training or architecture alone"
        )
    asked = in_order(conditions or ())
    table = Table(cells, layers, untrained, names, asked)
    study = Study(table, facts, notes, base, errors)
    facts.append(_conditions(study))
    sets = [set_of(base, condition) for condition in study.conditions]
    every = list(dict.fromkeys(name for names in layers.values() for name in names))
    facts.append(check_trials(folders, sets, every, tolerant))
    notes += _differences(models, folders, sets)
    return study


def _check_folders(models: Sequence[Model]) -> None:
    """Refuse one experiment in two places, where it could only equal itself."""
    known: Dict[Path, Model] = {}
    for model in models:
        other = known.setdefault(model.probe_exp.resolve(), model)
        if other is not model:
            raise ProbeError(
                f"--model {other.architecture}:{other.training} and "
                f"{model.architecture}:{model.training} are of the same folder, "
                f"{model.probe_exp}; expected an experiment each"
            )


def _differences(
    models: Sequence[Model], folders: Sequence[Path], sets: Sequence[str]
) -> List[str]:
    """Say in which settings models differ that should not."""
    titles = [f"{model.architecture}, {model.training}" for model in models]
    found = [
        vocoder_note(dict(zip(titles, folders)), sets),
        training_note({t: model.probe_exp for t, model in zip(titles, models)}),
    ]
    # Architectures have mels of their own: the target of a probe is the model's input.
    for architecture in dict.fromkeys(model.architecture for model in models):
        own = {
            title: folder
            for title, folder, model in zip(titles, folders, models)
            if model.architecture == architecture
        }
        found.append(mel_note(own, sets))
    return [note for note in found if note]


def _conditions(study: Study) -> str:
    """Say which conditions are compared, and which of them have no score."""
    scored = {key.condition for key in study.table.cells}
    lacking = [one for one in study.conditions if one not in scored]
    said = f"conditions: {', '.join(study.conditions)}"
    return f"{said} (no score: {', '.join(lacking)})" if lacking else said


def _probe(probe_exp: Path) -> str:
    """Return the kind of probe that an experiment trained, such as ``highway``."""
    config = read_config(probe_exp / "config.yaml")
    kind, options = config.get("probe"), config.get("probe_conf")
    if not kind:
        return "of unknown kind"
    if not isinstance(options, dict) or not options:
        return str(kind)
    said = ", ".join(f"{name} {value}" for name, value in options.items())
    return f"{kind} ({said})"


def _find_base(folders: Mapping[Tuple[str, str], Path], wanted: Optional[str]) -> str:
    """Return the clean set whose results every model has."""
    found = {
        ", ".join(pair): {
            condition_of(path.name)[0]
            for path in folder.iterdir()
            if (path / "oracle").is_dir()
        }
        for pair, folder in folders.items()
    }
    common = sorted(set.intersection(*found.values())) if found else []
    if wanted is None and len(common) == 1:
        return common[0]
    if wanted in common:
        return str(wanted)
    if wanted is not None or not common:
        got = f"--set {wanted} is not there" if wanted else "no set is of all models"
        each = [
            f"{title} ({', '.join(sorted(own)) or 'none'})"
            for title, own in found.items()
            if wanted is None or wanted not in own
        ]
        raise ProbeError(
            f"{got}: these models have results of other clean sets: {'; '.join(each)}; "
            "reconstruct and score it of all models (stages 8 to 11)"
        )
    raise ProbeError(
        "--set is needed: the models have results of these clean sets: "
        f"{', '.join(common)}"
    )


def _word_errors(errors: WordErrors, base: str) -> Tuple[Optional[float], str]:
    """Return the recogniser's word error rate on the clean set, and words for it."""
    value = errors.values.get(base)
    if value is None or value.mean is None:
        return None, f"no WER: {errors.reason or f'{base} was not decoded'}"
    said = f"WER {value.mean:.1f} %"
    remark = errors.remarks.get(base)
    return value.mean, f"{said}, but {remark}" if remark else said
