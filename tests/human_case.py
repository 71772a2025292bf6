"""Results of a listening test, as scoring writes them."""

import json
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from claims_case import LAYERS


def write_test(
    folder: Path,
    exp: str,
    rates: Sequence[float],
    arm: Optional[float] = 4.0,
    over: str = "listeners and triplets",
    simulated: Sequence[str] = (),
    layers: Sequence[str] = LAYERS,
) -> None:
    """Write the results of a listening test, as scoring does."""
    entries = []
    for layer, rate in zip(layers, rates):
        bounds = None if arm is None else [max(0.0, rate - arm), rate + arm]
        entry: Dict[str, Any] = {
            "exp": exp,
            "set": "test",
            "condition": "clean",
            "layer": layer,
            "error_percent": rate,
            "error_percent_ci95": bounds,
            "over": over if bounds else "",
            "answers": 200,
            "listeners": 20,
            "triplets": 40,
            "agreement": {"kappa": 0.5},
            "embedders": {},
        }
        if bounds is None:
            reason = "too little data: 3 triplets, an interval needs 5"
            entry["error_percent_reason"] = reason
        entries.append(entry)
    content = {
        "format": "espnet_probe.listening_results",
        "version": 1,
        "simulated": list(simulated),
        "rates": entries,
        "listeners": 20,
        "sheets": 20,
        "answers": 800,
        "attention": {"checks": 40, "failed": 1, "sheets_left_out": 0},
        "files": {"refused": []},
        "consistency": {"repeats": 20, "same": 18},
        "agreement": {"kappa": 0.5, "triplets": 40},
    }
    path = folder / "listening" / "listening.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
