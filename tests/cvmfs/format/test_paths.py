# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.errors import RepositoryError
from cvmfs.format.paths import key_of, prefixes, repository_name, repository_path


def test_key_of_the_root_is_the_md5_of_nothing_in_little_endian_halves() -> None:
    # d41d8cd98f00b204 e9800998ecf8427e
    assert key_of("") == (0x04B2008FD98C1DD4, 0x7E42F8EC980980E9)


def test_key_of_a_path_has_signed_halves() -> None:
    # md5("/foo") = 1effb2475fcfba4f 9e8b8a1dbc8f3caf
    assert key_of("foo") == (5745132282796244766, -5819618580357280866)


@pytest.mark.parametrize("text", ["a/../b", "a//b", "./a", "a/.", "a\0b", "x" * 256])
def test_path_that_a_directory_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(RepositoryError):
        repository_path(text)


def test_slashes_at_the_ends_do_not_matter() -> None:
    assert repository_path("/images/foo/") == "images/foo"


def test_prefixes_go_from_the_top_down() -> None:
    assert prefixes("a/b/c") == ["a", "a/b", "a/b/c"]


@pytest.mark.parametrize(
    "name", ["", "nodot", "../etc.org", "a b.org", ".org", "a..b", "x" * 61 + ".org"]
)
def test_name_that_cannot_be_a_repository_is_refused(name: str) -> None:
    with pytest.raises(RepositoryError):
        repository_name(name)
