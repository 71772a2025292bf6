"""The same trials everywhere, compared in lists and in tables of scores."""

from pathlib import Path
from typing import List

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.study.shared_trials import check_trials

HEAD = "enrolment,test,label,score\n"
SETS = ("test", "test_snr10")


@pytest.fixture
def folders(tmp_path: Path) -> List[Path]:
    """Two models, two sets: a list of trials, and scores of a layer and a control."""
    made = [tmp_path / name for name in ("one", "two")]
    for number, folder in enumerate(made):
        for name in SETS:
            for row in ("natural", "blstm1"):
                path = folder / name / row / "verification.csv"
                path.parent.mkdir(parents=True)
                scores = f"a,b,target,0.{number}\na,c,nontarget,0.2\n"
                path.write_text(HEAD + scores)
                path.with_suffix(".json").write_text("{}")
            (folder / name / "trials").write_text("a b target\na c nontarget\n")
    return made


def test_equal_trials_are_counted(folders: List[Path]) -> None:
    said = check_trials(folders, SETS, ["blstm1"])
    assert said == (
        "the same trials for all layers, conditions and models, 2 "
        "(compared: 4 lists of trials, 8 tables of scores)"
    )
    (folders[1] / SETS[1] / "natural" / "verification.csv").unlink()
    assert "7 tables of scores; 1 scores have no table)" in check_trials(
        folders, SETS, ["blstm1"]
    )
    assert "not known" in check_trials(folders, ["dev"], ["blstm1"])


@pytest.mark.parametrize(
    "place, text, message",
    [
        ("trials", "a b target\na d nontarget\n", "trial 2 is 'a d nontarget'"),
        ("trials", "a b target\n", "trial 2 is 'none', in .* 'a c nontarget'"),
        ("blstm1/verification.csv", f"{HEAD}b,a,target,1\n", "trial 1 is 'b a target'"),
        ("natural/verification.csv", "score\n0.1\n", "expected columns enrolment"),
    ],
)
def test_another_trial_anywhere_is_refused(
    folders: List[Path], place: str, text: str, message: str
) -> None:
    (folders[1] / SETS[1] / place).write_text(text)
    with pytest.raises(ProbeError, match=f"two/{SETS[1]}/{place}.*{message}"):
        check_trials(folders, SETS, ["blstm1"])


def test_a_layer_that_is_not_shown_does_not_matter(folders: List[Path]) -> None:
    stale = folders[0] / SETS[0] / "blstm9" / "verification.csv"
    stale.parent.mkdir()
    stale.write_text(f"{HEAD}x,y,target,1\n")
    assert "4 lists of trials, 8 tables" in check_trials(folders, SETS, ["blstm1"])
