# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.errors import FormatInvalid
from cvmfs.publishing.dirtab import Dirtab, parse_dirtab

TEXT = """\
# every version of every image
/images/*/*
! *.part
  /trees/?
/literal\\*star
!/images/old/*

"""


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("images/gemmi/0.7", True),
        ("images/gemmi", False),
        ("images/gemmi/0.7/lib", False),
        ("images/gemmi/0.8.part", False),
        ("images/old/1.0", False),
        ("images/old/1.0/x", False),
        ("trees/a", True),
        ("trees/ab", False),
        ("literal*star", True),
        ("literalXstar", False),
        ("", False),
    ],
)
def test_directory_fits_a_pattern_and_no_other(path: str, fits: bool) -> None:
    assert parse_dirtab(TEXT, where="here").fits(path) is fits


@pytest.mark.parametrize(
    ("path", "may_be_above"),
    [("", True), ("images", True), ("images/x", True), ("images/x/1", False), ("stable", False)],
)
def test_only_directories_on_the_way_are_looked_into(path: str, may_be_above: bool) -> None:
    assert parse_dirtab(TEXT, where="here").may_be_above(path) is may_be_above


def test_empty_text_has_no_patterns() -> None:
    assert parse_dirtab("\n# nothing\n", where="here") == Dirtab()


@pytest.mark.parametrize(
    ("text", "message"),
    [("/a\nimages/*\n", "here:2: .*slash"), ("/a/*\n! /a/*\n", "wanted and unwanted")],
)
def test_text_that_the_genuine_publisher_refuses_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatInvalid, match=message):
        parse_dirtab(text, where="here")
