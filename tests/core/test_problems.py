# SPDX-License-Identifier: BSD-3-Clause
"""A problem is a line an editor can jump to."""

from __future__ import annotations

from pathlib import Path

from core.problems import Position, Problem, Severity, errors, in_order

FIRST = Problem(Position(Path("a.yaml"), 2, 1), "rule-b", "early")
SECOND = Problem(Position(Path("a.yaml"), 10, 1), "rule-a", "late")
WARNING = Problem(Position(Path("b.yaml")), "rule-c", "soft", severity=Severity.WARNING)


def test_a_problem_reads_like_a_compilers() -> None:
    assert str(FIRST) == "a.yaml:2:1: rule-b: early"


def test_problems_are_sorted_by_place_and_stand_once() -> None:
    assert in_order([WARNING, SECOND, FIRST, SECOND]) == (FIRST, SECOND, WARNING)


def test_a_warning_is_not_an_error() -> None:
    assert errors([FIRST, WARNING]) == (FIRST,)
