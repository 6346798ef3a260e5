# SPDX-License-Identifier: BSD-3-Clause
"""A fault found in a file a person wrote: where it is, which rule it breaks, how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How bad a problem is: an error stops the work, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text file; line and column count from 1, as editors do."""

    file: Path
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault.

    Args:
        where: its place.
        rule: the rule that it breaks.
        message: what is wrong.
        hint: how to mend it.
        field: the path of the value inside the document, `build.pip.0` for instance.
        severity: whether it stops the work.
        related: other places that it has to do with, and what they are.
        excused: why somebody lets it pass, where somebody does.
    """

    where: Position
    rule: str
    message: str
    hint: str | None = None
    field: str = ""
    severity: Severity = Severity.ERROR
    related: tuple[tuple[Position, str], ...] = ()
    excused: str | None = None

    def __str__(self) -> str:
        """Return the line that compilers taught editors to jump to: `file:line:column: rule: message`."""
        place = self.where
        return f"{place.file}:{place.line}:{place.column}: {self.rule}: {self.message}"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems sorted by file, place and rule, each once."""
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(
            unique,
            key=lambda p: (str(p.where.file), p.where.line, p.where.column, p.rule, p.message),
        )
    )


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems that stop the work."""
    return tuple(p for p in problems if p.severity is Severity.ERROR)


Positions = Mapping[tuple[str | int, ...], Position]
"""The position of every value of a document, by its path; `()` is the document itself."""
