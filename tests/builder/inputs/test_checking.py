# SPDX-License-Identifier: BSD-3-Clause
"""Locks are held against recipes, bases, archives and indexes; new ones against those that stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.inputs import locking
from builder.inputs.changes import Change
from builder.inputs.checking import Against, Stale, stale_locks
from builder.inputs.lock import read_base_lock, write_base_lock, write_package_lock
from builder.inputs.upgrading import Upgrade, upgrades
from builder.recipes import load
from builder.recipes.recipe import BaseRecipe, Recipe
from builder.state import State
from core.console import Console
from core.errors import UserError
from tests.builder.inputs.small_archive import ARCHIVE, serve
from tests.builder.recipes.projects import changed, make_project
from tests.packages import Deb, index_page, wheel
from tests.servers import FileServer, Status

pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=1)
QUIET = Console(quiet=True)
WHEEL = wheel("gemmi")
NEWER = (
    *(deb for deb in ARCHIVE if deb.name != "libgd3"),
    Deb("libgd3", "2.3.3-10"),
)


class Project:
    """A locked project of one recipe, `plotter`, with a .deb and a wheel."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = State(root / "a state")

    @property
    def recipe(self) -> Recipe:
        return load.load_recipe(self.root / "recipes" / "plotter")

    @property
    def base(self) -> BaseRecipe:
        return load.load_base(self.root / "recipes" / "bases" / "debian-12")

    def lock(self, at: datetime = AT) -> None:
        lock = locking.lock_base(self.base, None, self.state, at=at, console=QUIET)
        write_base_lock(lock, self.base.lock_file)
        made = locking.lock_package(self.recipe, lock, self.state, at=at, console=QUIET)
        write_package_lock(made, self.recipe.lock_file)

    def stale(self, at: datetime = AT) -> tuple[Stale, ...]:
        return stale_locks([self.recipe], [self.base], self.state, at=at, console=QUIET)

    def upgrades(self, at: datetime = LATER) -> tuple[Upgrade, ...]:
        return upgrades([self.recipe], [self.base], {}, self.state, at=at, console=QUIET)


@pytest.fixture
def project(host: FileServer, tmp_path: Path) -> Project:
    serve(host, tmp_path / "archive", ARCHIVE)
    offer_wheel(host)
    recipe = changed("    - gnuplot-nox\n", "    - gnuplot-nox\n  pip: [gemmi==1.0]\n")
    project = Project(make_project(tmp_path / "project", recipe=recipe))
    project.lock()
    return project


def offer_wheel(host: FileServer, page: bytes | None = None) -> None:
    name, content = WHEEL
    host.files["/simple/gemmi/"] = page if page is not None else index_page({name: content})
    host.types["/simple/gemmi/"] = "text/html"
    host.files[f"/files/{name}"] = content


def test_fresh_locks_hold_and_bring_nothing_new(project: Project) -> None:
    assert project.stale() == ()
    assert [(item.changes, item.is_new) for item in project.upgrades()] == [((), False)] * 2


def test_a_recipe_that_asks_for_more_is_named(project: Project) -> None:
    file = project.recipe.file
    file.write_text(file.read_text().replace("- gnuplot-nox", "- gnuplot-nox\n    - gcc"))

    assert project.stale() == (
        Stale(
            "plotter",
            Against.RECIPE,
            "the lock was made for other build inputs than recipe.yaml has now",
            "pansoft lock plotter",
        ),
    )


def test_a_lock_on_another_lock_of_its_base_is_named(project: Project) -> None:
    lock = read_base_lock(project.base)
    write_base_lock(replace(lock, epoch=lock.epoch + 1), project.base.lock_file)

    assert project.stale() == (
        Stale(
            "plotter",
            Against.BASE,
            "the lock was made on another lock of the base debian-12",
            "pansoft lock plotter",
        ),
    )


def test_a_base_that_asks_for_more_makes_the_recipe_wait_for_it(project: Project) -> None:
    file = project.base.file
    file.write_text(file.read_text().replace("[ca-certificates]", "[ca-certificates, libgd3]"))

    assert [(item.name, item.against, item.mend) for item in project.stale()] == [
        ("debian-12", Against.RECIPE, "pansoft lock debian-12"),
        ("plotter", Against.BASE, "pansoft lock debian-12 plotter"),
    ]


def test_a_recipe_without_a_lock_is_named(project: Project) -> None:
    project.recipe.lock_file.unlink()

    [stale] = project.stale()

    assert (stale.what, stale.mend) == ("plotter has no lock", "pansoft lock plotter")


def test_a_superseded_deb_is_named_with_what_came_in_its_place(
    project: Project, host: FileServer, tmp_path: Path
) -> None:
    serve(host, tmp_path / "newer", NEWER)

    assert project.stale(LATER) == (
        Stale(
            "plotter",
            Against.ARCHIVE,
            "libgd3 2.3.3-9 is no longer in the archive, which has 2.3.3-10",
            "pansoft lock plotter",
        ),
    )


def test_a_deb_of_the_same_name_with_other_bytes_is_named(
    project: Project, host: FileServer, tmp_path: Path
) -> None:
    other = [
        replace(deb, fields="Built-Again: yes\n") if deb.name == "libgd3" else deb
        for deb in ARCHIVE
    ]
    serve(host, tmp_path / "other", tuple(other))

    [stale] = project.stale(LATER)

    assert stale.what == "libgd3 2.3.3-9 has other bytes in the archive now"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(b"<html></html>", "is in no index any more", id="gone"),
        pytest.param(
            index_page({WHEEL[0]: WHEEL[1]}).replace(b"<a ", b'<a data-yanked="broken" '),
            "was withdrawn by its makers: broken",
            id="withdrawn",
        ),
    ],
)
def test_a_wheel_that_should_not_be_used_is_named(
    project: Project, host: FileServer, page: bytes, said: str
) -> None:
    offer_wheel(host, page)

    [stale] = project.stale()

    assert stale.what == f"gemmi 1.0 (gemmi-1.0-py3-none-any.whl) {said}"


def test_an_index_that_cannot_be_asked_is_no_good_news(project: Project, host: FileServer) -> None:
    host.faults["/simple/gemmi/"] = [Status(403)]

    with pytest.raises(UserError, match="could not be asked for gemmi") as failed:
        project.stale()

    assert "127.0.0.1" not in failed.value.message


def test_an_upgrade_shows_what_is_newer_added_and_removed(
    project: Project, host: FileServer, tmp_path: Path
) -> None:
    newer = (
        *(deb for deb in ARCHIVE if deb.name not in ("gnuplot-nox", "libgd3")),
        Deb("gnuplot-nox", "5.4.5-1", depends="libgd4"),
        Deb("libgd4", "2.4"),
    )
    serve(host, tmp_path / "newer", newer)
    before = project.recipe.lock_file.read_bytes()

    base, package = project.upgrades()

    assert not base.is_new
    assert package.changes == (
        Change("debian", "gnuplot-nox", "5.4.4-1", "5.4.5-1"),
        Change("debian", "libgd3", "2.3.3-9", None),
        Change("debian", "libgd4", None, "2.4"),
    )
    assert project.recipe.lock_file.read_bytes() == before


def test_a_written_upgrade_holds(project: Project, host: FileServer, tmp_path: Path) -> None:
    serve(host, tmp_path / "newer", NEWER)

    for item in project.upgrades():
        item.write()

    assert project.stale(LATER) == ()


def test_a_new_lock_of_a_base_makes_new_ones_on_it(
    project: Project, host: FileServer, tmp_path: Path
) -> None:
    newer = (
        *(deb for deb in ARCHIVE if deb.name != "bash"),
        Deb("bash", "2.0", fields="Essential: yes\nPriority: required\n"),
    )
    serve(host, tmp_path / "newer", newer)

    base, package = project.upgrades()

    assert [str(change) for change in base.changes] == ["system bash: 1.0-1 → 2.0"]
    assert (package.changes, package.is_new) == ((), True)
