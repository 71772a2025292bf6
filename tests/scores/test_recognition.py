import random
from typing import List, Sequence

import jiwer
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.recognition import (
    EditCounts,
    check_words,
    count_character_errors,
    count_errors,
    error_rate,
    error_rate_interval,
    validate,
)


@pytest.mark.parametrize(
    "reference, hypothesis, expected",
    [
        ("a b c", "a b c", EditCounts(3, 0, 0, 0)),
        ("a b c", "a x c", EditCounts(3, 1, 0, 0)),
        ("a b c", "a c", EditCounts(3, 0, 1, 0)),
        ("a b c", "a b b c d", EditCounts(3, 0, 0, 2)),
        ("a b c", "", EditCounts(3, 0, 3, 0)),
        ("", "a b", EditCounts(0, 0, 0, 2)),
        ("", "", EditCounts()),
        (" a  b\tc ", "a b C", EditCounts(3, 1, 0, 0)),
    ],
)
def test_count_errors(reference, hypothesis, expected):
    assert count_errors(reference, hypothesis) == expected


def test_rate_is_pooled_from_counts():
    counts = [EditCounts(9, 1, 0, 0), EditCounts(1, 0, 0, 2)]
    # The mean of the two rates would be 105.6 %.
    assert error_rate(counts) == pytest.approx(30.0)
    with pytest.raises(ProbeError, match="no reference words"):
        error_rate([EditCounts(0, insertions=2)])


def test_ids_must_be_the_same():
    with pytest.raises(ProbeError, match=r"1 without hypothesis \(b\), 0 without"):
        validate({"a": "x", "b": "y"}, {"a": "x"})
    with pytest.raises(ProbeError, match=r"1 without reference \(b\)"):
        validate({"a": "x"}, {"a": "x", "b": "y"})
    with pytest.raises(ProbeError, match="without a word"):
        validate({"a": " "}, {"a": "x"})


def test_interval_over_utterances_and_over_speakers():
    # Ten speakers; half of them are always misheard.
    counts = [EditCounts(4, 4 * (n % 2), 0, 0) for n in range(100)]
    groups = [f"s{n % 10}" for n in range(100)]
    low, high = error_rate_interval(counts).as_list()
    low_speakers, high_speakers = error_rate_interval(counts, groups).as_list()
    assert low < 50 < high
    assert high_speakers - low_speakers > 2 * (high - low)
    few = error_rate_interval(counts, [f"s{n % 3}" for n in range(100)])
    assert few.as_list() is None and "3 speakers" in few.reason


def edit_distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Fill the table of Wagner and Fischer."""
    row: List[int] = list(range(len(hypothesis) + 1))
    for above, wanted in enumerate(reference, start=1):
        last, row[0] = row[0], above
        for place, found in enumerate(hypothesis, start=1):
            cost = last + (wanted != found)
            last, row[place] = row[place], min(cost, row[place] + 1, row[place - 1] + 1)
    return row[-1]


@pytest.mark.parametrize(
    "reference, hypothesis, expected",
    [
        ("a b", "a b", EditCounts(3, 0, 0, 0)),
        # The space is a character of its own.
        ("a b", "ab", EditCounts(3, 0, 1, 0)),
        ("ab", "a b", EditCounts(2, 0, 0, 1)),
        # How many there are between two words does not count.
        (" a \t b ", "a b", EditCounts(3, 0, 0, 0)),
        ("a b", " ", EditCounts(3, 0, 3, 0)),
        ("", "ab", EditCounts(0, 0, 0, 2)),
        ("MAN", "man", EditCounts(3, 3, 0, 0)),
    ],
)
def test_count_character_errors(reference, hypothesis, expected):
    assert count_character_errors(reference, hypothesis) == expected


def test_counts_are_those_of_two_other_implementations():
    draw = random.Random(0)
    pairs = []
    for _ in range(200):
        texts = [
            " ".join(
                "".join(draw.choices("abc", k=draw.randint(1, 4)))
                for _ in range(draw.randint(1, 6))
            )
            for _ in range(2)
        ]
        pairs.append(texts)
        words, characters = count_errors(*texts), count_character_errors(*texts)
        assert words.errors == edit_distance(*(text.split() for text in texts))
        assert characters.errors == edit_distance(*texts)
        for count, (reference, hypothesis) in (
            (words, [len(text.split()) for text in texts]),
            (characters, [len(text) for text in texts]),
        ):
            assert count.units == reference
            assert count.insertions - count.deletions == hypothesis - reference
    wanted, found = [list(texts) for texts in zip(*pairs)]
    rates = (
        error_rate([count_errors(*texts) for texts in pairs]),
        error_rate([count_character_errors(*texts) for texts in pairs]),
    )
    theirs = (jiwer.wer(wanted, found), jiwer.cer(wanted, found))
    assert rates == pytest.approx([100 * rate for rate in theirs], rel=1e-12)


def test_character_rate_and_its_interval():
    # Every second of 20 speakers says one of the two letters wrongly.
    counts = [count_character_errors("ab", "ab" if n % 2 else "xb") for n in range(40)]
    groups = [f"s{n % 20}" for n in range(40)]
    assert error_rate(counts) == pytest.approx(25.0)
    low, high = error_rate_interval(counts, groups).as_list()
    assert low < 25 < high


def test_references_need_a_word():
    check_words({"a": "", "b": "x"})
    with pytest.raises(ProbeError, match="2 references without a word"):
        check_words({"a": "", "b": " "})
