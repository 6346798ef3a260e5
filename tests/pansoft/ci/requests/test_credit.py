# SPDX-License-Identifier: BSD-3-Clause
"""Who asked is named, and what they call themselves is a name and nothing else."""

from __future__ import annotations

import pytest

from pansoft.ci.gitlab import Author
from pansoft.ci.requests.credit import co_author, mention, name_of


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Ana García-López", "Ana García-López"),
        ("Seán O'Brien Jr.", "Seán O'Brien Jr."),
        ("山田 太郎", "山田 太郎"),
        ("A\nCo-authored-by: Boss <boss@example.org>", "A Co-authored-by Boss boss example.org"),
        ("Closes #12", "Closes"),
        ("fixes PROJ-12", "fixes PROJ-"),
        ("@all /close", "all close"),
        ("<!-- x -->", "-- x --"),
        ("\u202eana\u200b", "ana"),
        ("x" * 500, "x" * 80),
        ("🔬 #1", "ana"),
        ("", "ana"),
    ],
)
def test_a_name_is_letters(shown: str, name: str) -> None:
    assert name_of(Author(7, "ana", shown)) == name


def test_the_address_is_gitlabs_private_one() -> None:
    ana = Author(7, "ana.g", "Ana García")

    assert co_author(ana, "https://gitlab.example.org:8443/git") == (
        "Co-authored-by: Ana García <7-ana.g@users.noreply.gitlab.example.org>"
    )


@pytest.mark.parametrize("username", ["", "a b", "a\nb", "@ana", "ana>", "-ana"])
def test_what_is_no_user_name_has_no_address_and_is_not_mentioned(username: str) -> None:
    somebody = Author(7, username, "Ana")

    assert co_author(somebody, "https://gitlab.example.org") is None
    assert mention(somebody) is None


def test_everybody_is_nobody() -> None:
    assert mention(Author(7, "all", "")) is None
    assert mention(Author(7, "ana", "")) == "@ana"


def test_without_a_host_there_is_no_address() -> None:
    assert co_author(Author(7, "ana", "Ana"), "") is None
