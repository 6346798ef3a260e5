# SPDX-License-Identifier: BSD-3-Clause
"""Problems as people read them: place and sentence, the line itself, the hint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.problems import Problem, Severity, in_order
from core.reports.places import shown_path

_READ_AT_MOST = 1 << 20
_SHOWN_WIDTH = 96


def text(problems: Sequence[Problem], *, root: Path | None = None) -> str:
    """Return the problems as people read them: place and sentence, the line itself, the hint."""
    base = root or Path.cwd()
    ordered = in_order(problems)
    lines = {file: _lines(file) for file in {problem.where.file for problem in ordered}}
    return "\n".join(_paragraph(problem, base, lines[problem.where.file]) for problem in ordered)


def _lines(file: Path) -> list[str]:
    """Return the lines of a file that may be missing, huge or no text at all; of a link none."""
    if file.is_symlink():  # it could lead to what nobody meant to show
        return []
    try:
        with file.open("rb") as stream:
            raw = stream.read(_READ_AT_MOST)
    except OSError:
        return []
    return raw.decode("utf-8", "replace").split("\n")


def _paragraph(problem: Problem, root: Path, source: Sequence[str]) -> str:
    where = problem.where
    warning = "warning: " if problem.severity is Severity.WARNING else ""
    warning = "waived: " if problem.excused is not None else warning
    place = f"{shown_path(where.file, root)}:{where.line}:{where.column}"
    lines = [f"{place}: {warning}{problem.rule}: {_printable(problem.message)}"]
    lines += _excerpt(problem, source)
    if problem.hint:
        lines.append(f"    hint: {_printable(problem.hint)}")
    return "\n".join(lines)


def _excerpt(problem: Problem, source: Sequence[str]) -> list[str]:
    """Return the line the problem is in with a caret under its place, or nothing."""
    where = problem.where
    if where.line > len(source):
        return []
    line = source[where.line - 1]
    start = max(0, where.column - 1 - _SHOWN_WIDTH // 2) if len(line) > _SHOWN_WIDTH else 0
    part = _printable(line[start : start + _SHOWN_WIDTH]).rstrip()
    if not part.strip():
        return []
    number = str(where.line)
    margin = " " * len(number)
    caret = " " * (where.column - 1 - start) + "^"
    return [f"    {number} | {part}", f"    {margin} | {caret}"]


def _printable(line: str) -> str:
    """Return a text that a terminal shows as it is, one column a character."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for char in line.replace("\t", " ")
    )
