# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from core.errors import UserError
from pansoft.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("123", 123),
        ("20GB", 20_000_000_000),
        ("20g", 20_000_000_000),
        (" 1.5 T ", 1_500_000_000_000),
        ("500M", 500_000_000),
        ("4kB", 4_000),
    ],
)
def test_size_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1", "1,5G", "20GiB", "B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not a size"):
        parse_size(text)
