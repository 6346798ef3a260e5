# SPDX-License-Identifier: BSD-3-Clause
"""Texts of strangers as a terminal, a log and a page may show them: each character is only itself.

What a script printed can move the cursor, rewrite what stands above it, fold what follows in the log of a
pipeline, or turn a name around. Nothing of that is left; colours go as well.
"""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")


def harmless(text: str) -> str:
    """Return a text without control sequences and what hides or reorders others; lines stay lines."""
    lines = _SEQUENCES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if lines.isascii() and lines.isprintable():
        return lines
    return "".join(
        each
        for each in lines
        if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf", "Cs")
    )
