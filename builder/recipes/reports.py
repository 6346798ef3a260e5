# SPDX-License-Identifier: BSD-3-Clause
"""Problems as texts: for people, for programs, for GitLab's merge requests, for SARIF viewers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from core.canonical import readable_json
from core.problems import Problem, Severity, in_order

_READ_AT_MOST = 1 << 20
_SHOWN_WIDTH = 96
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    """Whom a report is for."""

    TEXT = "text"
    JSON = "json"
    GITLAB = "gitlab"
    SARIF = "sarif"


def render(problems: Sequence[Problem], form: Format, *, root: Path | None = None) -> str:
    """Return the problems in one of the formats.

    Paths are shown relative to `root`, by default to the current folder, so that they can be pasted.
    """
    root = root or Path.cwd()
    match form:
        case Format.TEXT:
            return text(problems, root=root)
        case Format.JSON:
            return readable_json(as_json(problems, root=root))
        case Format.GITLAB:
            return readable_json(gitlab(problems, root=root))
        case Format.SARIF:
            return readable_json(sarif(problems, root=root))
        case _:
            assert_never(form)


def text(problems: Sequence[Problem], *, root: Path | None = None) -> str:
    """Return the problems as people read them: place and sentence, the line itself, the hint."""
    base = root or Path.cwd()
    ordered = in_order(problems)
    lines = {file: _lines(file) for file in {problem.where.file for problem in ordered}}
    return "\n".join(_paragraph(problem, base, lines[problem.where.file]) for problem in ordered)


def _lines(file: Path) -> list[str]:
    """Return the lines of a file that may be missing, huge or no text at all."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(_READ_AT_MOST)
    except OSError:
        return []
    return raw.decode("utf-8", "replace").split("\n")


def _paragraph(problem: Problem, root: Path, source: Sequence[str]) -> str:
    where = problem.where
    warning = "warning: " if problem.severity is Severity.WARNING else ""
    place = f"{shown_path(where.file, root)}:{where.line}:{where.column}"
    lines = [f"{place}: {warning}{problem.rule}: {_printable(problem.message)}"]
    lines += _excerpt(problem, source)
    if problem.hint:
        lines.append(f"    hint: {_printable(problem.hint)}")
    return "\n".join(lines)


def shown_path(file: Path, root: Path) -> str:
    """Return how a report names a file: relative to `root` if it lies below it."""
    absolute = file if file.is_absolute() else Path.cwd() / file
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return file.as_posix()


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


def as_json(problems: Sequence[Problem], *, root: Path) -> dict[str, Any]:
    """Return the problems for programs; the format's version is in `schema`."""
    return {
        "schema": 1,
        "problems": [
            {
                "file": shown_path(problem.where.file, root),
                "line": problem.where.line,
                "column": problem.where.column,
                "field": problem.field,
                "rule": problem.rule,
                "severity": problem.severity.value,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in in_order(problems)
        ],
    }


def gitlab(problems: Sequence[Problem], *, root: Path) -> list[dict[str, Any]]:
    """Return GitLab's Code Quality report, which marks the lines of a merge request.

    A fingerprint does not depend on the line, so that a problem stays the same one when lines
    above it change.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    report = []
    for problem in in_order(problems):
        path = shown_path(problem.where.file, root)
        same = (path, problem.rule, problem.field, problem.message)
        seen[same] += 1
        identity = "\0".join((*same, str(seen[same])))
        report.append(
            {
                "description": _sentence(problem),
                "check_name": problem.rule,
                "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
                "severity": "major" if problem.severity is Severity.ERROR else "minor",
                "location": {"path": path, "lines": {"begin": problem.where.line}},
            }
        )
    return report


def sarif(problems: Sequence[Problem], *, root: Path) -> dict[str, Any]:
    """Return the problems as SARIF 2.1.0, which editors and code hosts show."""
    ordered = in_order(problems)
    rules = sorted({problem.rule for problem in ordered})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "pansoft", "rules": [{"id": rule} for rule in rules]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, rules, root) for problem in ordered],
            }
        ],
    }


def _result(problem: Problem, rules: Sequence[str], root: Path) -> dict[str, Any]:
    where = problem.where
    return {
        "ruleId": problem.rule,
        "ruleIndex": rules.index(problem.rule),
        "level": problem.severity.value,
        "message": {"text": _sentence(problem)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": shown_path(where.file, root)},
                    "region": {"startLine": where.line, "startColumn": where.column},
                }
            }
        ],
    }


def _sentence(problem: Problem) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message
