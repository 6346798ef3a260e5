# SPDX-License-Identifier: BSD-3-Clause
"""Which of two versions is the older one, by the rules of those who number them.

Debian's order is the policy's (dpkg, through python-debian), Python's is PEP 440 (through packaging),
npm's is Semantic Versioning 2.0. What a scheme cannot read has no order: the answer is None and not
a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from debian.debian_support import NativeVersion
from packaging.version import InvalidVersion, Version

_SEMANTIC: Final = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_READABLE: Final = re.compile(r"[!-~]{1,200}")


class Scheme(StrEnum):
    """How versions are numbered."""

    DEBIAN = "debian"
    PYTHON = "python"
    SEMANTIC = "semantic"


def compare(left: str, right: str, scheme: Scheme) -> int | None:
    """Return -1, 0 or 1 as `left` is older than, equal to or newer than `right`; None if unknown."""
    if not _READABLE.fullmatch(left) or not _READABLE.fullmatch(right):
        return None
    read = _READERS[scheme]
    one, other = read(left), read(right)
    if one is None or other is None:
        return None
    return int(one > other) - int(one < other)


def compare_releases(left: str, right: str) -> int | None:
    """Return the order of two versions of a package of ours, which are numbered as upstream does.

    By PEP 440 where both can be read so, because then `1.0rc1` is older than `1.0`; else by
    Debian's order, which can read nearly everything.
    """
    found = compare(left, right, Scheme.PYTHON)
    return compare(left, right, Scheme.DEBIAN) if found is None else found


def _debian(text: str) -> Any | None:  # Any: python-debian has no types
    try:
        return NativeVersion(text)
    except ValueError:
        return None


def _python(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _semantic(text: str) -> tuple[object, ...] | None:
    found = _SEMANTIC.fullmatch(text)
    if found is None:
        return None
    before = found[4]
    parts = tuple(_semantic_part(part) for part in before.split(".")) if before else ()
    # A version is newer than what came before it: 1.0.0-rc.1 < 1.0.0.
    return (int(found[1]), int(found[2]), int(found[3]), before is None, parts)


def _semantic_part(text: str) -> tuple[int, int, str]:
    """Return a part of what comes before a release: numbers by value, and before all words."""
    return (0, int(text), "") if text.isascii() and text.isdigit() else (1, 0, text)


_READERS: Final[dict[Scheme, Callable[[str], Any]]] = {
    Scheme.DEBIAN: _debian,
    Scheme.PYTHON: _python,
    Scheme.SEMANTIC: _semantic,
}
