"""All figures of a study of several models, with what is to be said under them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.report.files import link, slug
from espnet_probe.report.markdown_text import escape
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.scores.claim_table import CLEAN, EER, NOT_TRAINED, ROBUST, STOI
from espnet_probe.study.controls import METRICS
from espnet_probe.study.embedder_figure import draw_embedders, read_embedders
from espnet_probe.study.measure_figure import (
    DROP,
    EMBEDDERS,
    MELS,
    draw_drop,
    save,
    write_measure,
)
from espnet_probe.study.mel_example import (
    choose_condition,
    choose_utterance,
    common_utterances,
    noise_text,
    pick_layers,
    read_config,
    read_example,
    read_frames,
    read_records,
)
from espnet_probe.study.mel_figure import draw_mels
from espnet_probe.study.paper_values import PAPER_LAYERS, EerCell
from espnet_probe.study.study import Model, Study, set_of

#: Architecture, and what is shown: a measure, or one of the kinds of measure_figure.
Name = Tuple[str, str]
#: The paper's Fig. 2a is of this model.
PAPER_MODEL = "vgg_blstm"

LINES = (
    "Bars: 95 % intervals. Empty markers: the model is not trained enough. Dotted at "
    "50 %: guessing."
)
BARS = (
    "Bars: 95 % intervals over speakers. Empty markers: the model is not trained "
    "enough."
)
DROP_TEXT = "What noise takes from each layer, of the same utterances. "
MEL_TEXT = (
    "The box marks where the noise lifts the recording's mel most, and the same place "
    "in every reconstruction. L1: distance to the mel of the noisy input; STOI: "
    "against the clean recording; noise kept: the share of what the noise changed in "
    "the input that it also changes in the reconstruction."
)


@dataclass
class StudyFigures:
    """The figures that were drawn.

    Attributes:
        paths: The files.
        captions: What is said under them; Markdown.
        notes: What could not be drawn, in words.
    """

    paths: Dict[Name, Path] = field(default_factory=dict)
    captions: Dict[Name, str] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)

    def add(self, name: Name, path: Path, caption: str) -> None:
        """Take a figure in."""
        self.paths[name], self.captions[name] = path, caption

    def markdown(self, name: Name, folder: Path) -> str:
        """Return a figure with its caption as Markdown; empty if it was not drawn.

        Args:
            name: A key of :attr:`paths`.
            folder: Where the text will stand.
        """
        if name not in self.paths:
            return ""
        title = escape(" ".join(name))
        address = link(self.paths[name], folder)
        return f"\n![{title}]({address})\n\n{self.captions[name]}\n"


def write_study_figures(
    study: Study,
    models: Sequence[Model],
    folder: Path,
    inference_tag: Optional[str] = None,
    paper: bool = False,
    utterance: Optional[str] = None,
    condition: Optional[str] = None,
) -> StudyFigures:
    """Write the figures of a study as PNG; the names of the files are stable.

    Args:
        study: The cells of all models.
        models: The models, in table order.
        folder: Where the files go.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
        paper: Whether the paper's equal error rates are drawn beside the embedders'.
        utterance: The one whose mels are shown; None to have it chosen.
        condition: The noisy condition that it is shown in; None to have it chosen.

    Raises:
        ProbeError: If the wanted utterance or condition is not there. Where none is
            wanted, mels that cannot be shown are a note.
    """
    figures, table = StudyFigures(), study.table
    for name in table.layers:
        for measure, metric in METRICS.items():
            if table.conditions(measure):
                path = write_measure(table, name, measure, metric, folder)
                figures.add((name, measure), path, LINES if measure == EER else BARS)
        drop = draw_drop(table, name)
        if drop is not None:
            path = save(drop, folder / f"{slug(name)}_{DROP}.png")
            figures.add((name, DROP), path, DROP_TEXT + BARS)
    found = {
        (model.architecture, model.training): find_reconstruct(
            model.probe_exp, inference_tag
        )
        for model in models
    }
    _embedders(figures, study, found, folder, paper)
    try:
        _mels(figures, study, found, folder, utterance, condition)
    except ProbeError as error:
        if utterance is not None or condition is not None:
            raise
        figures.notes.append(f"no mel-spectrograms: {error}")
    return figures


def _embedders(
    figures: StudyFigures,
    study: Study,
    found: Mapping[Tuple[str, str], Path],
    folder: Path,
    paper: bool,
) -> None:
    """Draw Fig. 2a: of the robust VGG-BLSTM, else of the first robust model."""
    table = study.table
    robust = [one for one in table.layers if (one, ROBUST) in found]
    conditions = table.conditions(EER)
    if not robust or not conditions:
        reason = "no robust model was given" if not robust else "no EER was scored"
        figures.notes.append(f"no figure of the embedders: {reason}")
        return
    name = PAPER_MODEL if PAPER_MODEL in robust else robust[0]
    sets = {condition: set_of(study.base, condition) for condition in conditions}
    rates = read_embedders(found[name, ROBUST], sets, table.layers[name])
    if not rates:
        reason = f"no EER of {name}, {ROBUST}, was scored"
        figures.notes.append(f"no figure of the embedders: {reason}")
        return
    cell = EerCell(name, ROBUST, CLEAN, "")
    untrained = (name, ROBUST) in table.untrained
    drawn = draw_embedders(
        rates, conditions, table.layers[name], cell if paper else None, untrained
    )
    path = save(drawn, folder / f"{slug(name)}_{ROBUST}_{EMBEDDERS}.png")
    names = [escape(one) for one in rates]
    only = f"{names[0]}, the only embedder that was scored"
    caption = (
        f"{escape(name)}, {ROBUST}: equal error rates by "
        f"{', '.join(names) if len(names) > 1 else only}. Bars: 95 % intervals."
    )
    if untrained:
        caption += f" The model is {NOT_TRAINED}."
    figures.add((name, EMBEDDERS), path, caption)


def _mels(
    figures: StudyFigures,
    study: Study,
    found: Mapping[Tuple[str, str], Path],
    folder: Path,
    utterance: Optional[str],
    condition: Optional[str],
) -> None:
    """Draw Fig. 3, one per architecture, of one utterance for all of them."""
    table = study.table
    both = [*table.conditions(STOI), *table.conditions(EER)]
    noisy = [one for one in dict.fromkeys(both) if one != CLEAN]
    if not noisy and condition is None:
        figures.notes.append("no mel-spectrograms: no noisy set")
        return
    condition = choose_condition(noisy, condition)
    sets = (study.base, set_of(study.base, condition))
    layers = {name: _pictured(known) for name, known in table.layers.items()}
    pairs = [(path, layers[name]) for (name, _), path in found.items()]
    common = common_utterances(pairs, sets)
    if not common and utterance is None:
        # Of a model that has none, or each has some, but of other utterances.
        lacking = [
            ", ".join(name)
            for name, pair in zip(found, pairs)
            if not common_utterances([pair], sets)
        ]
        figures.notes.append(
            f"no mel-spectrograms: no utterance of {sets[1]} has its mels of "
            + ("; ".join(lacking) if lacking else "all models, each has some")
        )
        return
    # All models heard the same recordings, so that one of them tells the lengths.
    first = pairs[0][0]
    frames = read_frames(first / sets[1] / pairs[0][1][0])
    shift = read_config(first / sets[1]).frame_shift if common else 0.0
    seconds = {utt: shift * frames.get(utt, 0) for utt in common}
    records = read_records(first, sets[1])
    chosen = choose_utterance(seconds, records, utterance)
    noise = noise_text(records.get(chosen), condition)
    for name in table.layers:
        own = {
            training: found[name, training]
            for training in table.trainings(name)
            if (name, training) in found
        }
        if not own:
            continue
        example = read_example(own, sets, layers[name], chosen, noise)
        untrained = [one for one in own if (name, one) in table.untrained]
        drawn = draw_mels(example, list(own), layers[name], untrained)
        path = save(drawn, folder / f"{slug(name)}_{MELS}.png")
        caption = f"{escape(chosen)} of {escape(sets[1])}: {escape(noise)}. {MEL_TEXT}"
        figures.add((name, MELS), path, caption)


def _pictured(layers: Sequence[str]) -> List[str]:
    kind = "vgg_blstm" if any(one.startswith("cnn") for one in layers) else "blstm"
    return pick_layers(layers, PAPER_LAYERS[kind])
