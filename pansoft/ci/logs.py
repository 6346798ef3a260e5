# SPDX-License-Identifier: BSD-3-Clause
"""The lines of a job's log that say why it failed, for somebody who was not there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.hiding import hide

MOST_BYTES = 1_000_000
"""Of a log only so much of its end is looked at."""
_MOST = 40  # lines
_BEFORE = 2  # lines that lead to one that says what went wrong
_LAST = 12  # lines at the end, whatever they say
_CODES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")
# how GitLab folds: section_start:1700000000:name[collapsed=true]\r
_SECTION = re.compile(r"section_(start|end):\d+:[\w.-]+(\[[^\]]*\])?")
# what a runner may put before each line: 2026-11-23T19:00:00.000000Z 00O
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z \d\d[OE]\+? ?")
_TELLING = re.compile(
    r"(?i)\b(error|fatal|failed|failure|refused|cannot|could not|traceback|hint|exception|killed|"
    r"no space left|timed? ?out)\b|^E:|\bnot (built|tested|locked)\b"
)


def relevant(log: str, *, secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the lines that tell what went wrong, in their order, with an ellipsis where some are left out.

    Args:
        log: the whole log, or its end.
        secrets: values that nobody is to read; what looks like a secret is hidden as well.
    """
    lines = _lines(hide(log, values=secrets))
    telling = [number for number, line in enumerate(lines) if _TELLING.search(line)]
    chosen = {
        near
        for number in telling
        for near in range(max(number - _BEFORE, 0), min(number + 2, len(lines)))
    }
    end = set(range(max(len(lines) - _LAST, 0), len(lines)))
    # the first errors say more than those that follow from them
    first = sorted(chosen - end)[: _MOST - len(end)]
    return tuple(_with_gaps(lines, sorted({*first, *end})))


def begun_by(lines: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return those of some names with which a line begins, as ours do: `gemmi: not locked`."""
    known = set(names)
    first = (re.match(r"([a-z0-9-]+(@[\w.+~-]+)?)(:| \d)", line) for line in lines)
    return tuple(dict.fromkeys(found[1] for found in first if found and found[1] in known))


def _lines(log: str) -> list[str]:
    plain = _SECTION.sub("", _CODES.sub("", log.replace("\r\n", "\n")))
    found = (
        # what a carriage return overwrote was progress
        _STAMP.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()
        for line in plain.split("\n")
    )
    return [line for line in found if line]


def _with_gaps(lines: list[str], numbers: list[int]) -> Iterable[str]:
    before = -1
    for number in numbers:
        if number > before + 1:
            yield "…"
        yield lines[number]
        before = number
