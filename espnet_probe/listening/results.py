"""What a listening test found: the content of ``listening.json``.

Error rates, agreement and ratings are computed in ``scores``; ``layer_results`` brings
the answers of one layer together.
"""

from statistics import median
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answers import Collected, Sheet
from espnet_probe.listening.heard import Heard, Place, answers_to, in_order
from espnet_probe.listening.key_format import REPEAT, TRIAL, Key
from espnet_probe.listening.layer_results import (
    agree,
    agreement_entries,
    interval_entries,
    rate_of,
    steps,
)
from espnet_probe.listening.strict_json import printable
from espnet_probe.scores.agreement import consistency

FORMAT = "espnet_probe.listening_results"
VERSION = 1

#: What the numbers mean; it stands in the file.
DEFINITIONS = {
    "triplet": "three sounds A, B, X, all reconstructed from one layer: A and B are of "
    "different speakers, X is of one of them",
    "error_percent": "share of the answers to triplets of a layer that name the wrong "
    "speaker (rate the other speaker higher; equal ratings count half), pooled from "
    "counts; guessing gives 50; attention checks and repeated items do not count",
    "error_percent_ci95": "95 % interval by a bootstrap that draws listeners and "
    "triplets separately (Owen, 2007), never narrower than Clopper's and Pearson's of "
    "as many independent answers; 'over' says what was drawn",
    "rates.of": "the experiment whose sounds were heard: recordings and oracles that "
    "experiments share were heard once, and stand under each",
    "steps.rise": "points by which the error of the next layer is higher, with an "
    "interval over the same listeners",
    "embedders.error_percent": "share of the same triplets, each counted once, in "
    "which the embedder scores X and the wrong speaker higher: the same definition",
    "embedders.eer_percent": "equal error rate of the pairs X, A and X, B of the same "
    "triplets as trials of speaker verification",
    "agreement.kappa": "Fleiss' kappa for two answers and unequal numbers of listeners "
    "(Fleiss and Cuzick, 1979), over triplets heard by several",
    "consistency.percent": "of the items heard a second time in one sheet, how many "
    "were answered by the same speaker again",
}


def score(
    key: Key, collected: Collected, num_draws: int = 1000, seed: int = 0
) -> Dict[str, Any]:
    """Score a listening test.

    Args:
        key: The key.
        collected: The answers that count, and those that do not.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The content of ``listening.json`` without configuration and versions.

    Raises:
        ProbeError: If no sheet counts, or none of them has a triplet.
    """
    sheets = collected.sheets
    heard = answers_to(sheets, TRIAL)
    if not heard:
        reasons = [f"{one.file}: {one.reason}" for one in collected.refused]
        reasons += [
            f"{one.file}: {one.failed_attention} of {one.num_attention} attention "
            "checks failed"
            for one in collected.inattentive
        ]
        more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        raise ProbeError(
            "no answers to score: each file was left out "
            f"({'; '.join(reasons[:3])}{more})"
        )
    others = answers_to(collected.inattentive, TRIAL)
    by_place: Dict[Place, List[Heard]] = {}
    for one in heard:
        by_place.setdefault(one.item.place, []).append(one)
    rates = [
        rate_of(
            place,
            by_place[place],
            [one for one in others if one.item.place == place],
            key,
            num_draws,
            seed,
        )
        for place in in_order(list(by_place), key)
    ]
    rates = of_all_experiments(rates, key)
    minutes = [
        sum(answer.milliseconds for answer in sheet.answers.answers) / 60_000
        for sheet in sheets
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "test": key.test,
        "scale": key.scale,
        "simulated": sorted({printable(s.answers.simulated) for s in sheets} - {""}),
        "listeners": len({sheet.answers.listener for sheet in sheets}),
        "sheets": len(sheets),
        "answers": len(heard),
        "rates": rates,
        "steps": steps(by_place, key, num_draws, seed),
        "agreement": agreement_entries(agree(heard, num_draws, seed)),
        "consistency": _consistency(sheets, num_draws, seed),
        "attention": _attention(collected),
        "minutes_per_sheet": median(minutes),
        "files": {
            "scored": [sheet.file for sheet in sheets],
            "inattentive": [
                {
                    "file": sheet.file,
                    "failed": sheet.failed_attention,
                    "checks": sheet.num_attention,
                }
                for sheet in collected.inattentive
            ],
            "refused": [
                {"file": one.file, "reason": one.reason} for one in collected.refused
            ],
        },
        "definitions": DEFINITIONS,
    }


def of_all_experiments(
    rates: Sequence[Mapping[str, Any]], key: Key
) -> List[Dict[str, Any]]:
    """Give each experiment the rates of all its sounds, and say where it was.

    Recordings and oracles that several experiments share were heard once.

    Args:
        rates: Of the places that were heard.
        key: The key; those of earlier versions do not tell what is shared.

    Returns:
        The rates, with ``folder``, where the experiment was when the test was made, and
        ``of``, the experiment whose sounds were heard.
    """
    folders = key.settings.get("folders")
    folders = folders if isinstance(folders, dict) else {}
    listed = key.settings.get("shared")
    also: Dict[Any, List[str]] = {}
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and isinstance(one.get("also"), list):
            where = tuple(str(one.get(name)) for name in ("exp", "set", "layer"))
            also[where] = [str(name) for name in one["also"]]
    found: Dict[Place, Dict[str, Any]] = {}
    for rate in rates:
        own, subset, layer = (str(rate[name]) for name in ("exp", "set", "layer"))
        for exp in [own, *also.get((own, subset, layer), [])]:
            folder = str(folders.get(exp) or "")
            place: Place = (exp, subset, str(rate["condition"]), layer)
            found[place] = {**rate, "exp": exp, "of": own, "folder": folder}
    return [found[place] for place in in_order(list(found), key)]


def _consistency(
    sheets: Sequence[Sheet], num_draws: int, seed: int
) -> Mapping[str, Any]:
    same, people = [], []
    for sheet in sheets:
        first = {h.item.item: h for h in answers_to([sheet], TRIAL)}
        for again in answers_to([sheet], REPEAT):
            before = first[again.item.repeats or ""]
            same.append(before.named == again.named)
            people.append(again.listener)
    found = consistency(np.array(same, dtype=np.bool_), people, num_draws, seed)
    return {
        "percent": found.percent,
        **interval_entries("percent", found.interval),
        "same": found.num_same,
        "repeats": found.num_repeats,
    }


def _attention(collected: Collected) -> Mapping[str, Any]:
    every = [*collected.sheets, *collected.inattentive]
    checks = sum(sheet.num_attention for sheet in every)
    failed = sum(sheet.failed_attention for sheet in every)
    return {
        "checks": checks,
        "failed": failed,
        "failed_percent": 100.0 * failed / checks if checks else None,
        "sheets_left_out": len(collected.inattentive),
        "sheets_without_checks": sum(not sheet.num_attention for sheet in every),
    }
