"""The command that scores people's answers: what it says, writes and refuses."""

import csv
import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from listening_case import (
    LAYERS,
    answer_sheet,
    document_of,
    make_key,
    words_of_figure,
    write_answers,
    write_key,
)

from espnet_probe.bin.score_listening_test import main
from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import Answers

KEY = make_key(num_sheets=1, per_layer=5)
WRONG = [i.item for i in KEY.sheets[1] if i.layer == "blstm5"][:2]


def people(number: int) -> List[Answers]:
    return [
        replace(
            answer_sheet(KEY, 1, f"p{one}", WRONG if one == 0 else ()),
            started=f"2026-02-{one + 1:02d}T10:00:00Z",
            finished=f"2026-02-{one + 1:02d}T10:15:00Z",
        )
        for one in range(number)
    ]


def test_answers_are_scored_beside_the_key(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = write_key(KEY, tmp_path)
    folder = write_answers(tmp_path / "answers", *people(6))
    edited = document_of(answer_sheet(KEY, 1, "cheat", WRONG))
    edited["answers"][0]["milliseconds"] = 1
    (folder / "edited.json").write_text(json.dumps(edited), encoding="utf-8")
    (folder / "notes.txt").write_text("thanks!", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        main(["--key", str(path), "--answers", str(folder), "--num_bootstrap", "200"])
    assert "left out: edited.json: edited" in caplog.text
    assert "left out: notes.txt: not JSON" in caplog.text
    content = json.loads((tmp_path / "listening.json").read_text(encoding="utf-8"))
    assert [one["file"] for one in content["files"]["refused"]] == [
        "edited.json",
        "notes.txt",
    ]
    assert content["simulated"] == [] and content["config"]["bootstrap"]["seed"] == 0
    assert "score_listening_test --key" in content["config"]["command"]
    with (tmp_path / "listening.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6 * len(KEY.sheets[1])
    drawn = words_of_figure(tmp_path / "listening.json")
    assert {*LAYERS, "listeners", "ge2e, same triplets"} <= drawn
    assert (tmp_path / "listening.png").stat().st_size > 1000
    assert (tmp_path / "listening.pdf").read_bytes().startswith(b"%PDF")
    printed = capsys.readouterr().out
    assert "chance 50 %" in printed and "SIMULATED" not in printed
    line = next(one for one in printed.splitlines() if one.startswith("blstm5"))
    # 2 of 30 answers are wrong.
    assert line.split()[1] == "6.7" and line.split()[4:7] == ["30", "6", "5"]


def test_names_and_words_that_no_file_can_hold_stop_nothing(tmp_path: Path) -> None:
    path = write_key(KEY, tmp_path)
    odd = replace(
        answer_sheet(KEY), simulated="a \ud800 \x1b[31m robot", agent="\udfff"
    )
    folder = write_answers(tmp_path / "answers", odd)
    for name in (b"not \xff text.json", b"not \xfe text.json", b"two\nlines.json"):
        (Path(os.fsdecode(bytes(folder) + b"/" + name))).write_bytes(b"?")
    main(["--key", str(path), "--answers", str(folder), "--simulated"])
    path = tmp_path / "simulated" / "listening.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["simulated"] == ["a ? ?[31m robot"]
    assert [one["file"] for one in content["files"]["refused"]] == [
        "not ? text.json",
        "not ? text.json",
        "two?lines.json",
    ]


def test_the_same_answers_give_the_same_file(tmp_path: Path) -> None:
    path = write_key(KEY, tmp_path)
    folder = write_answers(tmp_path / "answers", *people(5))
    texts = []
    for _ in range(2):
        main(["--key", str(path), "--answers", str(folder), "--num_bootstrap", "100"])
        texts.append((tmp_path / "listening.json").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_an_error_is_one_line_without_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "espnet_probe.bin.score_listening_test"]
    command += ["--key", str(tmp_path / "no.json"), "--answers", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("score_listening_test: error: no key at")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "options, said",
    [
        (["--num_bootstrap", "5"], "--num_bootstrap"),
        (["--max_failed_attention", "-1"], "--max_failed_attention"),
        (["--answers", "nothing"], "is not there"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, options: List[str], said: str
) -> None:
    path = write_key(KEY, tmp_path)
    folder = write_answers(tmp_path / "answers", *people(1))
    with pytest.raises(ProbeError, match=said):
        main(["--key", str(path), "--answers", str(folder), *options])
    assert not (tmp_path / "listening.json").exists()
