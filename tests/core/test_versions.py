# SPDX-License-Identifier: BSD-3-Clause
"""Versions are ordered by the rules of those who number them, and what cannot be read has no order."""

from __future__ import annotations

import pytest

from core.versions import Scheme, compare, compare_releases

OLDER_FIRST = [
    (Scheme.DEBIAN, "1.0~rc1-1", "1.0-1"),
    (Scheme.DEBIAN, "5.4.1-0.2", "5.4.1-1"),
    (Scheme.DEBIAN, "9", "10"),
    (Scheme.DEBIAN, "99.0-1", "1:1.0-1"),
    (Scheme.DEBIAN, "1.0-1", "1.0-1+deb12u1"),
    (Scheme.DEBIAN, "1.0-1+deb12u9", "1.0-1+deb12u10"),
    (Scheme.PYTHON, "1.0rc1", "1.0"),
    (Scheme.PYTHON, "1.0.dev3", "1.0a1"),
    (Scheme.PYTHON, "2.9", "2.10"),
    (Scheme.PYTHON, "1.0", "1.0.post1"),
    (Scheme.PYTHON, "2024.9", "1!1.0"),
    (Scheme.SEMANTIC, "1.0.0-alpha", "1.0.0"),
    (Scheme.SEMANTIC, "1.0.0-alpha", "1.0.0-alpha.1"),
    (Scheme.SEMANTIC, "1.0.0-2", "1.0.0-11"),
    (Scheme.SEMANTIC, "1.0.0-11", "1.0.0-beta"),
    (Scheme.SEMANTIC, "1.9.0", "1.10.0"),
]


@pytest.mark.parametrize(("scheme", "older", "newer"), OLDER_FIRST)
def test_the_older_is_older_from_both_sides(scheme: Scheme, older: str, newer: str) -> None:
    assert (compare(older, newer, scheme), compare(newer, older, scheme)) == (-1, 1)


@pytest.mark.parametrize(
    ("scheme", "left", "right"),
    [
        (Scheme.PYTHON, "1.0", "1.0.0"),
        (Scheme.DEBIAN, "0:1.0-1", "1.0-1"),
        (Scheme.SEMANTIC, "1.0.0+one", "1.0.0+two"),
    ],
)
def test_two_spellings_of_one_version_are_equal(scheme: Scheme, left: str, right: str) -> None:
    assert compare(left, right, scheme) == 0


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("text", ["", "not a version", "1" * 5000, "1.0\n", "\0"])
def test_what_cannot_be_read_has_no_order(scheme: Scheme, text: str) -> None:
    assert compare(text, "1.0.0", scheme) is None
    assert compare("1.0.0", text, scheme) is None


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.0rc1", "1.0"), ("1.0", "1.0+1"), ("2024.9", "2024.10"), ("r12", "r13"), ("2.1b", "2.1c")],
)
def test_releases_grow_as_their_authors_number_them(older: str, newer: str) -> None:
    assert (compare_releases(older, newer), compare_releases(newer, older)) == (-1, 1)
