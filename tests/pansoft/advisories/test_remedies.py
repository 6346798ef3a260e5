# SPDX-License-Identifier: BSD-3-Clause
"""What to do about a row, in a project whose recipe and base are locked."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.console import Console
from pansoft.advisories.holdings import Holder
from pansoft.advisories.remedies import IGNORE, Remedies
from pansoft.advisories.scan import Known, Row
from pansoft.context import Context
from tests.builder.recipes.projects import changed, make_project
from tests.pansoft.advisories.test_holdings import lock
from trust.evidence import Component

LIBC = Component("pkg:deb/debian/libc6@2.36-9", "libc6", "2.36-9", source="glibc")
NUMPY = Component("pkg:pypi/numpy@2.0.0", "numpy", "2.0.0")
OLD_NUMPY = Component("pkg:pypi/numpy@1.0.0", "numpy", "1.0.0")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return a project whose one recipe follows numpy, with an older one in its base."""
    recipe = changed("  apt:\n    - gnuplot-nox\n", "  pip: [numpy==2.0.0]\n")
    recipe = recipe.replace("version: 5.4.4", "version: 2.0.0")
    made = make_project(tmp_path / "project", recipe=recipe)
    context = Context(made, tmp_path / "state", Console(quiet=True))
    lock(context)
    return context


def row(component: Component, *, fixed: str | None = "9", published: bool = True) -> Row:
    holder = Holder("plotter", "2.0.0", "debian-12", is_published=published)
    known = Known("CVE-1", "", None, fixed, ("records",))
    return Row(component.name, component.version, (component,), (known,), (holder,))


def test_what_the_base_brings_is_mended_in_the_base(context: Context) -> None:
    assert Remedies(context).of(row(LIBC)) == ("pansoft lock debian-12",)


def test_what_a_recipe_brings_instead_is_mended_in_the_recipe(context: Context) -> None:
    assert Remedies(context).of(row(NUMPY)) == ("pansoft ci update plotter",)


def test_what_git_has_mended_goes_out_as_another_version(context: Context) -> None:
    assert Remedies(context).of(row(OLD_NUMPY)) == (
        "put +1 behind the version of plotter: its lock is mended already",
    )


def test_what_nothing_mends_is_ignored_for_a_time_or_retired(context: Context) -> None:
    assert Remedies(context).of(row(NUMPY, fixed=None)) == (IGNORE,)


def test_a_version_without_a_recipe_is_retired(context: Context) -> None:
    gone = Holder("plotter", "1.0", "debian-12", is_published=True)
    made = row(NUMPY)
    both = Row(made.name, made.version, made.components, made.known, (gone, *made.holders))

    assert Remedies(context).of(both) == (
        "pansoft ci update plotter",
        "retire plotter 1.0: no recipe makes it any more",
    )
