"""Human listeners in a report: from the file that scoring writes."""

from dataclasses import replace
from pathlib import Path

import pytest
from listening_case import LAYERS, answer_sheet, make_key, write_answers, write_key

from espnet_probe.bin import score_listening_test, simulate_panel
from espnet_probe.report.human import read_human
from espnet_probe.report.human_section import human_sections


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
    sections, notes = human_sections(probe_exp, "test", tmp_path / "figures")
    assert notes == [] and len(sections) == 1
    section = sections[0]
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
    assert human_sections(path.parents[1], "other", tmp_path) == ([], [])
    elsewhere = tmp_path / "exp" / "probe_b" / "listening"
    elsewhere.mkdir(parents=True)
    (elsewhere / "listening.json").write_bytes(path.read_bytes())
    assert human_sections(elsewhere.parent, "test", tmp_path) == ([], [])
    assert human_sections(tmp_path / "exp", "test", tmp_path) == ([], [])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rates": 3}'])
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "listening").mkdir()
    (tmp_path / "listening" / "listening.json").write_text(content, encoding="utf-8")
    sections, notes = human_sections(tmp_path, "test", tmp_path)
    assert sections == [] and notes[0].startswith("listening test: ")


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
    section = human_sections(probe_exp, "test", tmp_path)[0][0]
    assert section.about[0].startswith("SIMULATED")
