# SPDX-License-Identifier: BSD-3-Clause
r"""Names of files as mtree(5) writes them: ASCII, without blanks, any other byte as three octal digits.

A name in a tree is bytes: it may hold a newline or be no UTF-8, and JSON cannot say that. mtree's
way can, is one word of a line, and BSD's mtree and libarchive read it. Only one spelling of a name is taken
back, so that two lines cannot mean one file.
"""

from __future__ import annotations

import os
import re
import string

_PLAIN = frozenset((string.ascii_letters + string.digits + "!\"$%&'()+,-./:;<>@^_`{|}~").encode())
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2})")


class NotAName(ValueError):
    """The text is not the one spelling of a name."""


def encode(name: str) -> str:
    """Return the text of a name; what is no UTF-8 in it is as `os.fsdecode` gives it."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in os.fsencode(name))


def decode(text: str) -> str:
    """Return the name of a text.

    Raises:
        NotAName: `encode` does not write this.
    """
    try:
        raw = _ESCAPED.sub(lambda found: bytes((int(found[1], 8),)), text.encode("ascii"))
    except UnicodeEncodeError as err:
        raise NotAName(f"{text[:80]!r} is not ASCII") from err
    name = os.fsdecode(raw)
    if encode(name) != text:
        raise NotAName(f"{text[:80]!r} is not how a name is written")
    return name
