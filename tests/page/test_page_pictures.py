"""Pictures of mels: where each value stands and which colour it has."""

import io
import math

import numpy as np
from PIL import Image

from espnet_probe.page import pictures


def pixels(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content))
    assert image.mode == "P"
    return np.asarray(image)


def test_time_goes_right_and_bands_go_up() -> None:
    mel = np.zeros((5, 3), dtype=np.float32)
    mel[4, 0] = 1.0
    shown = pixels(pictures.mel_picture(mel, 0.0, 1.0))
    assert shown.shape == (3, 5)
    assert shown[2, 4] == pictures.MEL_COLOURS - 1
    assert shown.sum() == shown[2, 4]


def test_what_is_out_of_range_has_the_last_colours() -> None:
    mel = np.array([[-100.0, 0.5, 100.0]], dtype=np.float32)
    top = pictures.MEL_COLOURS - 1
    shown = pixels(pictures.mel_picture(mel, 0.0, 1.0))[:, 0]
    assert list(shown) == [top, round(top / 2), 0]
    flat = pixels(pictures.mel_picture(mel * 0, 0.0, 0.0))
    assert (flat == 0).all()


def test_no_difference_is_the_colour_in_the_middle() -> None:
    step = pictures.LOST_DB * math.log(10) / 20
    difference = np.array([[-9 * step, -step, 0.0, step, 9 * step]])
    shown = pixels(pictures.difference_picture(difference))[::-1, 0]
    last = pictures.LOST_COLOURS - 1
    assert list(shown) == [0, 0, last // 2, last, last]
    middle = pictures.colours(pictures.LOST_MAP, pictures.LOST_COLOURS)[last // 2]
    # Nearly white, so that what differs stands out.
    assert all(int(middle[i : i + 2], 16) > 240 for i in (1, 3, 5))
