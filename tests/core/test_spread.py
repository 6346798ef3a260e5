# SPDX-License-Identifier: BSD-3-Clause
"""The same work on many things: the same answers in the same order, wherever it is done."""

from __future__ import annotations

import os

import pytest

from core.spread import MANY, spread


def _double(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def _refuse_odd(number: int) -> int:
    if number % 2:
        raise ValueError(number)
    return number


@pytest.mark.parametrize("count", [0, 1, MANY - 1, MANY, 10 * MANY])
def test_everything_comes_back_in_order(count: int) -> None:
    assert [double for double, _ in spread(_double, range(count))] == [
        2 * number for number in range(count)
    ]


def test_few_are_done_here() -> None:
    assert {pid for _, pid in spread(_double, range(MANY - 1))} == {os.getpid()}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor only")
def test_many_are_shared_out() -> None:
    assert os.getpid() not in {pid for _, pid in spread(_double, range(10 * MANY))}


def test_one_processor_does_all_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})

    assert {pid for _, pid in spread(_double, range(10 * MANY))} == {os.getpid()}


@pytest.mark.parametrize("count", [3, 10 * MANY])
def test_the_first_failure_is_raised(count: int) -> None:
    with pytest.raises(ValueError, match=r"^1$"):
        spread(_refuse_odd, range(count))
