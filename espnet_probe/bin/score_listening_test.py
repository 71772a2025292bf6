"""Score a listening test: human error per layer, beside what the embedders say."""

import argparse
import logging
import shlex
import sys
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Check the answers that listeners gave back and score them. "
        "Writes listening.json (error per layer with 95 % intervals over listeners "
        "and triplets, agreement, attention checks, each embedder on the same "
        "triplets, the files that were left out with reasons), listening.csv (every "
        "answer) and listening.png, .pdf (the curves). See docs/listening_test.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        help="the key that make_listening_test wrote, such as DIR/listening/key.json",
    )
    parser.add_argument(
        "--answers",
        type=Path,
        nargs="+",
        required=True,
        help="the files that listeners gave back, or folders of them",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        help="gets the files; without it the key's folder, and with --simulated its "
        "folder simulated",
    )
    parser.add_argument(
        "--max_failed_attention",
        type=int,
        default=1,
        help="a sheet with more failed attention checks is left out",
    )
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="score answers of a simulated panel, and no others",
    )
    parser.add_argument("--num_bootstrap", type=int, default=1000, help="of both kinds")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the key is missing or broken, or no file of answers counts.
    """
    arguments = list(sys.argv[1:] if cmd is None else cmd)
    args = get_parser().parse_args(arguments)
    if args.num_bootstrap < 100:
        raise ProbeError(f"--num_bootstrap: got {args.num_bootstrap}, expected >= 100")
    if args.max_failed_attention < 0:
        raise ProbeError(
            f"--max_failed_attention: got {args.max_failed_attention}, expected >= 0"
        )
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    output = args.key.parent if args.output_dir is None else args.output_dir
    if args.output_dir is None and args.simulated:
        output = args.key.parent / "simulated"
    score_files.check_output(output)
    from espnet_probe.listening.answer_table import COLUMNS, table
    from espnet_probe.listening.answers import collect, find_files
    from espnet_probe.listening.key_format import read_key
    from espnet_probe.listening.results import score
    from espnet_probe.report.figures import LIGHT, save_for_print
    from espnet_probe.report.human import read_human
    from espnet_probe.report.human_figure import draw_test

    path = output / "listening.json"
    before, _ = read_human(path)
    if args.simulated and path.exists() and (before is None or not before.simulated):
        raise ProbeError(
            f"{path} holds what people answered, or cannot be read: give --simulated "
            "results another --output_dir"
        )
    key = read_key(args.key)
    files = find_files(args.answers)
    found = collect(files, key, args.max_failed_attention, args.simulated)
    for one in found.refused:
        logging.warning("left out: %s: %s", one.file, one.reason)
    for sheet in found.inattentive:
        logging.warning(
            "left out: %s: %d of %d attention checks failed",
            sheet.file,
            sheet.failed_attention,
            sheet.num_attention,
        )
    content = score(key, found, args.num_bootstrap, args.seed)
    command = "python -m espnet_probe.bin.score_listening_test"
    content["config"] = {
        "command": f"{command} {shlex.join(arguments)}",
        "key": str(args.key),
        "max_failed_attention": args.max_failed_attention,
        "bootstrap": {"samples": args.num_bootstrap, "seed": args.seed},
    }
    content["versions"] = score_files.versions("numpy", "scipy")
    score_files.write_csv(output / "listening.csv", COLUMNS, table(found))
    score_files.write_json(path, content)
    human, problem = read_human(path)
    if human is None:
        raise RuntimeError(problem)
    figure = draw_test(human, LIGHT)
    if figure is not None:
        save_for_print(figure, output / "listening.png", dpi=150)
    print("\n".join(in_words(content)))
    if human.warning:
        print(f"*** {human.warning} ***")
    print(path)


def _numbers(entry: Mapping[str, Any], name: str) -> str:
    """Return a rate and its interval, such as ``12.5 [8.0, 18.1]``."""
    value, pair = entry.get(name), entry.get(f"{name}_ci95")
    if value is None:
        return "-"
    bounds = "" if pair is None else f" [{pair[0]:.1f}, {pair[1]:.1f}]"
    return f"{value:.1f}{bounds}"


def in_words(content: Mapping[str, Any]) -> List[str]:
    """Return the lines that are printed.

    Args:
        content: Of ``listening.json``.
    """
    lines = []
    if content["simulated"]:
        who = "; ".join(content["simulated"])
        lines.append(f"*** SIMULATED listeners, no person answered: {who} ***")
    names = list(dict.fromkeys(n for one in content["rates"] for n in one["embedders"]))
    places = dict.fromkeys((one["exp"], one["set"]) for one in content["rates"])
    for place in places:
        head = ["layer", "human error (%)", "answers", "listeners", "triplets", "kappa"]
        for name in names:
            head += [f"{name} error (%)", f"{name} EER (%)"]
        rows = [head]
        for one in content["rates"]:
            if (one["exp"], one["set"]) != place:
                continue
            kappa = one["agreement"]["kappa"]
            row = [one["layer"], _numbers(one, "error_percent")]
            row += [str(one[key]) for key in ("answers", "listeners", "triplets")]
            row.append("-" if kappa is None else f"{kappa:.2f}")
            for name in names:
                own = one["embedders"].get(name, {})
                row += [_numbers(own, key) for key in ("error_percent", "eer_percent")]
            rows.append(row)
        widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
        lines.append(", ".join(place))
        for row in rows:
            cells = [cell.rjust(width) for cell, width in zip(row, widths)]
            lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    over = dict.fromkeys(one["over"] for one in content["rates"] if one["over"])
    attention, repeats = content["attention"], content["consistency"]
    lines += [
        "error: share of triplets answered with the wrong speaker, chance 50 %; "
        f"brackets: 95 % intervals over {', '.join(over) or 'nothing (too few)'}; "
        "embedders: error on the same triplets, EER of their pairs",
        f"{content['listeners']} listeners, {content['sheets']} sheets of "
        f"{content['minutes_per_sheet']:.1f} minutes (median); attention checks "
        f"failed: {attention['failed']} of {attention['checks']}; repeated items "
        f"answered alike: {repeats['same']} of {repeats['repeats']}; files left out: "
        f"{len(content['files']['refused'])} unusable, "
        f"{len(content['files']['inattentive'])} inattentive",
    ]
    return lines


if __name__ == "__main__":
    sys.exit(run(main))
