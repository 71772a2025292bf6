"""A study of several models as one table of cells, for the claims to be checked on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.collect import (
    find_reconstruct,
    read_config,
    read_wer,
    upstream_facts,
)
from espnet_probe.report.study_cells import CellReader, condition_of
from espnet_probe.scores.claim_table import BASELINE, ROBUST, Key, Table
from espnet_probe.scores.contrasts import Cell


@dataclass(frozen=True)
class Model:
    """One model of a study.

    Attributes:
        architecture: Such as ``vgg_blstm``.
        training: ``baseline`` or ``robust``.
        probe_exp: Its probe experiment.
    """

    architecture: str
    training: str
    probe_exp: Path


@dataclass(frozen=True)
class Study:
    """A table and what has to be known of it.

    Attributes:
        table: The cells.
        facts: Models, sets, embedder and word error rates, in words.
        notes: What is missing, in words.
    """

    table: Table
    facts: Sequence[str]
    notes: Sequence[str]


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


def read_study(
    models: Sequence[Model],
    test_set: Optional[str] = None,
    inference_tag: Optional[str] = None,
    paper_layers: bool = True,
    max_wer: Optional[float] = 30.0,
    num_draws: int = 1000,
    seed: int = 0,
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

    Raises:
        ProbeError: If a model is named twice, results are missing altogether, the
            test set is not clear, or the embedders differ.
    """
    names = [(model.architecture, model.training) for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ProbeError(f"--model {':'.join(name)} is given twice; expected once")
    folders = [find_reconstruct(model.probe_exp, inference_tag) for model in models]
    base = _find_base(folders, test_set)
    cells: Dict[Key, Cell] = {}
    untrained: Dict[Tuple[str, str], str] = {}
    layers: Dict[str, List[str]] = {}
    embedders: Dict[str, str] = {}
    facts, notes = [f"clean test set: {base}"], []
    for model, folder in zip(models, folders):
        title = f"{model.architecture}, {model.training}"
        reader = CellReader(folder, model.probe_exp, base, num_draws, seed)
        own = reader.layers(paper_layers)
        known = layers.setdefault(model.architecture, own)
        if known != own:
            raise ProbeError(
                f"{title}: layers {', '.join(own)}, but the other training has "
                f"{', '.join(known)}; probe the same layers of both"
            )
        cells.update(reader.cells(own, model.architecture, model.training))
        embedders.update(dict.fromkeys(reader.embedders, title))
        rate, said = _word_errors(model, base)
        facts.append(f"{title}: {model.probe_exp}, {said}")
        if max_wer is not None and (rate is None or rate > max_wer):
            reason = said if rate is None else f"{said}, above {max_wer:g} %"
            pair = (model.architecture, model.training)
            untrained[pair] = f"{model.training}, {reason}"
        notes += [f"{title}: {note}" for note in reader.notes]
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
    conditions = dict.fromkeys(key.condition for key in cells)
    facts.append(f"conditions: {', '.join(conditions)}")
    return Study(Table(cells, layers, untrained), facts, notes)


def _find_base(folders: Sequence[Path], wanted: Optional[str]) -> str:
    """Return the clean set whose results every model has."""
    found = [
        {condition_of(p.name)[0] for p in folder.iterdir() if (p / "oracle").is_dir()}
        for folder in folders
    ]
    common = sorted(set.intersection(*found)) if found else []
    if wanted is None and len(common) == 1:
        return common[0]
    if wanted in common:
        return str(wanted)
    have = ", ".join(common) or "none"
    got = "--set is needed" if wanted is None else f"--set {wanted} is not there"
    raise ProbeError(f"{got}: the models have results of these clean sets: {have}")


def _word_errors(model: Model, base: str) -> Tuple[Optional[float], str]:
    """Return the recogniser's word error rate on the clean set, and words for it."""
    facts = upstream_facts(read_config(model.probe_exp / "config.yaml"))
    said = facts.get("upstream_exp", "")
    for folder in (Path(said), model.probe_exp.resolve().parents[1] / said):
        if said and folder.is_dir():
            found = [
                one.value.mean
                for one in read_wer(folder)
                if one.decoding.split("/")[-1] == base and one.value.mean is not None
            ]
            if found:
                return min(found), f"WER {min(found):.1f} %"
            return None, f"no WER of {base} below {folder}"
    return None, "no WER: the recogniser's folder is not here"
