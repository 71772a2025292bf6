"""Noise for training and noise for the test: disjoint, and the same everywhere."""

import random

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.noise.split import recording, split_files

FILES = [f"noise/free/noise-{n:04d}.wav" for n in range(100)]


@pytest.mark.parametrize("count", [2, 3, 7, 24, 45, 100])
def test_no_file_serves_both(count: int) -> None:
    training, test = split_files(FILES[:count])
    assert not set(training) & set(test)
    assert sorted(training + test) == FILES[:count]
    assert len(test) == max(1, round(count / 4))


def test_order_does_not_matter() -> None:
    shuffled = random.Random(0).sample(FILES, len(FILES))
    assert split_files(shuffled) == split_files(FILES)


def test_the_test_is_not_the_head_of_the_list() -> None:
    _, test = split_files(FILES)
    assert test != FILES[:25] and test != FILES[-25:]


def test_takes_of_a_recording_stay_together() -> None:
    takes = [f"rain-{n}-{t}.wav" for n in range(20) for t in "abc"]
    training, test = split_files(takes)
    assert len(training) + len(test) == 60
    names = [{recording(file) for file in side} for side in (training, test)]
    assert not names[0] & names[1]
    assert recording("x/rain-3-a.wav") == recording("x/rain-3-b.wav") == "x/rain-3"
    assert recording("x/rain-3-a.wav") != recording("y/rain-3-a.wav")
    assert recording("x/rain-3.wav") == "x/rain-3"


def test_both_sides_get_what_they_need() -> None:
    training, test = split_files(FILES[:6], fewest=3)
    assert len(training) == len(test) == 3
    with pytest.raises(ProbeError, match="at least 3 in training and 3 others"):
        split_files(FILES[:5], fewest=3)
    with pytest.raises(ProbeError, match="got 1 files"):
        split_files(["only-a.wav"])
    with pytest.raises(ProbeError, match="of 1 recordings"):
        split_files(["only-a.wav", "only-b.wav"])
