"""Human listeners in a report: from the file that scoring writes."""

from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from listening_case import LAYERS, answer_sheet, make_key, write_answers, write_key

from espnet_probe.bin import score_listening_test, simulate_panel
from espnet_probe.report.human import Human, HumanRate, read_human
from espnet_probe.report.human_section import human_sections
from espnet_probe.report.human_tests import HumanTests
from espnet_probe.report.sections import Section
from espnet_probe.report.values import Value


def sections_of(probe_exp: Path, subset: str, folder: Path) -> List[Section]:
    return human_sections(HumanTests([probe_exp]), probe_exp, subset, folder)


def hold_test(probe_exp: Path, *options: str) -> Path:
    """Hold a test of an experiment: six people, one of whom errs about blstm5."""
    key = make_key(num_sheets=1, per_layer=6, exp=f"exp/{probe_exp.name}")
    path = write_key(key, probe_exp / "listening")
    wrong = [i.item for i in key.sheets[1] if i.layer == "blstm5"][:3]
    folder = write_answers(probe_exp / "listening" / "answers")
    for number in range(6):
        one = answer_sheet(key, 1, f"p{number}", wrong if number == 0 else ())
        # Nobody begins in the same millisecond as another.
        begun = f"2026-01-0{number + 1}T09:00:00.000Z"
        changed = replace(one, started=begun, finished=begun)
        (folder / f"{number}.json").write_text(changed.text(), encoding="utf-8")
    command = ["--key", str(path), "--answers", str(folder), "--num_bootstrap", "200"]
    score_listening_test.main([*command, *options])
    return probe_exp / "listening" / "listening.json"


def test_a_test_that_was_held_is_a_section(tmp_path: Path) -> None:
    probe_exp = tmp_path / "exp" / "probe_a"
    path = hold_test(probe_exp)
    (section,) = sections_of(probe_exp, "test", tmp_path / "figures")
    assert [line.name for line in section.lines] == list(LAYERS)
    assert all(line.sources == [path] for line in section.lines)
    # 3 of 36 answers: 8.3 %.
    assert section.lines[-1].cells[0].startswith("8.3 [")
    assert list(section.lines[-1].cells[1:5]) == [
        "36",
        "6",
        "6",
        "listeners and triplets",
    ]
    assert "6 listeners answered 6 sheets, 144 answers to triplets." in section.about
    assert section.figures[0].png.is_file()
    text = section.markdown(tmp_path)
    assert "Human listeners" in text and "ge2e, same triplets" in text


def test_a_test_of_another_set_or_experiment_is_not_shown(tmp_path: Path) -> None:
    path = hold_test(tmp_path / "exp" / "probe_a")
    assert sections_of(path.parents[1], "other", tmp_path) == []
    elsewhere = tmp_path / "exp" / "probe_b" / "listening"
    elsewhere.mkdir(parents=True)
    (elsewhere / "listening.json").write_bytes(path.read_bytes())
    assert sections_of(elsewhere.parent, "test", tmp_path) == []
    assert sections_of(tmp_path / "exp", "test", tmp_path) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rates": 3}'])
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "listening").mkdir()
    (tmp_path / "listening" / "listening.json").write_text(content, encoding="utf-8")
    assert sections_of(tmp_path, "test", tmp_path) == []
    assert HumanTests([tmp_path]).notes[0].startswith("listening test: ")


def test_simulated_listeners_are_told_loudly(tmp_path: Path) -> None:
    probe_exp = tmp_path / "exp" / "probe_a"
    key = make_key(exp="exp/probe_a")
    path = write_key(key, probe_exp / "listening")
    answers = str(tmp_path / "panel")
    simulate_panel.main(
        ["--key", str(path), "--output_dir", answers, "--embedder", "ge2e"]
    )
    score_listening_test.main(
        ["--key", str(path), "--answers", answers, "--simulated"]
        + ["--output_dir", str(path.parent), "--num_bootstrap", "100"]
    )
    human, problem = read_human(path.parent / "listening.json")
    assert human is not None and problem == ""
    assert human.warning.startswith("SIMULATED listeners, no person answered")
    section = sections_of(probe_exp, "test", tmp_path)[0]
    assert section.about[0].startswith("SIMULATED")


def rate(exp: Path, layer: str = "blstm1", told: bool = True) -> HumanRate:
    error = Value(10.0, None, {}, Path("listening.json"))
    folder = exp.resolve() if told else None
    return HumanRate(str(exp), "test", "clean", layer, error, folder=folder)


def test_experiments_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    first, second = (tmp_path / name / "exp" / "probe_x" for name in ("r1", "r2"))
    for folder in (first, second):
        folder.mkdir(parents=True)
    human = Human(Path("listening.json"), [rate(first), rate(second, "blstm2")])
    assert [one.layer for one in human.of(first)] == ["blstm1"]
    assert [one.layer for one in human.of(second)] == ["blstm2"]
    # Of an experiment that is still there, not of another one of its name.
    assert Human(human.path, human.rates[:1]).of(second) == []
    # Without places the name has to do, if it is of one alone.
    told = [rate(first, told=False)]
    assert Human(human.path, told).of(second) == told
    assert Human(human.path, told).of(second, by_name=False) == []
    assert Human(human.path, [*told, rate(second, told=False)]).of(second) == []


def test_an_experiment_that_was_moved_is_found_by_its_name(tmp_path: Path) -> None:
    human = Human(Path("listening.json"), [rate(tmp_path / "old" / "probe_x")])
    moved = tmp_path / "new" / "probe_x"
    moved.mkdir(parents=True)
    assert len(human.of(moved)) == 1
    assert human.of(moved, "other") == []


def test_a_test_in_another_experiment_counts(tmp_path: Path) -> None:
    path = hold_test(tmp_path / "exp" / "probe_a")
    elsewhere = tmp_path / "exp" / "probe_b" / "listening"
    elsewhere.mkdir(parents=True)
    path.rename(elsewhere / "listening.json")
    folder = tmp_path / "exp" / "probe_a"
    tests = HumanTests([folder, elsewhere.parent])
    (found,) = tests.of(folder, "test")
    assert found[0].path == elsewhere / "listening.json"
    assert tests.of(elsewhere.parent, "test") == []
