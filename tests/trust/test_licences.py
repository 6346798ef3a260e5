# SPDX-License-Identifier: BSD-3-Clause
"""The ways to take a licence expression."""

from __future__ import annotations

import pytest

from trust.licences import MAX_WAYS, choices


@pytest.mark.parametrize(
    ("expression", "ways"),
    [
        ("MIT", [{"MIT"}]),
        ("MIT OR ISC", [{"MIT"}, {"ISC"}]),
        ("MIT AND ISC", [{"MIT", "ISC"}]),
        ("MIT OR ISC AND X11", [{"MIT"}, {"ISC", "X11"}]),
        ("(MIT OR ISC) AND X11", [{"MIT", "X11"}, {"ISC", "X11"}]),
        ("((MIT))", [{"MIT"}]),
        (
            "GPL-2.0-only WITH  Classpath-exception-2.0 OR MIT",
            [{"GPL-2.0-only WITH Classpath-exception-2.0"}, {"MIT"}],
        ),
        ("MIT AND (A WITH B OR C)", [{"MIT", "A WITH B"}, {"MIT", "C"}]),
        ("MIT OR MIT", [{"MIT"}]),
    ],
)
def test_or_gives_a_choice_and_and_does_not(expression: str, ways: list[set[str]]) -> None:
    assert list(choices(expression)) == [frozenset(way) for way in ways]


def test_too_many_ways_demand_every_licence() -> None:
    many = " AND ".join(f"(A{n} OR B{n})" for n in range(10))

    [way] = choices(many)

    assert MAX_WAYS < 2**10
    assert way == {f"{letter}{n}" for n in range(10) for letter in "AB"}


def test_an_expression_that_nobody_would_write_demands_every_licence() -> None:
    assert choices("(" * 5000 + "MIT" + ")" * 5000) == (frozenset({"MIT"}),)
