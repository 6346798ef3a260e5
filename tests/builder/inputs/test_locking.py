# SPDX-License-Identifier: BSD-3-Clause
"""Locks are made by genuine apt and pip from an archive and an index on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.inputs import locking
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import BaseLock, PackageLock
from builder.recipes import load
from builder.recipes.recipe import BaseRecipe, Build, Recipe
from builder.state import State
from core.console import Console
from core.errors import UserError
from tests.builder.inputs.small_archive import ARCHIVE, serve
from tests.builder.recipes.projects import make_project
from tests.packages import Deb, index_page, wheel
from tests.servers import FileServer

pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")

Lock = Callable[..., PackageLock]
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def archive(host: FileServer, tmp_path: Path) -> FileServer:
    """Return the host's server, with a small archive on it."""
    serve(host, tmp_path / "archive", ARCHIVE)
    return host


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")


@pytest.fixture
def base_recipe(recipe: Recipe) -> BaseRecipe:
    loaded = load.load_base(recipe.folder.parent / "bases" / "debian-12")
    return replace(loaded, apt=("libgd3",))


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "a state")


def lock_base(recipe: BaseRecipe, state: State, at: datetime = AT) -> BaseLock:
    return locking.lock_base(recipe, None, state, at=at, console=Console(quiet=True))


def names(packages: Sequence[DebianPackage]) -> list[str]:
    return [package.name for package in packages]


def test_a_base_is_the_minimal_system_and_what_it_asks_for(
    archive: FileServer, base_recipe: BaseRecipe, state: State
) -> None:
    lock = lock_base(base_recipe, state)

    assert names(lock.system) == ["apt", "bash", "ca-certificates", "libc6", "usr-is-merged"]
    assert names(lock.debian) == ["libgd3"]
    assert lock.epoch == int(AT.timestamp())
    [libgd3] = lock.debian
    assert libgd3.path == "pool/main/l/libgd3/libgd3_2.3.3-9_amd64.deb"
    assert libgd3.size == len(archive.files[f"/debian/{libgd3.path}"])


def test_a_base_of_another_suite_is_refused(
    archive: FileServer, base_recipe: BaseRecipe, state: State
) -> None:
    with pytest.raises(UserError, match="wants Debian trixie") as refused:
        lock_base(replace(base_recipe, suite="trixie"), state)

    assert "bookworm" in refused.value.message
    assert refused.value.hint == "lock on a host whose apt sources have trixie"


def test_a_layer_locks_what_it_adds_to_the_base_below(
    archive: FileServer, base_recipe: BaseRecipe, state: State
) -> None:
    below = lock_base(base_recipe, state)
    recipe = replace(base_recipe, name="plots", suite=None, on="debian-12", apt=("gnuplot-nox",))

    lock = locking.lock_base(recipe, below, state, at=AT, console=Console(quiet=True))

    assert lock.system == ()
    assert names(lock.debian) == ["gnuplot-nox"]
    assert names(lock.packages) == [*names(below.packages), "gnuplot-nox"]
    assert lock.inputs == (*below.inputs, *lock.debian)


class TestPackages:
    """Recipes on a base that has libc6 2.36-9 and no libgd3."""

    @pytest.fixture
    def base(self, archive: FileServer, base_recipe: BaseRecipe, state: State) -> BaseLock:
        return lock_base(replace(base_recipe, apt=()), state)

    @pytest.fixture
    def lock(self, recipe: Recipe, base: BaseLock, state: State) -> Lock:
        def make(build: Build, at: datetime = AT) -> PackageLock:
            wanted = replace(recipe, build=build)
            return locking.lock_package(wanted, base, state, at=at, console=Console(quiet=True))

        return make

    def test_only_what_the_base_lacks_is_locked(self, lock: Lock) -> None:
        made = lock(Build(apt=("gnuplot-nox", "bash")))

        assert [(deb.name, deb.version) for deb in made.debian] == [
            ("gnuplot-nox", "5.4.4-1"),
            ("libgd3", "2.3.3-9"),
        ]

    def test_tools_are_what_only_the_script_needs(self, lock: Lock) -> None:
        made = lock(Build(apt=("gnuplot-nox",), tools=("gcc",), script="make"))

        assert names(made.debian) == ["gnuplot-nox", "libgd3"]
        assert names(made.tools) == ["gcc", "libc6-dev"]

    def test_a_package_of_the_base_that_a_tool_needs_newer_stays(
        self, lock: Lock, archive: FileServer, tmp_path: Path
    ) -> None:
        newer = (
            *(deb for deb in ARCHIVE if not deb.name.startswith("libc6")),
            Deb("libc6", "2.36-10", fields="Priority: required\n"),
            Deb("libc6-dev", "2.36-10", depends="libc6 (= 2.36-10)"),
        )
        serve(archive, tmp_path / "newer", newer)

        made = lock(Build(tools=("gcc",), script="make"), AT + timedelta(days=1))

        assert [(deb.name, deb.version) for deb in made.debian] == [("libc6", "2.36-10")]
        assert names(made.tools) == ["gcc", "libc6-dev", "libgd3"]

    @pytest.mark.parametrize(
        ("request_", "said"),
        [
            pytest.param("no-such-thing", "Unable to locate package no-such-thing", id="unknown"),
            pytest.param(
                "gnuplot-nox=9", "Version '9' for 'gnuplot-nox' was not found", id="version"
            ),
            pytest.param("broken", "no-such-library", id="dependency"),
        ],
    )
    def test_what_apt_cannot_install_is_said_in_its_words(
        self, lock: Lock, request_: str, said: str
    ) -> None:
        with pytest.raises(UserError) as failed:
            lock(Build(apt=(request_,)))

        assert failed.value.message.startswith(f"apt cannot install {request_}: ")
        assert said in failed.value.message
        assert "127.0.0.1" not in failed.value.message

    def test_package_lists_are_read_once_in_a_while(self, lock: Lock, archive: FileServer) -> None:
        lock(Build(apt=("libgd3",)))
        archive.requests.clear()

        lock(Build(apt=("libgd3",)), AT + timedelta(hours=5))
        soon = len(archive.requests)
        lock(Build(apt=("libgd3",)), AT + timedelta(hours=7))

        assert soon == 0
        assert len(archive.requests) > 0

    def test_python_requirements_become_wheels_with_hashes(
        self, lock: Lock, archive: FileServer
    ) -> None:
        pages = {
            "pyfai": wheel("pyFAI", "2024.9", requires=["numpy>=2"]),
            "numpy": wheel("numpy", "2.1"),
        }
        for project, (name, content) in pages.items():
            archive.files[f"/simple/{project}/"] = index_page({name: content})
            archive.types[f"/simple/{project}/"] = "text/html"
            archive.files[f"/files/{name}"] = content

        made = lock(Build(pip=("pyFAI",)))

        assert [(item.name, item.version, item.filename) for item in made.python] == [
            ("numpy", "2.1", "numpy-2.1-py3-none-any.whl"),
            ("pyfai", "2024.9", "pyFAI-2024.9-py3-none-any.whl"),
        ]
        assert "127.0.0.1" not in json.dumps(asdict(made))

    def test_a_requirement_without_a_wheel_is_refused(
        self, lock: Lock, archive: FileServer
    ) -> None:
        with pytest.raises(UserError, match="pip cannot resolve nothing-like-it") as failed:
            lock(Build(pip=("nothing-like-it",)))

        assert "build.sources" in str(failed.value.hint)


class TestPythonOnABase:
    """Requirements on a base that has numpy 2.1 and scipy 1.14, which wants numpy below 3."""

    @pytest.fixture
    def index(self, archive: FileServer) -> FileServer:
        projects = {
            "numpy": [wheel("numpy", "2.1"), wheel("numpy", "2.2"), wheel("numpy", "3.0")],
            "scipy": [
                wheel("scipy", "1.14", requires=["numpy<3"]),
                wheel("scipy", "1.15", requires=["numpy>=3"]),
            ],
            "fabio": [wheel("fabio", "1.0", requires=["numpy"])],
            "newer": [wheel("newer", "1.0", requires=["numpy>=2.2"])],
            "newest": [wheel("newest", "1.0", requires=["numpy>=3"])],
        }
        for project, wheels in projects.items():
            archive.files[f"/simple/{project}/"] = index_page(dict(wheels))
            archive.types[f"/simple/{project}/"] = "text/html"
            archive.files |= {f"/files/{name}": content for name, content in wheels}
        return archive

    @pytest.fixture
    def locked(
        self, index: FileServer, base_recipe: BaseRecipe, recipe: Recipe, state: State
    ) -> Callable[..., list[str]]:
        science = replace(base_recipe, apt=(), pip=("numpy==2.1", "scipy==1.14"))
        base = lock_base(science, state)
        assert [item.name for item in base.wheels] == ["numpy", "scipy"]

        def lock(*requirements: str) -> list[str]:
            wanted = replace(recipe, build=Build(pip=requirements))
            made = locking.lock_package(wanted, base, state, at=AT, console=Console(quiet=True))
            return [f"{item.name}=={item.version}" for item in made.python]

        return lock

    def test_what_the_base_has_is_not_carried_again(self, locked: Callable[..., list[str]]) -> None:
        assert locked("fabio==1.0", "numpy==2.1") == ["fabio==1.0"]

    def test_a_package_that_needs_another_version_carries_its_own(
        self, locked: Callable[..., list[str]]
    ) -> None:
        assert locked("newer==1.0") == ["newer==1.0", "numpy==2.2"]

    def test_what_the_other_version_breaks_in_the_base_is_replaced_with_it(
        self, locked: Callable[..., list[str]]
    ) -> None:
        assert locked("newest==1.0") == ["newest==1.0", "numpy==3.0", "scipy==1.15"]

    def test_requirements_that_contradict_each_other_are_refused(
        self, locked: Callable[..., list[str]]
    ) -> None:
        with pytest.raises(UserError, match=r"pip cannot resolve newest==1\.0 numpy==2\.2"):
            locked("newest==1.0", "numpy==2.2")
