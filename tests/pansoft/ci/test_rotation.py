# SPDX-License-Identifier: BSD-3-Clause
"""Each package has its turn, whatever day one begins with."""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil

import pytest

from pansoft.ci.rotation import of_day

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (7, 3), (305, 5)])
def test_all_have_their_turn(count: int, most: int) -> None:
    keys = [f"package-{number}" for number in range(count)]
    days = [of_day(keys, DAY + timedelta(day), most=most) for day in range(ceil(count / most))]

    assert {key for chosen in days for key in chosen} == set(keys)
    assert all(len(set(chosen)) == len(chosen) == min(most, count) for chosen in days)


def test_the_order_of_the_list_does_not_matter() -> None:
    keys = ["a", "b", "c", "d"]

    assert of_day(keys, DAY, most=2) == of_day(reversed(keys), DAY, most=2)


def test_of_nothing_nothing_is_chosen() -> None:
    assert of_day([], DAY, most=3) == ()
