"""What is missing is put together by place, and reasons are not repeated."""

from espnet_probe.study.gaps import Gaps

ROWS = ("cnn1", "cnn2", "blstm1")


def test_conditions_that_lack_the_same_are_one_line() -> None:
    gaps = Gaps()
    for condition in ("clean", "snr10"):
        for row in reversed(ROWS):
            gaps.add("STOI", condition, row, "no file")
    gaps.add("STOI", "snr0", "cnn2", "no file")
    gaps.add("EER", "snr0", "cnn2", "")
    assert gaps.notes(ROWS, "any layer") == [
        "clean, snr10: no STOI of any layer: no file",
        "snr0: no STOI of cnn2: no file",
        "snr0: no EER of cnn2: no reason is given",
    ]
    assert "of cnn1, cnn2, blstm1: no file" in gaps.notes(ROWS)[0]


def test_many_reasons_are_counted() -> None:
    gaps = Gaps()
    for number, row in enumerate(ROWS):
        gaps.add("EER", "clean", row, f"broken at {number}")
    (note,) = gaps.notes(ROWS)
    assert note.endswith("blstm1: broken at 0; broken at 1; and 1 more reasons")


def test_nothing_missing_is_not_told() -> None:
    assert Gaps().notes(ROWS) == []
