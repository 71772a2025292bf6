"""The report of several models: one table per measure, and what noise takes away."""

from typing import List, Mapping, Optional, Sequence, Tuple

from espnet_probe.report.documents import read_document
from espnet_probe.report.markdown_text import QUOTE, escape
from espnet_probe.scores.claim_table import EER, STOI
from espnet_probe.scores.contrasts import num_speakers
from espnet_probe.study.controls import control_notes, read_controls
from espnet_probe.study.further import Further
from espnet_probe.study.paper_values import PAPER, PAPER_EMBEDDER
from espnet_probe.study.study import Model, Study, set_of
from espnet_probe.study.tables import (
    MARK,
    drop_table,
    marked_cells,
    measure_table,
    wer_remarks,
    wer_table,
)

#: Headings and the counts' names of the tables over layers.
TITLES = {EER: "Equal error rate (%)", STOI: "STOI"}
#: Kinds of plots besides those of the measures.
DROP, EMBEDDERS, MELS = "drop", "embedders", "mels"
COUNTED = {EER: "trials", STOI: "utterances"}


def _counts(study: Study, measure: str, what: str) -> str:
    """Say how many trials or utterances, of how many speakers, the cells are of."""
    cells = [c for key, c in study.table.cells.items() if key.measure == measure]
    if not cells:
        return f"no {what}"
    said = f"{_range([cell.count for cell in cells])} {what} a cell"
    # Only where they are known.
    speakers = [number for number in map(num_speakers, cells) if number]
    return f"{said}, of {_range(speakers)} speakers" if speakers else said


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _intervals(study: Study) -> str:
    """Say what the intervals of each table are over."""
    over = []
    for errors in study.errors.values():
        for value in errors.values.values():
            document = read_document(value.source)[0] if value.source else None
            bootstrap = (document or {}).get("bootstrap")
            said = bootstrap.get("over") if isinstance(bootstrap, dict) else None
            over.append(str(said) if said else "what its file does not say")
    wer = f"of the word error rate over {' or '.join(dict.fromkeys(over))}, "
    rest = "of the equal error rate and of STOI over speakers"
    return f"95 % intervals: {wer if over else ''}{rest}"


def _bullets(lines: Sequence[str]) -> str:
    return "".join(f"- {escape(line)}\n" for line in lines)


def _marks(study: Study) -> str:
    """Say what the mark stands for, and which cells have it."""
    listed = marked_cells(study)
    if not listed:
        return ""
    return (
        f"\n{MARK} not trained enough: the word error rate on the clean set is above "
        "the limit, or not known. These cells say nothing about recognition and decide "
        f"no claim:\n\n{_bullets(listed)}"
    )


def _wer_section(
    study: Study, models: Sequence[Model], conditions: Sequence[str], paper: bool
) -> str:
    """Return Table 1 with what has to be said of it."""
    text = (
        "\n## Word error rate (%)\n\nOf the probed weights; in round brackets errors "
    )
    text += f"and words.\n\n{wer_table(study, models, conditions, paper)}"
    if paper:
        text += f"\nThe paper's ({PAPER}) are of models trained on 100 h, and of "
        text += "LibriSpeech's sets.\n"
    remarks = wer_remarks(study, conditions)
    return text + (f"\n{_bullets(remarks)}" if remarks else "")


def _plots(plots: Mapping[Tuple[str, str], str], kind: str, title: str) -> str:
    """Return a section with all plots of a kind; empty if there is none."""
    found = [text for (_, one), text in plots.items() if one == kind and text]
    return f"\n{title}\n{''.join(found)}" if found else ""


def markdown(
    study: Study,
    models: Sequence[Model],
    environment: Mapping[str, str],
    command: str,
    paper: bool = False,
    inference_tag: Optional[str] = None,
    plots: Optional[Mapping[Tuple[str, str], str]] = None,
    conditions: Optional[Sequence[str]] = None,
    claims: str = "",
    times: str = "",
    notes: Sequence[str] = (),
    further: Further = Further(),
) -> str:
    """Return the joined ``RESULTS.md``.

    Args:
        study: The cells of all models.
        models: The models, in table order.
        environment: Versions, machine and date, by name.
        command: The command line that made the report.
        paper: Whether the paper's values stand beside.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
        plots: Markdown with a plot, by architecture and measure or kind of plot.
        conditions: Those of the word error rates; None for those of the cells.
        claims: Markdown with the claims' verdicts; empty for none.
        times: Markdown with the times of the stages; empty for none.
        notes: What is missing, in words, besides what the study says.
        further: Embedders, recognition and controls.
    """
    plots = plots or {}
    conditions = list(conditions or study.conditions)
    names = [set_of(study.base, condition) for condition in study.conditions]
    controls = {
        (model.architecture, model.training): read_controls(model, names, inference_tag)
        for model in models
    }
    text = "<!-- Generated by espnet_probe.bin.make_report -->\n# RESULTS\n"
    text += "## Environments\n"
    for name, value in {**environment, "command": command}.items():
        text += f"- {name}: `{' '.join(value.split()).replace('`', QUOTE)}`\n"
    text += f"\n## Models\n\n{_bullets([*study.facts, *further.facts])}"
    text += (
        f"\nIn square brackets: {_intervals(study)}. natural is the recording (its "
        "STOI is that of the noisy input), oracle the target mel vocoded without a "
        "probe.\n"
    )
    text += _marks(study)
    text += _wer_section(study, models, conditions, paper)
    for measure, title in TITLES.items():
        text += f"\n## {title}\n\n{_counts(study, measure, COUNTED[measure])}"
        if measure == STOI and study.table.conditions(STOI):
            text += "; the reference is the clean original"
        text += ".\n"
        if paper and measure == EER:
            text += (
                f"\nThe paper's rows ({PAPER}) are of another embedder, "
                f"{PAPER_EMBEDDER}, and another corpus: only their course over the "
                "layers compares.\n"
            )
        there = study.table.conditions(measure)
        for name in study.table.layers if there else ():
            table = measure_table(study, name, measure, controls, paper)
            text += f"\n### {escape(name)}\n\n{table}{plots.get((name, measure), '')}"
        if measure == EER:
            pictures = _plots(plots, EMBEDDERS, "### By embedder")
            if further.embedders and not pictures:
                pictures = "\n### By embedder\n"
            text += pictures + further.embedders
    if len(study.table.conditions(STOI)) > 1:
        text += "\n## STOI, clean minus noisy\n\nWhat noise takes away: differences "
        text += "of the same utterances, with intervals over speakers.\n"
        for name in study.table.layers:
            text += f"\n### {escape(name)}\n\n{drop_table(study, name)}"
            text += plots.get((name, DROP), "")
    if further.recognition:
        text += f"\n## Recognition of the reconstructions\n{further.recognition}"
    if further.controls:
        text += f"\n## Controls and selectivity\n{further.controls}"
    text += _plots(plots, MELS, "## Mel-spectrograms")
    if claims:
        text += f"\n## The paper's claims\n\n{claims}"
    if times:
        text += "\n## Seconds per stage\n\nOf all runs of a stage; shared is what all "
        text += f"models use.\n\n{times}"
    lacking: List[str] = [*study.notes, *control_notes(study, controls)]
    lacking += [*further.notes, *notes]
    return text + (
        f"\n## Missing or doubtful\n\n{_bullets(lacking)}" if lacking else ""
    )
