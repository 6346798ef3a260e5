# SPDX-License-Identifier: BSD-3-Clause
"""An explanation says what an image is made of, and what is another since the published build."""

from __future__ import annotations

from dataclasses import replace

from pansoft.explained_plan import Explanation, PublishedBuild, in_words
from pansoft.planning import Status

FOUND = Explanation(
    name="hdf5-tools",
    version="1.14",
    recipe="recipes/hdf5-tools",
    status=Status.NEW,
    why="its inputs differ from the published build of this version",
    plan="a" * 64,
    layers=(("debian-12", "b" * 64), ("debian-12-python", "c" * 64)),
    inputs=(("Debian package", 2), ("Python package", 1), ("npm package", 0)),
    before=PublishedBuild("1.14", "d" * 64, "testing", "2026-11-22T00:00:00Z", "e" * 40),
    differs=("Debian package: szip 1 → 2", "now a script"),
)


def test_an_explanation_names_every_difference() -> None:
    assert in_words(FOUND).splitlines() == [
        "hdf5-tools 1.14: new, its inputs differ from the published build of this version",
        "  recipe      recipes/hdf5-tools",
        "  plan        aaaaaaaaaaaa",
        "  base        debian-12-python cccccccccccc",
        "  base        debian-12 bbbbbbbbbbbb",
        "  made of     2 Debian packages, 1 Python package",
        "  published   1.14 in testing on 2026-11-22T00:00:00Z, plan dddddddddddd, of commit eeeeeeeeeeee",
        "  since then  Debian package: szip 1 → 2",
        "  since then  now a script",
    ]


def test_what_cannot_be_told_is_said() -> None:
    assert "cannot be told: its commit is not in this clone" in in_words(
        replace(FOUND, differs=None)
    )


def test_what_is_published_as_it_is_has_no_difference() -> None:
    assert "since then" not in in_words(replace(FOUND, differs=()))


def test_what_has_no_plan_has_no_parts() -> None:
    blocked = replace(FOUND, plan=None, layers=(), inputs=(), before=None, differs=None)

    assert in_words(blocked).splitlines()[1:] == ["  recipe  recipes/hdf5-tools"]
