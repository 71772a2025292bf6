"""Gather everything one report shows: scores, word errors, times, the upstream."""

import json
from pathlib import Path
from typing import (
    AbstractSet,
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from espnet_probe.errors import ProbeError
from espnet_probe.report.control_rows import open_control, with_controls
from espnet_probe.report.documents import (
    checked,
    read_config,
    read_counts,
    read_document,
)
from espnet_probe.report.recognition import WORD_COUNTS
from espnet_probe.report.results import (
    Results,
    SetResults,
    StageTime,
    WerResult,
    find_layers,
    read_layers,
    read_sets,
)
from espnet_probe.report.tags import find_reconstruct
from espnet_probe.report.values import WER, finite, missing

#: How the folders of a study and of what is trained begin.
STUDY = "study_"
TRAINED = ("asr_", "probe_", "upstream_")


def read_wer(asr_exp: Path) -> List[WerResult]:
    """Read every ``…/score_wer/wer.json`` below a recogniser's experiment."""
    results = []
    for path in sorted(asr_exp.glob("**/score_wer/wer.json")):
        decoding = path.parent.parent.relative_to(asr_exp).as_posix()
        document, problem = read_document(path)
        if document is None:
            results.append(WerResult(decoding, missing(problem, path)))
            continue
        counts = read_counts(document, {name: name for name in WORD_COUNTS})
        reason = str(document.get("reason") or "")
        pair = document.get(f"{WER.key}_ci95")
        value = checked(document.get(WER.key), pair, counts, path, reason)
        results.append(WerResult(decoding, value))
    return results


def read_stage_times(
    path: Path, experiments: Sequence[Path]
) -> Tuple[List[StageTime], str]:
    """Read the seconds of the stages that belong to some experiments.

    Args:
        path: One JSON object a line: stage, name, seconds, exp.
        experiments: The experiments. A line of another one is left out, also where
            that has been removed; those of the data and of studies are kept.

    Returns:
        The times in the order of their first run, and what is wrong with the
        file in words (empty if nothing is).
    """
    if not path.is_file():
        return [], f"stage times: no file {path}"
    wanted = {experiment.resolve() for experiment in experiments}
    seconds: Dict[Tuple[str, str, str], List[float]] = {}
    bad = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            spent = finite(record["seconds"])
            key = (
                str(record["stage"]),
                str(record.get("name") or ""),
                str(record.get("exp") or ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            spent = None
        if spent is None:
            bad += 1
        elif _counts(key[2], wanted):
            seconds.setdefault(key, []).append(spent)
    times = [StageTime(*key, tuple(spent), path) for key, spent in seconds.items()]
    problem = f"stage times: {bad} lines of {path} cannot be read" if bad else ""
    return times, problem


def _counts(exp: str, wanted: AbstractSet[Path]) -> bool:
    """Return whether the time of a stage is of some experiments, or shared by all.

    Args:
        exp: The folder that the stage worked for. Neither data nor a study is an
            experiment; what lies beside one is, also if it has been removed.
        wanted: The experiments.
    """
    try:
        folder = Path(exp).resolve()
        trained = (folder / "config.yaml").is_file()
    except (OSError, ValueError):
        return True  # no possible path
    if not exp or folder in wanted or folder.name.startswith(STUDY):
        return True
    beside = any(folder.parent == experiment.parent for experiment in wanted)
    return not (trained or beside or folder.name.startswith(TRAINED))


def _scalars(tree: Any, name: str) -> Iterator[Tuple[str, str]]:
    """Yield the dotted name and the text of every scalar below a mapping."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _scalars(branch, f"{name}.{key}" if name else str(key))
    elif isinstance(tree, (str, int, float, bool)):
        yield name, str(tree)


def upstream_facts(config: Mapping[str, Any]) -> Dict[str, str]:
    """Return what a probe's configuration says about the probed model."""
    return {
        name: text
        for name, text in _scalars(dict(config), "")
        if "upstream" in name.lower() and text
    }


def _has_numbers(sets: Sequence[SetResults]) -> bool:
    return any(
        value.mean is not None
        for results in sets
        for row in results.rows
        for value in row.values.values()
    )


def collect(
    probe_exp: Path,
    asr_exp: Optional[Path] = None,
    inference_tag: Optional[str] = None,
    sets: Sequence[str] = (),
    stage_times: Optional[Path] = None,
    controls: Optional[Mapping[str, Path]] = None,
) -> Results:
    """Read the result files of one probe experiment and of its recogniser.

    Args:
        probe_exp: The probe experiment's folder.
        asr_exp: The recogniser's folder, for its word error rate.
        inference_tag: Which ``reconstruct_<tag>``; not needed if there is one.
        sets: The sets to show; all that are there if empty.
        stage_times: The file with the seconds of the stages.
        controls: Probe experiments of the same layers by kind of control.

    Raises:
        ProbeError: If a folder that was named is missing, no number is there, or a
            control does not belong to the model.
    """
    reconstruct = find_reconstruct(probe_exp, inference_tag)
    if asr_exp is not None and not asr_exp.is_dir():
        raise ProbeError(
            f"--asr_exp {asr_exp} is not a folder; give the recogniser's experiment, "
            "or leave the option out for a report without word error rates"
        )
    layers_file = find_layers(reconstruct, probe_exp)
    layers = read_layers(layers_file)
    opened = [
        open_control(kind, folder, probe_exp, reconstruct)
        for kind, folder in (controls or {}).items()
    ]
    results = read_sets(reconstruct, layers, sets)
    if not _has_numbers(results):
        raise ProbeError(
            f"{reconstruct} has no scores: there is nothing to report; "
            "score first (probe.sh stages 10 and 11)"
        )
    notes = []
    for place, one in enumerate(results):
        results[place], lacking = with_controls(one, opened, reconstruct)
        notes += lacking
    wer: List[WerResult] = []
    if asr_exp is None:
        notes.append("word error rate: not scored (no recogniser's experiment given)")
    else:
        wer = read_wer(asr_exp)
        if not wer:
            notes.append(
                f"word error rate: not scored (no score_wer/wer.json below {asr_exp})"
            )
    times: List[StageTime] = []
    if stage_times is not None:
        experiments = [probe_exp, *(one.probe_exp for one in opened)]
        experiments += [asr_exp] if asr_exp is not None else []
        times, problem = read_stage_times(stage_times, experiments)
        if problem:
            notes.append(problem)
        elif not times:
            notes.append(f"stage times: {stage_times} has none of this experiment")
    config_file = probe_exp / "config.yaml"
    upstream = upstream_facts(read_config(config_file))
    if not upstream:
        notes.append(f"upstream: {config_file} does not name the probed model")
    return Results(
        probe_exp=probe_exp,
        asr_exp=asr_exp,
        reconstruct=reconstruct,
        layers_file=layers_file,
        layers=layers,
        sets=results,
        wer=wer,
        stage_times=times,
        upstream=upstream,
        notes=notes,
        controls={one.kind: one.probe_exp for one in opened},
    )
