"""Noise for training and noise for the test: disjoint, and the same everywhere."""

import random
from pathlib import Path

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


@pytest.mark.parametrize("count", range(3, 12))
def test_parts_of_a_piece_stay_together(count: int) -> None:
    parts = [f"music/piano/bwv846_{part}.wav" for part in "abcd"]
    others = [f"music/piano/walk_{n}.wav" for n in range(count)]
    training, test = split_files(parts + others)
    assert len(set(parts) & set(training)) in (0, 4)
    assert sorted(training + test) == sorted(parts + others)


@pytest.mark.parametrize(
    "file",
    [
        *(
            "music/fma/music-fma-0001.wav",
            "music/fma-western-art/music-fma-wa-0002.wav",
        ),
        *("music/hd-classical/music-hd-0003.wav", "music/rfm/music-rfm-0004.wav"),
        *("music/jamendo/music-jamendo-0005.wav", "noise/x/noise-sound-bible-0006.wav"),
        *(
            "noise/free-sound/noise-free-sound-0007.wav",
            "music/game/game-hr3_caves.wav",
        ),
        *("speech/librivox/speech-librivox-0008.wav", "music/piano/piano-walk_0.wav"),
        *("speech/us-gov/speech-us-gov-0009.wav", "speech/librivox/32-21625-0000.wav"),
    ],
)
def test_other_names_are_recordings_of_their_own(file: str) -> None:
    assert recording(file) == file[: -len(".wav")]


def test_the_miniature_corpus(shared_data: Path) -> None:
    for folder in ("music", "noise", "speech"):
        found = (shared_data / "musan" / folder).rglob("*.wav")
        files = [path.relative_to(shared_data / "musan").as_posix() for path in found]
        training, test = split_files(files)
        assert not {recording(f) for f in training} & {recording(f) for f in test}
        # Joined are the takes alone: no fewer recordings than names without letters.
        assert len({recording(file) for file in files}) > 0.9 * len(files)
        assert 0.2 < len(test) / len(files) < 0.4


def test_both_sides_get_what_they_need() -> None:
    training, test = split_files(FILES[:6], fewest=3)
    assert len(training) == len(test) == 3
    with pytest.raises(ProbeError, match="at least 3 in training and 3 others"):
        split_files(FILES[:5], fewest=3)
    with pytest.raises(ProbeError, match="got 1 files"):
        split_files(["only-a.wav"])
    with pytest.raises(ProbeError, match="of 1 recordings"):
        split_files(["only-a.wav", "only-b.wav"])
