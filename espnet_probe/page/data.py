"""The page's data: one document that the page's scripts read."""

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence

from markupsafe import Markup

from espnet_probe.page import curves, human_curves, noise_kept
from espnet_probe.page.assets import Assets
from espnet_probe.page.conditions import Condition
from espnet_probe.page.experiments import Experiment
from espnet_probe.page.mel_files import MelFiles
from espnet_probe.page.utterances import Choice, UtteranceMaker
from espnet_probe.report.files import slug

#: What has a meaning in HTML, or ends a line in a script of old: written as escapes.
ESCAPED = {one: f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class PageData:
    """What the scripts of a page read.

    Attributes:
        document: The data; JSON can hold them.
        notes: What is missing, in words.
    """

    document: Dict[str, Any]
    notes: List[str] = field(default_factory=list)

    def script(self) -> Markup:
        """Return the document as it stands in a script element of a page."""
        text = json.dumps(
            self.document, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        for one, escape in ESCAPED.items():
            text = text.replace(one, escape)
        # Nothing in it is markup: that is what the escapes are for.
        return Markup(text)


def make_data(
    title: str,
    lead: str,
    experiments: Sequence[Experiment],
    conditions: Sequence[Condition],
    choice: Choice,
    assets: Assets,
) -> PageData:
    """Gather the data and write the files that they name.

    Args:
        title: Of the page.
        lead: One sentence on what it shows.
        experiments: The models.
        conditions: What they heard.
        choice: What is shown of the utterances.
        assets: Takes the files.
    """
    files = MelFiles()
    shown = curves.shown_metrics(experiments)
    kept = noise_kept.noise_curves(experiments, conditions, assets, files)
    human = human_curves.human_data(experiments, conditions, assets)
    maker = UtteranceMaker(assets, files, choice)
    utterances = maker.make(experiments, conditions)
    document = {
        "title": title,
        "lead": lead,
        "models": [_model(one) for one in experiments],
        "conditions": [
            {"id": one.id, "label": one.label, "set": one.name, "clean": one.clean}
            for one in conditions
        ],
        "metrics": [
            *(curves.metric_entry(one) for one in shown),
            *([noise_kept.metric_entry()] if kept else []),
            *human.metrics,
        ],
        "curves": [
            *curves.curves(shown, experiments, conditions, assets),
            *kept,
            *human.curves,
        ],
        "levels": [
            *curves.levels(shown, experiments, conditions, assets),
            *human.levels,
        ],
        "utterances": utterances,
        "pictures": maker.picture_entry(),
    }
    return PageData(document, [*human.notes, *maker.notes])


def _model(experiment: Experiment) -> Dict[str, Any]:
    return {
        "id": experiment.id,
        "label": experiment.label,
        "layers": [
            {"id": slug(layer.name), "label": layer.name}
            for layer in experiment.results.layers
        ],
        "note": experiment.note,
    }
