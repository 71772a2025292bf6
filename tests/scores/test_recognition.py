import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.recognition import (
    WordCounts,
    count_errors,
    validate,
    word_error_rate,
    word_error_rate_interval,
)


@pytest.mark.parametrize(
    "reference, hypothesis, expected",
    [
        ("a b c", "a b c", WordCounts(3, 0, 0, 0)),
        ("a b c", "a x c", WordCounts(3, 1, 0, 0)),
        ("a b c", "a c", WordCounts(3, 0, 1, 0)),
        ("a b c", "a b b c d", WordCounts(3, 0, 0, 2)),
        ("a b c", "", WordCounts(3, 0, 3, 0)),
        ("", "a b", WordCounts(0, 0, 0, 2)),
        ("", "", WordCounts()),
        (" a  b\tc ", "a b C", WordCounts(3, 1, 0, 0)),
    ],
)
def test_count_errors(reference, hypothesis, expected):
    assert count_errors(reference, hypothesis) == expected


def test_rate_is_pooled_from_counts():
    counts = [WordCounts(9, 1, 0, 0), WordCounts(1, 0, 0, 2)]
    # The mean of the two rates would be 105.6 %.
    assert word_error_rate(counts) == pytest.approx(30.0)
    with pytest.raises(ProbeError, match="no reference words"):
        word_error_rate([WordCounts(0, insertions=2)])


def test_ids_must_be_the_same():
    with pytest.raises(ProbeError, match=r"1 without hypothesis \(b\), 0 without"):
        validate({"a": "x", "b": "y"}, {"a": "x"})
    with pytest.raises(ProbeError, match=r"1 without reference \(b\)"):
        validate({"a": "x"}, {"a": "x", "b": "y"})
    with pytest.raises(ProbeError, match="without a word"):
        validate({"a": " "}, {"a": "x"})


def test_interval_over_utterances_and_over_speakers():
    # Ten speakers; half of them are always misheard.
    counts = [WordCounts(4, 4 * (n % 2), 0, 0) for n in range(100)]
    groups = [f"s{n % 10}" for n in range(100)]
    low, high = word_error_rate_interval(counts).as_list()
    low_speakers, high_speakers = word_error_rate_interval(counts, groups).as_list()
    assert low < 50 < high
    assert high_speakers - low_speakers > 2 * (high - low)
    few = word_error_rate_interval(counts, [f"s{n % 3}" for n in range(100)])
    assert few.as_list() is None and "3 speakers" in few.reason
