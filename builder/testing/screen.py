# SPDX-License-Identifier: BSD-3-Clause
"""The picture of a virtual screen as PNG: Xvfb keeps its screen in a file, as X11 window dump.

The dump is XWDFile.h of the X11 protocol headers, version 7: 25 big-endian 32-bit numbers, the
screen's name, the colour map of 12 bytes an entry, the pixels. PNG is W3C REC-png, colour type 2.
"""

from __future__ import annotations

import struct
import zlib

_HEADER = struct.Struct(">25I")
_VERSION = 7
_Z_PIXMAP = 2
_MOST_PIXELS = 64_000_000
_COLOURS = (0xFF0000, 0xFF00, 0xFF)


def as_png(dump: bytes) -> bytes | None:
    """Return the picture of a dump of 24-bit colours in 32 bits; None if it is not one."""
    try:
        header = _HEADER.unpack_from(dump)
    except struct.error:
        return None
    size, version, form, _, width, height, _, low_byte_last = header[:8]
    bits, line = header[11:13]
    colours, entries = header[14:17], header[19]
    pixels = size + 12 * entries
    fits = 0 < 4 * width <= line and height > 0 and width * height <= _MOST_PIXELS
    if (version, form, bits, colours) != (_VERSION, _Z_PIXMAP, 32, _COLOURS) or not fits:
        return None
    if len(dump) < pixels + line * height:
        return None
    red, green, blue = (1, 2, 3) if low_byte_last else (2, 1, 0)
    rows = []
    for row in range(height):
        begin = pixels + row * line
        source = dump[begin : begin + 4 * width]
        target = bytearray(3 * width)
        target[0::3], target[1::3], target[2::3] = source[red::4], source[green::4], source[blue::4]
        rows.append(b"\0" + bytes(target))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
