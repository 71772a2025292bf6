"""Write the report of one model: RESULTS.md with its plots."""

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from tqdm import tqdm

from espnet_probe.report.figures import write_figures
from espnet_probe.report.files import write_text
from espnet_probe.report.human_section import human_sections
from espnet_probe.report.human_tests import HumanTests
from espnet_probe.report.recognition_section import (
    missing_recognition,
    recognition_section,
)
from espnet_probe.report.results import Results, SetResults
from espnet_probe.report.sections import Section, SetParts
from espnet_probe.report.selectivity import selectivity_sections
from espnet_probe.report.tables import markdown
from espnet_probe.report.verification_section import verification_sections


def make_sections(
    results: SetResults, folder: Optional[Path], tests: HumanTests
) -> Tuple[List[Section], List[str]]:
    """Return what a set shows beside its main table, and what is missing in words.

    Args:
        results: The rows of a set, one at least.
        folder: Where the plots go; None for tables alone.
        tests: Listening tests that may be of it.
    """
    verification, notes = verification_sections(results, folder)
    # <probe_exp>/reconstruct_<tag>/<set>/<row>
    probe_exp = results.rows[0].folder.parents[2]
    human = human_sections(tests, probe_exp, results.name, folder)
    sections = recognition_section(results, folder) + selectivity_sections(results)
    notes += missing_recognition(results)
    return [*sections, *verification, *human], notes


def write_report(
    results: Results,
    figures: Optional[Path],
    environment: Mapping[str, str],
    command: str,
    folder: Path,
) -> Tuple[Mapping[str, SetParts], Sequence[str]]:
    """Write ``RESULTS.md`` of an experiment; return what sets show, and notes.

    Args:
        results: The numbers.
        figures: The folder of its plots; None for tables alone.
        environment: Versions, machine and date, by name.
        command: The command line, for the record.
        folder: Gets it.

    Returns:
        Plots and tables by set; and what is missing, in words.
    """
    parts: Dict[str, SetParts] = {}
    tests = HumanTests([results.probe_exp])
    notes = list(tests.notes)
    for one in tqdm(results.sets, desc="tables", unit="set"):
        sections, lacking = make_sections(one, figures, tests)
        notes += lacking
        plots = [] if figures is None else write_figures(one, figures)
        parts[one.name] = SetParts(plots, sections)
    text = markdown(results, environment, command, parts, notes, folder)
    write_text(folder / "RESULTS.md", text)
    return parts, notes
