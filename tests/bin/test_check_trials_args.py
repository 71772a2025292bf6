"""What is wrong with options of trials is said before anything is done with them."""

from pathlib import Path

import pytest

from espnet_probe.bin import check_trials_args, make_trials
from espnet_probe.errors import ProbeError


def test_the_file_of_genders_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_trials_args.main(["--balanced"])
    assert capsys.readouterr().out == ""
    path = tmp_path / "spk2gender"
    check_trials_args.main(["--gender", str(path), "--at_most"])
    path.write_text("a f\nb m\n")
    check_trials_args.main(["--gender", str(path)])
    assert capsys.readouterr().out == f"{path}\n" * 2
    path.write_text("a\n")
    with pytest.raises(ProbeError, match="spk2gender: a has no value"):
        check_trials_args.main(["--gender", str(path)])


@pytest.mark.parametrize(
    "words", [["--none"], ["--gender"], ["words"], ["--seed", "1"], ["--output", "x"]]
)
def test_what_the_stage_would_not_take_is_one_line(words: list[str]) -> None:
    with pytest.raises(ProbeError, match="^--trials_args: .*; expected --gender FILE"):
        check_trials_args.main(words)


def test_whatever_passes_is_an_option_of_make_trials() -> None:
    known = make_trials.get_parser().parse_args(
        ["--utt2spk", "u", "--num_pairs", "2", "--output", "o"]
    )
    own = vars(check_trials_args.get_parser().parse_args([]))
    assert own and own.items() <= vars(known).items()
