"""Where the frames of a FLAC file are, written into it, so that browsers can seek.

Chromium 156 finds its place in a FLAC file without a table of its frames by trial, and
for places in the last part of a short file it never comes to an end. libsndfile writes
no such table. With one only the last frame cannot be reached; the page's player knows
that. The format is that of RFC 9639.
"""

import struct
from typing import Iterator, Optional, Tuple

MARKER, STREAMINFO, SEEKTABLE = b"fLaC", 0, 3
#: Begins every frame of a file whose frames have one size.
SYNC = b"\xff\xf8"
#: Bytes after the number of a frame by the codes for its size and its sampling rate.
SIZE_BYTES, RATE_BYTES = {6: 1, 7: 2}, {12: 1, 13: 2, 14: 2}


def with_seek_table(content: bytes) -> bytes:
    """Return a FLAC file with a table of its frames.

    Args:
        content: The file.

    Returns:
        The file as it was if it has a table, or is none whose frames are understood.
    """
    found = _audio_start(content)
    if found is None:
        return content
    start, size = found
    offsets = list(_frames(content, start))
    if not offsets:
        return content
    table = b"".join(
        struct.pack(">QQH", place * size, offset - start, size)
        for place, offset in enumerate(offsets)
    )
    # The table comes after the first block; if that was the last one, it is so now.
    last, end = content[4] & 0x80, 8 + int.from_bytes(content[5:8], "big")
    head = bytes([last | SEEKTABLE]) + len(table).to_bytes(3, "big")
    first = MARKER + bytes([STREAMINFO]) + content[5:end]
    return first + head + table + content[end:]


def _audio_start(content: bytes) -> Optional[Tuple[int, int]]:
    """Return where the frames begin and the samples of one; None if not known."""
    if content[:4] != MARKER or len(content) < 42 or content[4] & 0x7F != STREAMINFO:
        return None
    least, most = struct.unpack(">HH", content[8:12])
    position, last = 4, False
    while not last:
        if position + 4 > len(content):
            return None
        last = bool(content[position] & 0x80)
        if content[position] & 0x7F == SEEKTABLE:
            return None
        position += 4 + int.from_bytes(content[position + 1 : position + 4], "big")
    return (position, most) if least == most and most else None


def _frames(content: bytes, start: int) -> Iterator[int]:
    """Yield where the frames begin, as long as they are found in their order."""
    number, position = 0, start
    while True:
        position = content.find(SYNC, position)
        if position < 0:
            return
        if _is_frame(content, position, number):
            yield position
            number += 1
        position += len(SYNC)


def _is_frame(content: bytes, position: int, number: int) -> bool:
    """Return whether a frame with a number begins here, by its head's checksum."""
    coded = _coded(number)
    if content[position + 4 : position + 4 + len(coded)] != coded:
        return False
    codes = content[position + 2]
    end = position + 4 + len(coded)
    end += SIZE_BYTES.get(codes >> 4, 0) + RATE_BYTES.get(codes & 0x0F, 0)
    return end < len(content) and _crc8(content[position:end]) == content[end]


def _coded(number: int) -> bytes:
    """Return a number as UTF-8 writes it, as the format demands."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc8(content: bytes) -> int:
    """Return the checksum of a frame's head: polynomial x^8 + x^2 + x + 1."""
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1) ^ (0x107 if value & 0x80 else 0)
    return value
