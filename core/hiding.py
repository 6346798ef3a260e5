# SPDX-License-Identifier: BSD-3-Clause
"""What looks like a secret, hidden in texts that others read: messages, logs, reports.

A net below those who keep secrets out of texts in the first place: it knows the usual shapes, not all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "***"
_SHAPES = (
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),  # of an address: user:password@
    (re.compile(r"(?i)\b(authorization:\s*\w+|bearer)\s+\S+"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)((?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|signature|credential)\w*)"
            r"(=|[\"']?:(?=\S))[^\s&]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"\b(gl[a-z]{2,5}-|gh[a-z]_|github_pat_|xox[a-z]-|AKIA)[\w-]{8,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?"), HIDDEN),  # a JSON web token
    (re.compile(r"(?i)\b([\w-]*-(?:token|key|auth|secret)):\s*\S+"), rf"\1: {HIDDEN}"),  # a header
    (
        re.compile(
            r"-----BEGIN ([A-Z ]*PRIVATE KEY[A-Z ]*)-----.*?(-----END \1-----|\Z)", re.DOTALL
        ),
        HIDDEN,
    ),
)
_SECRET_NAME = re.compile(r"(?i)token|passw|passphrase|secret|credential|jwt|private|_key$|_key_")
_SHORTEST = 8  # characters: a shorter value is in every text


def hide(text: str, *, values: Iterable[str] = ()) -> str:
    """Return a text without what looks like a secret, and without some values."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def secret_values(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the variables whose names say that they are secret."""
    return frozenset(
        value.strip()
        for name, value in environment.items()
        # the path of a file that holds a secret is none
        if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST and value[0] != "/"
    )
