"""Write a whole report: RESULTS.md, plots, sounds, pictures, the page."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

from tqdm import tqdm

from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.report.documents import read_config
from espnet_probe.report.environment import environment
from espnet_probe.report.examples import find_hypotheses, make_examples
from espnet_probe.report.figures import write_figures
from espnet_probe.report.files import write_text
from espnet_probe.report.pages import render
from espnet_probe.report.recognition_section import (
    missing_recognition,
    recognition_section,
)
from espnet_probe.report.results import Results, SetResults
from espnet_probe.report.sections import Section, SetParts
from espnet_probe.report.selectivity import selectivity_sections
from espnet_probe.report.tables import markdown
from espnet_probe.report.verification_section import verification_sections


def mel_config(config: Mapping[str, Any]) -> LogMelConfig:
    """Return the settings of the probes' target; the defaults if none are given.

    Args:
        config: The probe experiment's configuration.
    """
    target = config.get("target")
    return (
        LogMelConfig.from_dict(target) if isinstance(target, dict) else LogMelConfig()
    )


def make_sections(results: SetResults, folder: Path) -> Tuple[List[Section], List[str]]:
    """Return what a set shows beside its main table, and what is missing in words.

    Args:
        results: The rows of a set.
        folder: Where the plots go.
    """
    verification, notes = verification_sections(results, folder)
    sections = recognition_section(results, folder) + selectivity_sections(results)
    return [*sections, *verification], notes + missing_recognition(results)


def write_report(
    results: Results,
    output: Path,
    num_examples: int,
    dumpdir: Path,
    command: str,
    date: str,
) -> Tuple[Path, Mapping[str, SetParts]]:
    """Write the report; return the path of its page and what each set shows.

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
        # A sound per layer of every control would hide those of the model.
        own = replace(one, rows=[row for row in one.rows if not row.control])
        examples, lacking = make_examples(
            own,
            num_examples,
            output,
            config,
            reference=dumpdir / one.name / "text",
            hypotheses=find_hypotheses(results.asr_exp, one.name),
        )
        notes += lacking
        sections, lacking = make_sections(one, output / "figures")
        notes += lacking
        figures = write_figures(one, output / "figures")
        parts[one.name] = SetParts(figures, examples, sections)
    facts = environment(date)
    folder = results.probe_exp
    text = markdown(results, facts, command, parts, notes, folder)
    write_text(folder / "RESULTS.md", text)
    page = output / "index.html"
    write_text(page, render(results, parts, facts, command, notes, output))
    return page, parts
