"""The scale that all mel-spectrograms of an utterance share."""

import math

import numpy as np
import pytest

from espnet_probe.report.mels import RANGE_DB, colour_limits


def test_the_loudest_point_of_all_is_the_top() -> None:
    mels = [np.full((3, 4), -2.0, np.float32), np.full((2, 4), -5.0, np.float32)]
    mels[0][1, 2] = 1.5
    low, high = colour_limits(mels)
    assert high == 1.5
    assert 20 * (high - low) / math.log(10) == pytest.approx(RANGE_DB)
