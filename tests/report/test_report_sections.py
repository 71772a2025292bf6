"""Embedders, recognition, trials' scores: what stands beside the main table."""

import json
import math
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
from verified_case import LAYERS, SECOND, TRIALS, make_verified

from espnet_probe.report.collect import collect
from espnet_probe.report.det_figure import curve, deviate, draw_det, error_rates
from espnet_probe.report.embedder_curves import draw_embedder_curves
from espnet_probe.report.figures import LIGHT
from espnet_probe.report.human_tests import HumanTests
from espnet_probe.report.recognition_section import draw_survival
from espnet_probe.report.results import SetResults
from espnet_probe.report.score_distribution_figure import draw_distributions
from espnet_probe.report.sections import Section
from espnet_probe.report.trial_tables import TrialScores, read_trial_scores
from espnet_probe.report.values import EER
from espnet_probe.report.verification_section import scores_by
from espnet_probe.report.write import make_sections
from espnet_probe.scores.trials import Trial
from espnet_probe.scores.verification import eer

SET = Path("reconstruct_gl") / "test_clean"


@pytest.fixture(scope="module")
def probe_exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment with everything."""
    return make_verified(tmp_path_factory.mktemp("recipe"))[0]


@pytest.fixture(scope="module")
def made(
    probe_exp: Path, tmp_path_factory: pytest.TempPathFactory
) -> Tuple[SetResults, Dict[str, Section]]:
    """Its numbers and sections; nothing is missing."""
    results = collect(probe_exp).sets[0]
    sections, notes = make_sections(
        results, tmp_path_factory.mktemp("figures"), HumanTests([])
    )
    assert notes == []
    return results, {section.title: section for section in sections}


def column(section: Section, title: str) -> List[str]:
    """Return the texts of a column, layers alone."""
    place = list(section.head).index(title)
    return [line.cells[place] for line in section.lines if line.is_layer]


def document(probe_exp: Path, layer: str, name: str) -> Dict[str, float]:
    """Read a result file."""
    content: Dict[str, float] = json.loads((probe_exp / SET / layer / name).read_text())
    return content


def test_each_embedder_has_its_table(
    probe_exp: Path, made: Tuple[SetResults, Dict[str, Section]]
) -> None:
    _, sections = made
    for label, name in (
        ("ge2e", "verification.json"),
        (SECOND, f"verification_{SECOND}.json"),
    ):
        section = sections[f"Speaker verification by {label}"]
        for place, layer in enumerate(LAYERS):
            said = document(probe_exp, layer, name)
            for title, key, digits in (
                ("minDCF (p 0.05)", "min_dcf_p005", 3),
                ("minDCF (p 0.01)", "min_dcf_p001", 3),
                ("d-prime", "d_prime", 2),
            ):
                shown = column(section, title)[place]
                assert shown == f"{said[key]:.{digits}f}"
            second = said["original_enrolment"]
            assert isinstance(second, dict)
            shown = column(section, "EER (%), original enrolment")[place]
            assert shown.startswith(f"{second['eer_percent']:.1f} [")
        files = [path.name for path in section.lines[-1].sources]
        assert files == [name] and len(section.figures) == 2
    text = " ".join(sections["Speaker verification by ge2e"].about)
    assert "trained on: other data than the paper's." in text
    # The file's own words on intervals over 8 speakers.
    assert "too narrow" in text and "8 speakers" in text


def test_embedders_stand_side_by_side(
    made: Tuple[SetResults, Dict[str, Section]],
) -> None:
    results, sections = made
    section = sections["Equal error rate (%) by embedder"]
    assert list(section.head) == ["ge2e", SECOND]
    assert [line.name for line in section.lines] == ["natural", "oracle", *LAYERS]
    assert f"{SECOND}: weights trained on 8 speakers of train_mini." in section.about
    found = {label: scores_by(results, label) for label in ("ge2e", SECOND)}
    figure = draw_embedder_curves(results, found, EER, LIGHT)
    assert figure is not None
    drawn = {
        str(one.get_label()): [float(y) for y in one.lines[0].get_ydata()]
        for one in figure.axes[0].containers
    }
    for label, scores in found.items():
        assert drawn[label] == [scores[layer].values[EER.key].mean for layer in LAYERS]


def test_recognition_names_its_judge_and_counts(
    probe_exp: Path, made: Tuple[SetResults, Dict[str, Section]]
) -> None:
    results, sections = made
    section = sections["Recognition of the reconstructions"]
    text = " ".join(section.about)
    assert "exp/asr_judge" in text and "over speakers" in text
    for place, layer in enumerate(LAYERS):
        said = document(probe_exp, layer, "recognition.json")
        assert column(section, "WER (%)")[place].startswith(
            f"{said['wer_percent']:.1f}"
        )
        counts = f"{said['errors']}/{said['words']} ({said['substitutions']} sub, "
        assert column(section, "errors/words")[place].startswith(counts)
        letters = f"{said['char_errors']}/{said['chars']}"
        assert column(section, "errors/characters")[place] == letters
    figure = draw_survival(results, LIGHT)
    assert figure is not None
    labels = [str(one.get_label()) for one in figure.axes[0].containers]
    assert labels == ["WER: content lost", "CER: content lost", "EER: speaker lost"]
    assert len(section.figures) == 1 and section.figures[0].png.is_file()


def test_without_new_files_there_are_no_sections(
    make_experiment, tmp_path: Path  # type: ignore[no-untyped-def]
) -> None:
    old, _ = make_experiment(tmp_path, layers=("cnn1",))
    results = collect(old).sets[0]
    assert make_sections(results, tmp_path, HumanTests([])) == ([], [])
    assert draw_survival(results, LIGHT) is None


def test_tables_of_trials_that_lack_some_are_named(tmp_path: Path) -> None:
    exp, _ = make_verified(tmp_path)
    folder = exp / SET
    whole = (folder / "cnn1" / "verification.csv").read_text()
    lines = whole.splitlines(keepends=True)
    (folder / "cnn1" / "verification.csv").write_text("".join(lines[:-2]))
    (folder / "blstm1" / "verification.csv").write_text(whole[:-3])
    (folder / "blstm5" / "verification.csv").unlink()
    _, notes = make_sections(collect(exp).sets[0], None, HumanTests([]))
    text = "\n".join(notes)
    count = len(lines) - 1
    assert f"has {count - 2} trials, the scores beside it are of {count}" in text
    assert "is cut short: its last line has no end" in text
    assert "blstm5: no scores of trials" in text


def test_what_is_broken_is_named_and_the_rest_shown(tmp_path: Path) -> None:
    exp, _ = make_verified(tmp_path)
    folder = exp / SET
    (folder / "cnn1" / "verification.csv").write_text("enrolment,test\na,b\n")
    (folder / "blstm1" / "verification.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "blstm1" / "quality.csv").write_text("utt_id,stoi\na,half\n")
    (folder / "blstm5" / "recognition.json").write_text("{")
    (folder / "blstm5" / f"verification_{SECOND}.json").write_text("[]")
    sections, notes = make_sections(
        collect(exp).sets[0], tmp_path / "figures", HumanTests([])
    )
    text = "\n".join(notes)
    assert "test_clean, cnn1: no scores of trials:" in text
    assert "expected columns enrolment, test, label, score" in text
    assert "test_clean, blstm1: no scores of trials:" in text
    assert "test_clean, blstm5: WER (%): recognition.json cannot be read" in text
    assert f"verification_{SECOND}.json cannot be read: it holds no mapping" in text
    titles = {section.title: section for section in sections}
    table = titles["Speaker verification by ge2e"]
    assert "-" not in column(table, "EER (%)")
    assert column(titles["Recognition of the reconstructions"], "WER (%)")[2] == "-"


def test_det_curve_crosses_at_the_equal_error_rate(probe_exp: Path) -> None:
    table = read_trial_scores(probe_exp / SET / "blstm1" / "verification.csv")
    assert table.trials == TRIALS
    alarms, misses = error_rates(table.scores, table.targets)
    assert (alarms[0], misses[0]) == (1, 0) and (alarms[-1], misses[-1]) == (0, 1)
    assert np.all(np.diff(alarms) <= 0) and np.all(np.diff(misses) >= 0)
    place = int(np.argmin(np.abs(alarms - misses)))
    rate = eer(table.scores, table.targets) / 100
    assert (alarms[place] + misses[place]) / 2 == pytest.approx(rate, abs=0.02)
    figure = draw_det({"natural": table, "blstm1": table}, LIGHT)
    assert figure is not None
    line = figure.axes[0].lines[-1]
    # Few trials keep all their points.
    assert set(line.get_xdata()) == set(deviate(alarms))
    assert line.get_label() == "blstm1"


def test_a_curve_of_many_trials_has_few_points() -> None:
    random = np.random.default_rng(0)
    trials = [Trial("a", "b", bool(one)) for one in random.integers(0, 2, 20000)]
    scores = random.normal(size=len(trials)) + [trial.target for trial in trials]
    table = TrialScores(trials, scores)
    alarms, misses = curve(table)
    assert len(alarms) < 1500
    # Every point lies on the whole line.
    whole = set(zip(*(deviate(one) for one in error_rates(scores, table.targets))))
    assert set(zip(alarms, misses)) <= whole
    normal = abs(alarms) < 1
    # Scores of two normal distributions a deviation apart: a straight line.
    assert np.allclose(alarms[normal] + misses[normal], -1, atol=0.1)


def test_tied_scores_are_one_operating_point() -> None:
    scores = np.array([0.1, 0.5, 0.5, 0.5, 0.9])
    targets = np.array([False, False, True, True, True])
    alarms, misses = error_rates(scores, targets)
    assert alarms.tolist() == [1, 0.5, 0, 0]
    assert misses.tolist() == pytest.approx([0, 0, 2 / 3, 1])
    assert math.isfinite(deviate(alarms).sum())


def test_distributions_are_shares_of_each_kind(probe_exp: Path) -> None:
    table = read_trial_scores(probe_exp / SET / "cnn1" / "verification.csv")
    figure = draw_distributions({"cnn1": table, "blstm1": table}, LIGHT)
    assert figure is not None
    axes = figure.axes[0]
    assert axes.get_title() == "cnn1"
    for patch in axes.patches:
        assert patch.get_data().values.sum() == pytest.approx(1.0)
    assert {str(patch.get_label()) for patch in axes.patches} == {
        "target",
        "non-target",
    }


def test_plots_of_nothing_are_none() -> None:
    one = TrialScores([Trial("a", "b", True)], np.array([0.5]))
    assert draw_det({"cnn1": one}, LIGHT) is None
    assert draw_det({}, LIGHT) is None and draw_distributions({}, LIGHT) is None
    assert draw_distributions({"cnn1": one}, LIGHT) is not None
