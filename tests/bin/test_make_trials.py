import pytest

from espnet_probe.bin import make_trials
from espnet_probe.errors import ProbeError


def draw(folder, *options, utt2spk="utt2spk"):
    output = folder / "trials"
    make_trials.main(
        ["--utt2spk", str(folder / utt2spk), "--output", str(output), *options]
    )
    return [line.split() for line in output.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    """Two readers, two chapters each, two utterances a chapter."""
    utts = [f"{r}-{c}{r}-{n}" for r in "12" for c in "ab" for n in range(2)]
    (tmp_path / "utt2spk").write_text(
        "".join(f"{utt} {utt.rsplit('-', 1)[0]}\n" for utt in utts)
    )
    (tmp_path / "utt2reader").write_text(
        "".join(f"{utt} {utt.split('-')[0]}\n" for utt in utts)
    )
    return tmp_path


def test_total_number_and_balance(folder):
    trials = draw(folder, "--num_pairs", "8", utt2spk="utt2reader")
    assert sorted(label for _, _, label in trials) == ["nontarget"] * 4 + ["target"] * 4


def test_a_reader_with_two_chapters_is_one_person(folder):
    trials = draw(folder, "--num_pairs", "24", utt2spk="utt2reader")
    for enrolment, test, label in trials:
        assert (label == "target") == (enrolment[0] == test[0])
    across = [t for t in trials if t[0][0] == t[1][0] and t[0][2] != t[1][2]]
    assert across and all(label == "target" for _, _, label in across)


def test_same_seed_same_file_whatever_the_order(folder):
    first = draw(folder, "--num_pairs", "8", "--seed", "3", utt2spk="utt2reader")
    lines = (folder / "utt2reader").read_text().splitlines(keepends=True)
    (folder / "utt2reader").write_text("".join(reversed(lines)))
    again = draw(folder, "--num_pairs", "8", "--seed", "3", utt2spk="utt2reader")
    other = draw(folder, "--num_pairs", "8", "--seed", "4", utt2spk="utt2reader")
    assert first == again != other


def test_too_many_pairs(folder, caplog):
    with pytest.raises(ProbeError, match="utt2spk: .* 4 target and 24 non-target"):
        draw(folder, "--num_pairs", "10")
    assert not (folder / "trials").exists()
    assert len(draw(folder, "--num_pairs", "10", "--at_most")) == 8
    assert "no more than 8 trials" in caplog.text


def test_places_that_cannot_be_written(folder):
    for output, message in (("utt2spk/trials", "is no folder"), ("", "is a folder")):
        with pytest.raises(ProbeError, match=message):
            make_trials.main(
                ["--utt2spk", str(folder / "utt2spk"), "--num_pairs", "8"]
                + ["--output", str(folder / output)]
            )
    assert {path.name for path in folder.iterdir()} == {"utt2spk", "utt2reader"}


def test_bad_files(folder):
    with pytest.raises(ProbeError, match="no file"):
        draw(folder, "--num_pairs", "2", utt2spk="no")
    (folder / "utt2spk").write_text("a s1\nb\n")
    with pytest.raises(ProbeError, match="b has no value"):
        draw(folder, "--num_pairs", "2")
