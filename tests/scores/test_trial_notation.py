import time

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_notation import (
    count_repeated,
    parse_trials,
    with_known_names,
)
from espnet_probe.scores.trials import Trial

EXPECTED = [Trial("a", "b", True), Trial("c", "d", False)]


@pytest.mark.parametrize(
    "lines",
    [
        ["a b target", "c d nontarget"],
        ["1 a b", "0 c d"],
        ["a*b 1", "c*d 0"],
        ["", "1\ta  b\n", " \n", " 0 c d "],
    ],
)
def test_notations_give_the_same_trials(lines):
    assert parse_trials(lines) == EXPECTED
    assert parse_trials(str(trial) + "\n" for trial in EXPECTED) == EXPECTED


def test_names_may_look_like_labels():
    assert parse_trials(["1 0 target"]) == [Trial("1", "0", True)]
    assert parse_trials(["0 1 0"]) == [Trial("1", "0", False)]
    assert parse_trials(["1*0 1"]) == [Trial("1", "0", True)]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["a b"], "line 1: got 'a b', expected 'enrolment test target|nontarget', "),
        (["a b target", "", "a c 1"], "line 3: got 'a c 1'"),
        (["a b yes"], "line 1: got 'a b yes'"),
        (["2 a b"], "line 1: got '2 a b'"),
        (["a*b*c 1"], "line 1: got"),
        (["*b 1"], "line 1: got"),
        (["a b target", "1 a c"], "line 1 is in Kaldi's .* line 2 .'1 a c'. in VoxC"),
        (["", "0 a c", "a*d 1"], "line 2 is in VoxCeleb's .* line 3 .* in ESPnet's"),
        (["a*b 1", "a*c 0", "a d target"], "line 1 is in ESPnet's .* line 3 .* Kaldi"),
        (["a a target"], "line 1: a is compared with itself"),
        (["1 b c", "0 a a"], "line 2: a is compared with itself"),
        (["a b target", "b a target"], "line 2: the pair a b is repeated"),
        (["", "  "], "no trials"),
    ],
)
def test_malformed_lines_are_refused(lines, message):
    with pytest.raises(ProbeError, match=message) as error:
        parse_trials(lines)
    assert "\n" not in str(error.value)


def test_published_lists_may_repeat_pairs():
    trials = parse_trials(["1 a b", "1 b a", "0 a c", "1 a b"])
    assert [trial.enrolment for trial in trials] == ["a", "b", "a", "a"]
    assert count_repeated(trials) == 2


def test_file_names_become_the_names_of_the_data():
    listed = parse_trials(
        ["1 id1/x/01.wav id1/x/02.wav", "0 id1/x/01.wav id2/y/03.wav"]
    )
    plain = ["id1/x/01", "id1/x/02", "id2/y/03"]
    for known in (
        [f"{name}.wav" for name in plain],
        plain,
        [name.replace("/", "-") for name in plain],
    ):
        named = with_known_names(listed, known)
        assert named == [
            Trial(known[0], known[1], True),
            Trial(known[0], known[2], False),
        ]
    # Two of three are not enough; nothing is guessed then.
    assert with_known_names(listed, plain[:2]) == listed


def test_two_files_do_not_become_one_utterance():
    for first, second in (("a/b.wav", "a/b.flac"), ("a/b-c.wav", "a-b/c.wav")):
        listed = parse_trials([f"1 {first} {second}"])
        assert with_known_names(listed, ["a/b", "a-b-c"]) == listed


def test_long_lists_take_no_time():
    lines = [f"{n % 2} u{n} v{n}\n" for n in range(200_000)]
    start = time.process_time()
    assert len(parse_trials(lines)) == 200_000
    assert time.process_time() - start < 1.5
