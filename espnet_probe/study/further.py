"""The parts of a joined report besides the cells: embedders, recognition, controls."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional, Sequence

from espnet_probe.study.control_tables import control_section
from espnet_probe.study.embedder_tables import embedder_facts, embedder_section
from espnet_probe.study.recognition_tables import missing_notes, recognition_section
from espnet_probe.study.rows import read_rows
from espnet_probe.study.study import Model, Study


@dataclass(frozen=True)
class Further:
    """Parts of the joined report.

    Attributes:
        facts: What is known of the embedders, in words.
        embedders: Markdown with equal error rates by embedder; empty for none.
        recognition: Markdown with what was recognised; empty for none.
        controls: Markdown with the controls; empty for none.
        notes: What is missing, in words.
    """

    facts: Sequence[str] = ()
    embedders: str = ""
    recognition: str = ""
    controls: str = ""
    notes: List[str] = field(default_factory=list)


def make_further(
    study: Study,
    models: Sequence[Model],
    inference_tag: Optional[str] = None,
    figures: Optional[Path] = None,
) -> Further:
    """Make the parts.

    Args:
        study: The cells of all models.
        models: The models with their controls, in table order.
        inference_tag: Which ``reconstruct_<tag>``; None if there is only one.
        figures: Where the plots go, a folder beside the report; None for none.

    Raises:
        ProbeError: If a control does not belong to its model.
    """
    rows, notes = read_rows(study, models, inference_tag)
    return Further(
        embedder_facts(rows),
        embedder_section(study, rows),
        recognition_section(study, rows, figures),
        control_section(study, models, rows, figures),
        notes + missing_notes(rows),
    )
