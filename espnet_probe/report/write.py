"""Write a whole report: RESULTS.md, plots, sounds, pictures, the page."""

from pathlib import Path
from typing import Any, Dict, List, Mapping

from tqdm import tqdm

from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.report.collect import read_config
from espnet_probe.report.environment import environment
from espnet_probe.report.examples import find_hypotheses, make_examples
from espnet_probe.report.figures import write_figures
from espnet_probe.report.files import write_text
from espnet_probe.report.pages import SetParts, render
from espnet_probe.report.results import Results
from espnet_probe.report.tables import markdown


def mel_config(config: Mapping[str, Any]) -> LogMelConfig:
    """Return the settings of the probes' target; the defaults if none are given.

    Args:
        config: The probe experiment's configuration.
    """
    target = config.get("target")
    return (
        LogMelConfig.from_dict(target) if isinstance(target, dict) else LogMelConfig()
    )


def write_report(
    results: Results,
    output: Path,
    num_examples: int,
    dumpdir: Path,
    command: str,
    date: str,
) -> Path:
    """Write the report and return the path of its page.

    Args:
        results: The numbers.
        output: The report's folder; ``RESULTS.md`` goes to the experiment's.
        num_examples: How many utterances of each set can be heard.
        dumpdir: Where the sets' ``text`` files are.
        command: The command line, for the record.
        date: When the report is made, in words.
    """
    config = mel_config(read_config(results.probe_exp / "config.yaml"))
    parts: Dict[str, SetParts] = {}
    notes: List[str] = []
    for one in tqdm(results.sets, desc="report", unit="set"):
        examples, lacking = make_examples(
            one,
            num_examples,
            output,
            config,
            reference=dumpdir / one.name / "text",
            hypotheses=find_hypotheses(results.asr_exp, one.name),
        )
        notes += lacking
        parts[one.name] = SetParts(write_figures(one, output / "figures"), examples)
    facts = environment(date)
    pngs = {name: [f.png for f in part.figures] for name, part in parts.items()}
    folder = results.probe_exp
    text = markdown(results, facts, command, pngs, notes, folder)
    write_text(folder / "RESULTS.md", text)
    page = output / "index.html"
    write_text(page, render(results, parts, facts, command, notes, output))
    return page
