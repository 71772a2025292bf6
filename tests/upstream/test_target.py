"""The target mel that fits a model."""

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.target import target_config


@pytest.mark.parametrize(
    "fs, strides, hop",
    [
        (16000, [128, 512], 128),  # ESPnet's default front end: its own 8 ms
        (16000, [160, 640], 160),
        (16000, [320, 320], 160),  # wav2vec 2.0: half of its 20 ms
        (16000, [200, 600, 1000], 200),  # odd strides of a 12.5 ms front end
        (16000, [2560], 160),
        (16000, [256, 768], 128),
        (8000, [80, 320], 80),
        (16000, [317, 951], 317),  # a prime: one state is one long frame
        (44100, [441, 1764], 441),
        (48000, [480], 480),
    ],
)
def test_the_longest_shift_that_divides_all_strides(fs, strides, hop):
    config = target_config(None, fs, strides)
    assert config.hop_length == hop
    assert config.win_length == round(0.05 * fs) <= config.n_fft
    assert all(stride % hop == 0 for stride in strides)


def test_strides_without_a_common_frame_are_refused():
    with pytest.raises(ProbeError, match=r"\[100, 320\] samples .* multiples of 20"):
        target_config(None, 16000, [320, 100])
