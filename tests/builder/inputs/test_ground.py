# SPDX-License-Identifier: BSD-3-Clause
"""What can be put on a base that begins with a container image, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.inputs import locking
from builder.inputs.lock import BaseLock, PackageLock
from builder.recipes import load
from builder.recipes.image_reference import parse_reference
from builder.recipes.recipe import BaseRecipe, Build, Recipe
from builder.state import State
from core.console import Console
from core.errors import UserError
from tests.builder.inputs.small_archive import ARCHIVE, serve
from tests.builder.recipes.projects import make_project
from tests.images import File, Link, Member, docker_archive, image_of, layer
from tests.packages import Deb, index_page, wheel
from tests.servers import FileServer

pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Description: the C library
 with a folded line

Package: libgd3
Status: install ok installed
Architecture: amd64
Version: 2.3.2-1

Package: gcc
Status: deinstall ok config-files
Architecture: amd64
Version: 11-1
"""
DEBIAN: tuple[Member, ...] = (
    File("usr/lib/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n"),
    File("var/lib/dpkg/status", STATUS.encode()),
)
PYTHON: tuple[Member, ...] = (
    Link("usr/bin/python3", "python3.11"),
    File(
        "usr/lib/x86_64-linux-gnu/libc.so.6", b"\0GNU C Library (X) stable release version 2.36.\n"
    ),
)


@pytest.fixture
def archive(host: FileServer, tmp_path: Path) -> FileServer:
    """Return the host's server, with a small archive and an index on it."""
    serve(host, tmp_path / "archive", ARCHIVE)
    name, content = wheel("h5glance")
    host.files[f"/files/{name}"] = content
    host.files["/simple/h5glance/"] = index_page({name: content})
    host.types["/simple/h5glance/"] = "text/html"
    return host


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "a state")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")


def lock_base(
    tmp_path: Path, state: State, *members: Member, apt: tuple[str, ...] = ()
) -> BaseLock:
    """Return the lock of a base of an image that holds these files."""
    content = layer(*members)
    image = image_of([content])
    folder = tmp_path / "bases" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.tar").write_bytes(docker_archive(image, [content]))
    reference = parse_reference(f"docker-archive:tiny.tar@sha256:{image.id}")
    base = BaseRecipe(folder, "tiny", "Tiny", "Tiny.", None, apt, (), image=reference)
    return locking.lock_base(base, None, state, at=AT, console=Console(quiet=True))


def lock_package(recipe: Recipe, build: Build, base: BaseLock, state: State) -> PackageLock:
    wanted = replace(recipe, build=build)
    return locking.lock_package(wanted, base, state, at=AT, console=Console(quiet=True))


def test_debian_packages_are_resolved_on_the_image_s_own(
    archive: FileServer, recipe: Recipe, state: State, tmp_path: Path
) -> None:
    base = lock_base(tmp_path, state, *DEBIAN)

    lock = lock_package(recipe, Build(apt=("gnuplot-nox",), tools=("gcc",)), base, state)

    assert base.packages == ()
    assert [item.name for item in lock.debian] == ["gnuplot-nox"], "libgd3 is in the image"
    assert [item.name for item in lock.tools] == ["gcc", "libc6-dev"], (
        "gcc is only said to have been"
    )


def test_a_base_may_put_debian_packages_on_its_image(
    archive: FileServer, recipe: Recipe, state: State, tmp_path: Path
) -> None:
    base = lock_base(tmp_path, state, *DEBIAN, apt=("libgd3", "gnuplot-nox"))

    lock = lock_package(recipe, Build(apt=("gnuplot-nox",)), base, state)

    assert [(item.name, item.version) for item in base.debian] == [
        ("gnuplot-nox", "5.4.4-1"),
        ("libgd3", "2.3.3-9"),
    ]
    assert lock.debian == ()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ((File("etc/os-release", b"ID=alpine\n"),), "its container image is no Debian"),
        (DEBIAN[:1], "its container image is no Debian with a dpkg status"),
        (
            (File("etc/os-release", b"ID=debian\nVERSION_CODENAME=trixie\n"), DEBIAN[1]),
            "is Debian trixie, and this host's apt is configured for bookworm",
        ),
    ],
    ids=["another system", "no status", "another suite"],
)
def test_debian_packages_are_refused_on_what_they_do_not_fit(
    members: tuple[Member, ...],
    message: str,
    archive: FileServer,
    recipe: Recipe,
    state: State,
    tmp_path: Path,
) -> None:
    base = lock_base(tmp_path, state, *members)

    with pytest.raises(
        UserError, match=f"gnuplot-nox cannot be installed on the base tiny: .*{message}"
    ):
        lock_package(recipe, Build(apt=("gnuplot-nox",)), base, state)


def test_python_requirements_fit_an_image_with_the_same_python(
    archive: FileServer, recipe: Recipe, state: State, tmp_path: Path
) -> None:
    base = lock_base(tmp_path, state, *PYTHON)

    lock = lock_package(recipe, Build(pip=("h5glance==1.0",)), base, state)

    assert [item.name for item in lock.python] == ["h5glance"]


def test_the_python_may_come_from_debian_packages_on_the_image(
    host: FileServer, archive: FileServer, recipe: Recipe, state: State, tmp_path: Path
) -> None:
    serve(host, tmp_path / "with python", (*ARCHIVE, Deb("python3", "3.11.2-1+b1")))
    base = lock_base(tmp_path, state, *DEBIAN, PYTHON[1], apt=("python3",))

    lock = lock_package(recipe, Build(pip=("h5glance==1.0",)), base, state)

    assert [item.name for item in lock.python] == ["h5glance"]


@pytest.mark.parametrize(
    ("members", "has"),
    [
        (DEBIAN, "no python3"),
        ((Link("usr/local/bin/python3", "python3.12"), *PYTHON), "Python 3.12"),
        (PYTHON[:1], "no GNU C library"),
        (
            (PYTHON[0], File("lib/x86_64-linux-gnu/libc.so.6", b"GNU C Library (X) version 2.31")),
            "the GNU C library 2.31",
        ),
    ],
    ids=["none", "another", "musl", "old library"],
)
def test_python_requirements_are_refused_where_wheels_would_not_run(
    members: tuple[Member, ...],
    has: str,
    archive: FileServer,
    recipe: Recipe,
    state: State,
    tmp_path: Path,
) -> None:
    base = lock_base(tmp_path, state, *members)

    with pytest.raises(UserError, match=f"cannot be put on the base tiny: its image has {has};"):
        lock_package(recipe, Build(pip=("h5glance==1.0",)), base, state)


def test_files_and_scripts_need_nothing_of_the_image(
    archive: FileServer, recipe: Recipe, state: State, tmp_path: Path
) -> None:
    base = lock_base(tmp_path, state, File("etc/os-release", b"ID=alpine\n"))

    lock = lock_package(recipe, Build(script="true"), base, state)

    assert (lock.debian, lock.python) == ((), ())
    assert lock.base == base.id
