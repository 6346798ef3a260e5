# SPDX-License-Identifier: BSD-3-Clause
"""The ways to take a licence expression: OR gives a choice, AND does not.

`core.spdx` has said that the expression is valid; this reads only its structure.
"""

from __future__ import annotations

import re

MAX_WAYS = 64
MAX_TOKENS = 200

_TOKEN = re.compile(r"\(|\)|[^\s()]+(?:\s+WITH\s+[^\s()]+)?")
_Ways = list[frozenset[str]]


def choices(expression: str) -> tuple[frozenset[str], ...]:
    """Return the sets of licences, one of which must be accepted as a whole.

    `MIT AND (Apache-2.0 OR GPL-2.0-only WITH X)` gives {MIT, Apache-2.0} and
    {MIT, GPL-2.0-only WITH X}: an exception belongs to its licence. Beyond `MAX_WAYS`, or in an
    expression that nobody would write, every licence is demanded, which is stricter.
    """
    tokens = _TOKEN.findall(expression)
    every = frozenset(tokens) - {"(", ")", "AND", "OR"}
    if len(tokens) > MAX_TOKENS:
        return (every,)
    try:
        ways, _ = _either(tokens, 0)
    except _TooManyError:
        return (every,)
    return tuple(dict.fromkeys(ways))


class _TooManyError(Exception):
    """There are more ways than anybody would look at."""


def _either(tokens: list[str], at: int) -> tuple[_Ways, int]:
    ways, at = _both(tokens, at)
    while at < len(tokens) and tokens[at] == "OR":
        more, at = _both(tokens, at + 1)
        ways = ways + more
    return ways, at


def _both(tokens: list[str], at: int) -> tuple[_Ways, int]:
    ways, at = _one(tokens, at)
    while at < len(tokens) and tokens[at] == "AND":
        more, at = _one(tokens, at + 1)
        if len(ways) * len(more) > MAX_WAYS:
            raise _TooManyError
        ways = [left | right for left in ways for right in more]
    return ways, at


def _one(tokens: list[str], at: int) -> tuple[_Ways, int]:
    if tokens[at] == "(":
        ways, at = _either(tokens, at + 1)
        return ways, at + 1
    return [frozenset({" ".join(tokens[at].split())})], at + 1
