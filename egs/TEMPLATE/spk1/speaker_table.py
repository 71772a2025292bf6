#!/usr/bin/env python3
"""Write the table of a speaker model's scores beside those of the baseline.

For every folder with verification.json and verification_baseline.json, one line for
each of the two: equal error rate with its interval, minimum detection costs, counts.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from espnet_probe.bin.cli import run
from espnet_probe.bin.score_files import written_whole
from espnet_probe.errors import ProbeError

HEADER = (
    "set",
    "embedder",
    "EER (%)",
    "EER, ESPnet (%)",
    "minDCF 0.05",
    "minDCF 0.01",
    "trials (target)",
    "speakers",
    "utterances without",
)


def shown(summary: Mapping[str, Any], name: str, digits: int) -> str:
    """Return a number with its interval, if it has one; a dash where there is none."""
    value: Optional[float] = summary.get(name)
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    interval = summary.get(f"{name}_ci95")
    if interval:
        text += f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"
    return text


def line(folder: Path, name: str) -> List[str]:
    """Return the cells of one summary."""
    path = folder / name
    try:
        summary: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProbeError(f"cannot read {path}: {error}") from error
    return [
        folder.name,
        str(summary.get("embedder", "-")),
        shown(summary, "eer_percent", 1),
        shown(summary, "eer_espnet_percent", 1),
        shown(summary, "min_dcf_p005", 3),
        shown(summary, "min_dcf_p001", 3),
        f"{summary.get('num_trials')} ({summary.get('num_target', '-')})",
        str(summary.get("num_speakers")),
        str(summary.get("excluded_utterances")),
    ]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description="Write the table of a speaker model's scores.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, help="a folder per set")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    args = parser.parse_args()
    rows = [list(HEADER), ["---"] * len(HEADER)]
    for folder in args.folders:
        rows.append(line(folder, "verification.json"))
        rows.append(line(folder, "verification_baseline.json"))
    text = "".join("|" + "|".join(row) + "|\n" for row in rows)
    with written_whole(args.output) as part:
        part.write_text(
            text + "\n95 % intervals, where there are any, by bootstrap over speakers; "
            "the baseline is the mean and deviation of log-mel frames.\n",
            encoding="utf-8",
        )
    print(text, end="")


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
