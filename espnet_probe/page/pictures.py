"""Mel-spectrograms and differences of them as small pictures with few colours."""

import io
import math
from typing import List, Tuple

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from espnet_probe.report.mels import Mel

#: Decibels of one unit of a natural-log magnitude.
DB = 20 / math.log(10)
#: The largest difference that is told from larger ones, in dB.
LOST_DB = 20.0

MEL_MAP, LOST_MAP = "magma", "RdBu_r"
#: Few colours make small files: steps of about 1 dB. Of a difference an odd number, so
#: that none is the colour in the middle.
MEL_COLOURS, LOST_COLOURS = 64, 41


def colours(name: str, number: int) -> List[str]:
    """Return colours of a map from its low to its high end, as ``#rrggbb``.

    Args:
        name: A map of matplotlib.
        number: How many.
    """
    return [
        "#" + "".join(f"{value:02x}" for value in rgb) for rgb in _palette(name, number)
    ]


def _palette(name: str, number: int) -> List[Tuple[int, ...]]:
    shades = colormaps[name](np.linspace(0.0, 1.0, number))[:, :3]
    return [tuple(int(v) for v in (255 * rgb).round()) for rgb in shades]


_FLAT = {
    name: [value for rgb in _palette(name, number) for value in rgb]
    for name, number in ((MEL_MAP, MEL_COLOURS), (LOST_MAP, LOST_COLOURS))
}


def mel_picture(mel: Mel, low: float, high: float) -> bytes:
    """Return the picture of a mel, one pixel per frame and band, low bands below.

    Args:
        mel: ``(frames, bands)``, natural-log magnitudes.
        low: That of the darkest colour.
        high: That of the brightest colour.

    Returns:
        A PNG with a palette.
    """
    shade = (mel - low) / max(high - low, 1e-6)
    return _png(shade, MEL_MAP, MEL_COLOURS)


def difference_picture(difference: NDArray[np.floating]) -> bytes:
    """Return the picture of a difference of mels, from blue over white to red.

    Args:
        difference: ``(frames, bands)``, of natural-log magnitudes.

    Returns:
        A PNG with a palette; blue is ``-LOST_DB`` and less, red ``LOST_DB`` and more.
    """
    shade = 0.5 + difference * (DB / (2 * LOST_DB))
    return _png(shade, LOST_MAP, LOST_COLOURS)


def _png(shade: NDArray[np.floating], name: str, number: int) -> bytes:
    steps = np.clip(np.rint(shade.T[::-1] * (number - 1)), 0, number - 1)
    image = Image.fromarray(np.ascontiguousarray(steps.astype(np.uint8)), mode="P")
    image.putpalette(_FLAT[name])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=9)
    return buffer.getvalue()
