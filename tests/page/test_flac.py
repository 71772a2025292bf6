"""The table of frames in FLAC files, which browsers need to find a position."""

import io
import struct
from typing import List, Tuple

import numpy as np
import pytest
import soundfile

from espnet_probe.page.flac import with_seek_table

FS = 16000


def flac(samples: int) -> bytes:
    """Return noise as FLAC: every byte may occur in it, those of a frame's head too."""
    file = io.BytesIO()
    wave = np.random.default_rng(samples).normal(size=samples) * 0.1
    soundfile.write(file, wave, FS, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def blocks(content: bytes) -> Tuple[List[Tuple[int, bytes]], int]:
    """Return the kinds and contents of the blocks before the frames, and their end."""
    found, position, last = [], 4, False
    while not last:
        last, kind = bool(content[position] & 0x80), content[position] & 0x7F
        size = int.from_bytes(content[position + 1 : position + 4], "big")
        found.append((kind, content[position + 4 : position + 4 + size]))
        position += 4 + size
    return found, position


# 700 frames: their numbers take one, two and three bytes from 0, 128 and 2048 on.
@pytest.mark.parametrize("samples", [100, 24000, 700 * 4096 + 5])
def test_every_frame_is_in_the_table(samples: int) -> None:
    plain = flac(samples)
    content = with_seek_table(plain)
    found, start = blocks(content)
    assert [kind for kind, _ in found].count(3) == 1 and found[1][0] == 3
    points = list(struct.iter_unpack(">QQH", found[1][1]))
    assert [first for first, _, _ in points] == list(range(0, samples, 4096))
    for _, offset, size in points:
        assert content[start + offset : start + offset + 2] == b"\xff\xf8"
        assert size == 4096
    # Nothing else has changed.
    others = [block for block in found if block[0] != 3]
    before, begin = blocks(plain)
    assert others == before and content[start:] == plain[begin:]
    wave, _ = soundfile.read(io.BytesIO(content))
    assert np.array_equal(wave, soundfile.read(io.BytesIO(plain))[0])
    assert with_seek_table(content) == content


def test_what_is_not_understood_stays() -> None:
    plain = flac(5000)
    for content in (b"", b"RIFF" + plain, plain[:30], plain[:42]):
        assert with_seek_table(content) == content
