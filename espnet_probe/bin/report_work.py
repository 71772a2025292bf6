"""The work of make_report: collect, write tables, make the page."""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.bin.max_wer import read_max_wer
from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    from espnet_probe.page.conditions import Condition
    from espnet_probe.page.experiments import Experiment
    from espnet_probe.page.said import Said
    from espnet_probe.page.write import Figure, Page
    from espnet_probe.report.results import Results
    from espnet_probe.report.sections import Section
    from espnet_probe.study.study import Model, Study

LEAD = (
    "Every layer's hidden states were turned back into speech by a small probe of its "
    "own. Listen to what is left, and see how well words and voices survive."
)
#: Where the page lies, in the folder of an experiment or of a joined report.
REPORT = "report"

Sections = Dict[Tuple[str, str], Sequence["Section"]]


@dataclass(frozen=True)
class Job:
    """What a command line asks for.

    Attributes:
        args: The options.
        command: The whole line, for the record.
        environment: Versions, machine and date, by name.
    """

    args: argparse.Namespace
    command: str
    environment: Mapping[str, str]


def check(args: argparse.Namespace) -> Path:
    """Refuse what cannot be done, before the work begins; return the page's folder.

    Args:
        args: The options.

    Raises:
        ProbeError: If options do not go together, or the page has no place.
    """
    from espnet_probe.bin.score_files import check_output
    from espnet_probe.page.sounds import check_format
    from espnet_probe.page.write import check_folder

    if args.num_examples < 0:
        raise ProbeError(f"--num_examples: got {args.num_examples}, expected 0 or more")
    check_format(args.audio_format)
    if args.model is not None:
        if args.output_dir is None or len(args.sets) != 1:
            raise ProbeError(
                "--model needs --output_dir, and --set with the name of the clean test "
                "set"
            )
        output = args.output_dir / REPORT
    else:
        if args.paper:
            raise ProbeError("--paper is for --model: one experiment has no such table")
        if args.conditions:
            raise ProbeError(
                "--conditions is for --model; --sets chooses sets otherwise"
            )
        known = {exp.resolve(): exp for exp in args.exp}
        if len(known) < len(args.exp):
            raise ProbeError(f"--exp names {len(args.exp) - len(known)} folders twice")
        if len(args.exp) > 1 and args.output_dir is None:
            raise ProbeError(f"--exp names {len(args.exp)} folders: give --output_dir")
        if len(args.exp) > 1 and args.asr_exp is not None:
            raise ProbeError("--asr_exp is for one --exp: others name their recogniser")
        output = args.output_dir or args.exp[0] / REPORT
        check_output(output.parent if args.output_dir is None else output)
    check_output(output)
    check_folder(output)
    return Path(output)


def _page(job: Job, title: str, **more: object) -> "Page":
    from espnet_probe.page.utterances import Choice
    from espnet_probe.page.write import Page

    args = job.args
    choice = Choice(args.num_examples, args.audio_format, args.dumpdir)
    page = Page(title, LEAD, job.environment, job.command, choice, args.single_file)
    return replace(page, **more)  # type: ignore[arg-type]


def _publish(
    job: Job,
    experiments: Sequence["Experiment"],
    conditions: Sequence["Condition"],
    folder: Path,
) -> List["Figure"]:
    """Write figures and tables for print; return those that the page shows.

    Args:
        job: What is asked for.
        experiments: The models.
        conditions: The sets that are shown.
        folder: Stands for the page's folder while the page is made.
    """
    from espnet_probe.page.curves import shown_metrics
    from espnet_probe.page.latex import write_tables
    from espnet_probe.page.print_figures import write_figures
    from espnet_probe.page.write import FIGURES, TABLES, Figure
    from espnet_probe.report.files import link

    metrics = shown_metrics(experiments)
    write_tables(experiments, conditions, metrics, folder / TABLES, job.command)
    if job.args.no_figures:
        return []
    written = write_figures(experiments, conditions, metrics, folder / FIGURES)
    return [
        Figure(title, link(path, folder), link(path.with_suffix(".pdf"), folder))
        for title, path in written
    ]


def _write(
    job: Job, page: "Page", experiments: List["Experiment"], output: Path
) -> None:
    """Write the page and say where it is."""
    from espnet_probe.page.conditions import find_conditions
    from espnet_probe.page.write import write_page

    conditions = find_conditions(experiments)
    publish = partial(_publish, job, experiments, conditions)
    path = write_page(
        output, page, experiments, conditions, None if page.single_file else publish
    )
    print(path.resolve())


def report_of_one(job: Job, output: Path) -> None:
    """Write RESULTS.md and the page of one experiment; print its tables.

    Args:
        job: What is asked for.
        output: The page's folder.
    """
    from espnet_probe.page.experiments import make_experiments
    from espnet_probe.report.collect import collect
    from espnet_probe.report.control_rows import parse_controls
    from espnet_probe.report.tables import plain
    from espnet_probe.report.write import write_report

    args = job.args
    results = collect(
        args.exp[0],
        asr_exp=args.asr_exp,
        inference_tag=args.inference_tag,
        sets=args.sets,
        stage_times=args.stage_times,
        controls=parse_controls(args.control),
    )
    # Whoever names another place may not be allowed to write to the experiment.
    folder = args.output_dir or args.exp[0]
    figures = None if args.no_figures else output / "figures"
    parts, notes = write_report(results, figures, job.environment, job.command, folder)
    print(plain(results, parts))
    experiments = make_experiments([results])
    sections: Sections = {
        (experiments[0].id, name): part.sections for name, part in parts.items()
    }
    title = f"What the layers of {experiments[0].label} hear"
    page = _page(job, title, sections=sections, notes=notes)
    _write(job, page, experiments, output)


def report_of_several(job: Job, output: Path) -> None:
    """Write a page that joins several experiments.

    Args:
        job: What is asked for.
        output: Its folder.
    """
    from espnet_probe.page.comparable import differences
    from espnet_probe.page.experiments import make_experiments, share_controls
    from espnet_probe.page.said import Said
    from espnet_probe.report.collect import collect
    from espnet_probe.study.word_errors import upstream_folder

    args = job.args
    controls = share_controls(args.exp, args.control, args.inference_tag)
    results = [
        collect(
            exp,
            asr_exp=upstream_folder(exp),
            inference_tag=args.inference_tag,
            sets=args.sets,
            stage_times=args.stage_times,
            controls=own,
        )
        for exp, own in zip(args.exp, controls)
    ]
    experiments = make_experiments(results)
    sections, notes = _sections(experiments)
    title = f"What the layers of {len(experiments)} models hear"
    said = [Said(f"Warning: {one}.") for one in differences(experiments)]
    page = _page(job, title, sections=sections, notes=notes, said=said)
    _write(job, page, experiments, output)


def _sections(experiments: Sequence["Experiment"]) -> Tuple[Sections, List[str]]:
    """Return the tables of all sets, without plots, and what is missing."""
    from tqdm import tqdm

    from espnet_probe.report.human_tests import HumanTests
    from espnet_probe.report.write import make_sections

    sections: Sections = {}
    tests = HumanTests([one.results.probe_exp for one in experiments])
    notes = list(tests.notes)
    work = [(one, results) for one in experiments for results in one.results.sets]
    for one, results in tqdm(work, desc="tables", unit="set"):
        found, lacking = make_sections(results, None, tests)
        sections[one.id, results.name] = found
        notes += [f"{one.label}: {note}" for note in lacking]
    return sections, notes


def report_of_study(job: Job, output: Path) -> None:
    """Write the joined RESULTS.md of a study and its page; print the first.

    Args:
        job: What is asked for.
        output: The page's folder.
    """
    from espnet_probe.page.experiments import make_experiments

    args = job.args
    study, models = _write_study(job)
    results = [_of_model(model, study, args) for model in models]
    pairs = [(model.architecture, model.training) for model in models]
    reasons = [study.table.untrained.get(pair, "") for pair in pairs]
    experiments = make_experiments(
        results,
        [model.title for model in models],
        [f"not trained enough: {reason}" if reason else "" for reason in reasons],
    )
    sections, notes = _sections(experiments)
    names = ("study.yaml", "claims.md", "claims.json")
    files = [args.output_dir / name for name in names]
    title = f"What the layers of {len(models)} models hear"
    page = _page(
        job,
        title,
        sections=sections,
        notes=[*study.notes, *notes],
        said=_claims(study, args.output_dir),
        files=[path for path in files if path.is_file()],
    )
    _write(job, page, experiments, output)


def _claims(study: "Study", folder: Path) -> List["Said"]:
    """Return the verdicts on the paper's claims as statements."""
    from espnet_probe.page.said import Said
    from espnet_probe.study.claims_section import read_verdicts

    found, _ = read_verdicts(folder / "claims.json", study)
    if found is None:
        return []
    return [
        *(Said(f"Warning: {one}.") for one in found.warnings),
        *(
            Said(f"Claim {claim} {verdict}: {why}.")
            for claim, verdict, why in found.lines
        ),
    ]


def _of_model(model: "Model", study: "Study", args: argparse.Namespace) -> "Results":
    """Collect the results of one model of a study, of the study's sets alone."""
    from espnet_probe.report.collect import collect
    from espnet_probe.study.study import set_of
    from espnet_probe.study.word_errors import upstream_folder

    results = collect(
        model.probe_exp,
        asr_exp=upstream_folder(model.probe_exp),
        inference_tag=args.inference_tag,
        stage_times=args.stage_times,
        controls=model.controls,
    )
    names = [set_of(study.base, condition) for condition in study.conditions]
    sets = [one for name in names for one in results.sets if one.name == name]
    wer = [
        one
        for one in results.wer
        if args.decoding in (None, one.decoding.rpartition("/")[0])
    ]
    return replace(results, sets=sets, wer=wer)


def _write_study(job: Job) -> Tuple["Study", List["Model"]]:
    """Write the tables of several models, and print them."""
    from espnet_probe.report.files import write_text
    from espnet_probe.study.claims_section import claims_section
    from espnet_probe.study.document import markdown
    from espnet_probe.study.doubts import doubted_probes
    from espnet_probe.study.further import make_further
    from espnet_probe.study.study import give_controls, parse_model, read_study
    from espnet_probe.study.times import times_table

    args = job.args
    models = give_controls([parse_model(text) for text in args.model], args.control)
    study = read_study(
        models,
        test_set=args.sets[0],
        inference_tag=args.inference_tag,
        paper_layers=False,
        max_wer=read_max_wer(args.max_wer),
        # The tables take their intervals of EERs from the scores' files.
        num_draws=2,
        conditions=args.conditions,
        decoding=args.decoding,
        tolerant=True,
    )
    figures: Optional[Path] = None if args.no_figures else args.output_dir / "figures"
    further = make_further(study, models, args.inference_tag, figures)
    plots, notes = {}, doubted_probes(models, args.sets[0], args.inference_tag)
    if figures is not None:
        from espnet_probe.study.figures import write_study_figures

        drawn = write_study_figures(
            study,
            models,
            figures,
            args.inference_tag,
            args.paper,
            args.mel_utterance,
            args.mel_condition,
        )
        plots = {name: drawn.markdown(name, args.output_dir) for name in drawn.paths}
        notes += drawn.notes
    claims, problem = claims_section(args.output_dir / "claims.json", study)
    notes, times = [*notes, problem], ""
    if args.stage_times is not None:
        times, problem = times_table(args.stage_times, models)
        notes.append(problem)
    text = markdown(
        study,
        models,
        job.environment,
        job.command,
        args.paper,
        args.inference_tag,
        plots,
        args.conditions,
        claims,
        times,
        [note for note in notes if note],
        further,
    )
    described = args.output_dir / "study.yaml"
    if described.is_file():
        # What a recipe wrote of it: seed, noise, configurations, folders.
        lines = described.read_text(encoding="utf-8").strip()
        text += f"\n## Study\n\n```yaml\n{lines}\n```\n"
    path = args.output_dir / "RESULTS.md"
    write_text(path, text)
    print(text)
    print(path.resolve())
    return study, list(models)
