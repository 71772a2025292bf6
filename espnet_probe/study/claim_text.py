"""Checked claims in words: for the terminal, as Markdown, as JSON."""

from typing import Any, Dict, List, Sequence

from espnet_probe.scores.claim_table import (
    AS_CLAIMED,
    EER,
    NOISE_KEPT,
    NOT_TRAINED,
    STOI,
    Comparison,
    Part,
)
from espnet_probe.scores.claims import EQUAL_WITHIN, Claim
from espnet_probe.scores.coverage import ENOUGH
from espnet_probe.study.study import Study

#: How measures are called in words.
SPOKEN = {EER: "EER", STOI: "STOI", NOISE_KEPT: "noise"}
#: Exceptions that are listed one by one; the tables have all.
SHOWN = 5


def comparison_text(one: Comparison) -> str:
    """Return a comparison's numbers, such as ``+2.50 [+1.20, +3.90]``."""
    if one.contrast is None:
        return one.reason
    found = one.contrast
    if found.low is None or found.high is None:
        return f"{found.value:+.3g}, {one.reason or found.basis}"
    return f"{found.value:+.3g} [{found.low:+.3g}, {found.high:+.3g}]"


def part_text(part: Part) -> str:
    """Return what a part found, exceptions spelled out.

    Args:
        part: Judged comparisons.
    """
    number = len(part.comparisons)
    if not number:
        return f"{part.title}: nothing to compare"
    counts = part.counts()
    text = f"{part.title}: as claimed in {counts.pop(AS_CLAIMED, 0)} of {number}"
    for outcome, times in counts.items():
        found = [one for one in part.comparisons if one.outcome == outcome]
        listed = [
            f"{one.question.architecture}, {one.question.where} "
            f"({comparison_text(one)})"
            for one in found
        ]
        if outcome == NOT_TRAINED:
            # The model is the reason, not the place.
            listed = [f"{one.question.architecture}, {one.reason}" for one in found]
            listed = list(dict.fromkeys(listed))
        if len(listed) > SHOWN:
            listed[SHOWN:] = [f"and {len(listed) - SHOWN} more"]
        text += f"; {outcome} in {times}: {'; '.join(listed)}"
    return text + (f" ({part.note})" if part.note else "")


def warnings(claims: Sequence[Claim]) -> List[str]:
    """Return what makes the intervals doubtful as a whole, in words."""
    fewest: Dict[str, int] = {}
    for claim in claims:
        for part in claim.parts:
            for one in part.comparisons:
                if one.contrast is None or one.contrast.degrees is None:
                    continue
                # All degrees of freedom are those of speakers.
                number = one.contrast.degrees + 1
                for _, key in one.question.terms:
                    least = fewest.get(key.measure, number)
                    fewest[key.measure] = min(least, number)
    if not fewest or min(fewest.values()) >= ENOUGH:
        return []
    each = ", ".join(f"{SPOKEN.get(m, m)}: {n}" for m, n in fewest.items())
    return [
        f"only {min(fewest.values())} speakers ({each}): "
        "intervals of EERs are widened for that, but a "
        "bootstrap over few speakers knows too little of how speakers differ; those of "
        "STOI and noise, Student's t over the speakers' means, are right as far as "
        "these means are normally distributed"
    ]


def plain(claims: Sequence[Claim], study: Study) -> str:
    """Return the table for the terminal.

    Args:
        claims: All claims.
        study: What they were checked on.
    """
    lines = [*study.facts, *(f"note: {one}" for one in study.notes)]
    lines += [f"warning: {one}" for one in warnings(claims)]
    for claim in claims:
        lines.append(f"{claim.number}. {claim.verdict.upper()}: {claim.statement}")
        if claim.why:
            lines.append(f"   {claim.why}")
            continue
        if len(claim.by_architecture) > 1:
            each = [f"{name}: {said}" for name, said in claim.by_architecture.items()]
            lines.append(f"   {'; '.join(each)}")
        for part in claim.parts:
            beside = "" if part.required else "(beside the claim) "
            lines.append(f"   - {beside}{part_text(part)}")
    return "\n".join(lines)


def markdown(claims: Sequence[Claim], study: Study, command: str) -> str:
    """Return ``claims.md``: verdicts, then every comparison.

    Args:
        claims: All claims.
        study: What they were checked on.
        command: The command line, for the record.
    """
    lines = ["# The paper's claims, checked", "", f"By `{command}`.", ""]
    lines += [f"- {one}" for one in study.facts]
    lines += [f"- Note: {one}" for one in study.notes]
    lines += [f"- **Warning**: {one}" for one in warnings(claims)]
    lines += ["", "| claim | verdict | by model |", "|---|---|---|"]
    for claim in claims:
        each = "; ".join(f"{n}: {v}" for n, v in claim.by_architecture.items())
        said = claim.why or each
        statement = f"{claim.number}. {claim.statement}"
        lines.append(f"| {statement} | **{claim.verdict}** | {said} |")
    for claim in claims:
        lines += ["", f"## {claim.number}. {claim.statement}", ""]
        lines.append(f"**{claim.verdict}**" + (f": {claim.why}" if claim.why else ""))
        for part in claim.parts if not claim.why else []:
            beside = "" if part.required else "Beside the claim: "
            lines += ["", f"{beside}{part_text(part)}."]
            if part.comparisons:
                lines += ["", "| model | where | difference | by | outcome |"]
                lines += ["|---|---|---|---|---|", *map(_row, part.comparisons)]
    lines += [
        "",
        "Brackets: 95 % intervals of the differences, each in the sense of the claim, "
        "so that above zero means as claimed. What refutes a claim has to do so in an "
        "interval widened for the number of its comparisons. Means over utterances are "
        "means of the speakers' means. The intervals are about these models on other "
        "speakers: that another training would give other models is not in them.",
    ]
    return "\n".join(lines) + "\n"


def _row(one: Comparison) -> str:
    asked = one.question
    basis = "-" if one.contrast is None else one.contrast.basis
    cells = (asked.architecture, asked.where, comparison_text(one), basis, one.outcome)
    return f"| {' | '.join(cells)} |"


def as_dict(claims: Sequence[Claim], study: Study) -> Dict[str, Any]:
    """Return the content of ``claims.json``.

    Args:
        claims: All claims.
        study: What they were checked on.
    """
    return {
        "claims": [
            {
                "number": claim.number,
                "statement": claim.statement,
                "verdict": claim.verdict,
                "why": claim.why,
                "by_architecture": claim.by_architecture,
                "parts": [_part(part) for part in claim.parts],
            }
            for claim in claims
        ],
        "facts": list(study.facts),
        "notes": list(study.notes),
        "warnings": warnings(claims),
        "conditions": study.conditions,
        "models": [
            {"architecture": name, "training": training}
            for name, training in study.table.models
        ],
        "layers": {name: list(own) for name, own in study.table.layers.items()},
        "not_trained_enough": [
            {"architecture": name, "training": training, "reason": reason}
            for (name, training), reason in study.table.untrained.items()
        ],
        "cells": [
            {
                **key._asdict(),
                "value": cell.value,
                "ci95": None if cell.ci95 is None else list(cell.ci95),
                "count": cell.count,
                "source": cell.source,
            }
            for key, cell in study.table.cells.items()
        ],
        "equal_within": dict(EQUAL_WITHIN),
    }


def _part(part: Part) -> Dict[str, Any]:
    return {
        "title": part.title,
        "required": part.required,
        "summary": part_text(part),
        "comparisons": [
            {
                "architecture": one.question.architecture,
                "where": one.question.where,
                "outcome": one.outcome,
                "reason": one.reason,
                "value": None if one.contrast is None else one.contrast.value,
                "low": None if one.contrast is None else one.contrast.low,
                "high": None if one.contrast is None else one.contrast.high,
                "basis": None if one.contrast is None else one.contrast.basis,
            }
            for one in part.comparisons
        ],
    }
