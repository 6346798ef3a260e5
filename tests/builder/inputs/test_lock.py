# SPDX-License-Identifier: BSD-3-Clause
"""Locks are read to the letter: what is wrong in one is said with its file and a way to mend it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.inputs.apt import DebianPackage
from builder.inputs.lock import (
    BaseLock,
    PackageLock,
    PythonArtefact,
    base_asked,
    input_name,
    package_asked,
    read_base_lock,
    read_package_lock,
    write_base_lock,
    write_package_lock,
)
from builder.recipes import load
from builder.recipes.recipe import BaseRecipe, Recipe, Source, SourceKind
from core.errors import InvalidInput, UserError
from tests.builder.recipes.projects import make_project

HASH = "0123456789abcdef" * 4
DEB = DebianPackage("gnuplot-nox", "5.4.4-1", "amd64", "pool/main/g/gnuplot.deb", 5, HASH)
WHEEL = PythonArtefact("numpy", "2.1", "numpy-2.1-cp311-cp311-manylinux_2_28_x86_64.whl", HASH)
SOURCE = Source(SourceKind.PYPI_SDIST, "fabio==2024.9", HASH)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")


@pytest.fixture
def base_recipe(recipe: Recipe) -> BaseRecipe:
    return load.load_base(recipe.folder.parent / "bases" / "debian-12")


@pytest.fixture
def base(base_recipe: BaseRecipe) -> BaseLock:
    lock = BaseLock("debian-12", base_asked(base_recipe), 1_700_000_000, (DEB,), ())
    write_base_lock(lock, base_recipe.lock_file)
    return lock


@pytest.fixture
def lock(recipe: Recipe, base: BaseLock) -> PackageLock:
    asked = package_asked(recipe, base)
    made = PackageLock(
        "plotter", asked, base.id, (DEB,), (replace(DEB, name="gcc"),), (WHEEL,), (SOURCE,)
    )
    write_package_lock(made, recipe.lock_file)
    return made


def test_a_lock_is_read_as_it_was_written(
    recipe: Recipe, base_recipe: BaseRecipe, base: BaseLock, lock: PackageLock
) -> None:
    assert read_base_lock(base_recipe) == base
    assert read_package_lock(recipe, base) == lock


def test_the_lock_of_a_layer_holds_what_it_adds(base_recipe: BaseRecipe, base: BaseLock) -> None:
    layer = replace(base_recipe, suite=None, on="debian-12", pip=("numpy==2.1",))
    newer = replace(DEB, version="5.4.4-2")
    asked = base_asked(layer, base)
    lock = BaseLock("debian-12", asked, 1_700_000_001, (), (newer,), (WHEEL,), base)
    write_base_lock(lock, base_recipe.lock_file)

    read = read_base_lock(layer, base)

    assert read == lock
    assert read.packages == (newer,)
    assert read.wheels == (WHEEL,)
    assert read.inputs == (DEB, newer, WHEEL)


def test_the_lock_of_a_layer_is_stale_when_the_base_below_changes(
    base_recipe: BaseRecipe, base: BaseLock
) -> None:
    layer = replace(base_recipe, suite=None, on="debian-12")
    lock = BaseLock("debian-12", base_asked(layer, base), 1, (), (), (), base)
    write_base_lock(lock, base_recipe.lock_file)

    with pytest.raises(InvalidInput) as stale:
        read_base_lock(layer, replace(base, epoch=1))

    assert [problem.rule for problem in stale.value.problems] == ["lock-stale"]


def test_writing_a_lock_twice_gives_the_same_text(recipe: Recipe, lock: PackageLock) -> None:
    before = recipe.lock_file.read_bytes()

    write_package_lock(lock, recipe.lock_file)

    assert recipe.lock_file.read_bytes() == before


def test_the_text_of_a_lock_names_no_host(recipe: Recipe, lock: PackageLock) -> None:
    text = recipe.lock_file.read_text()

    assert "://" not in text
    assert "127.0.0.1" not in text


def test_a_missing_lock_says_how_to_make_it(recipe: Recipe, base: BaseLock) -> None:
    with pytest.raises(UserError, match="plotter has no lock") as missing:
        read_package_lock(recipe, base)

    assert missing.value.hint == "make it with: pansoft lock plotter"


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        data = json.loads(text)
        change(data)
        return json.dumps(data)

    return edit


BROKEN = {
    "not JSON": (lambda text: text[:-20], "is not JSON"),
    "a list": (lambda text: "[]", "is not a lock of a package with schema 1"),
    "another schema": (
        edited(lambda lock: lock.update(schema=2)),
        "is not a lock of a package with schema 1",
    ),
    "a base's lock": (
        edited(lambda lock: lock.update(kind="base")),
        "is not a lock of a package with schema 1",
    ),
    "another package's lock": (
        edited(lambda lock: lock.update(name="other")),
        "is the lock of 'other', not of 'plotter'",
    ),
    "no field": (edited(lambda lock: lock.pop("python")), "lacks the field 'python'"),
    "no field in an item": (
        edited(lambda lock: lock["debian"][0].pop("sha256")),
        "has a wrong field: ",
    ),
    "a field too many": (
        edited(lambda lock: lock["debian"][0].update(mirror="x")),
        "has a wrong field: ",
    ),
    "a list that is none": (edited(lambda lock: lock.update(debian=7)), "has a wrong field: "),
    "a size in words": (
        edited(lambda lock: lock["debian"][0].update(size="5")),
        "has a wrong field: size cannot be '5'",
    ),
    "a hash that leaves the cache": (
        edited(lambda lock: lock["debian"][0].update(sha256="../../etc/passwd")),
        "has a wrong field: sha256 cannot be '../../etc/passwd'",
    ),
    "a path that leaves the archive": (
        edited(lambda lock: lock["debian"][0].update(path="pool/../../x.deb")),
        "has a wrong field: path cannot be 'pool/../../x.deb'",
    ),
    "a name that is an option": (
        edited(lambda lock: lock["debian"][0].update(name="-oDebug=1")),
        "has a wrong field: name cannot be '-oDebug=1'",
    ),
    "a file name that leaves its folder": (
        edited(lambda lock: lock["python"][0].update(filename="../x.whl")),
        "has a wrong field: filename cannot be '../x.whl'",
    ),
    "a version of two lines": (
        edited(lambda lock: lock["python"][0].update(version="1\nother")),
        "has a wrong field: version cannot be '1\\nother'",
    ),
    "an unknown kind of source": (
        edited(lambda lock: lock["sources"][0].update(kind="git")),
        "has a wrong field: 'git' is not a valid SourceKind",
    ),
}


@pytest.mark.parametrize(("edit", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_lock_is_named_with_what_is_wrong(
    recipe: Recipe, base: BaseLock, lock: PackageLock, edit: Callable[[str], str], message: str
) -> None:
    recipe.lock_file.write_text(edit(recipe.lock_file.read_text()))

    with pytest.raises(InvalidInput) as broken:
        read_package_lock(recipe, base)

    [problem] = broken.value.problems
    assert problem.where.file == recipe.lock_file
    assert problem.rule == "lock-broken"
    assert problem.message.startswith(message)
    assert problem.hint == "make it again with: pansoft lock plotter"


STALE = {
    "another package": ("gnuplot-nox", "gnuplot-qt"),
    "one package more": ("    - gnuplot-nox\n", "    - gnuplot-nox\n    - gawk\n"),
    "a Python requirement": ("build:\n", "build:\n  pip: [numpy==2.1]\n"),
    "a tool": ("build:\n", "build:\n  tools: [gcc]\n  script: 'true'\n"),
}


@pytest.mark.parametrize(("old", "new"), STALE.values(), ids=STALE)
def test_a_lock_is_stale_when_the_recipe_asks_for_other_inputs(
    recipe: Recipe, base: BaseLock, lock: PackageLock, old: str, new: str
) -> None:
    recipe.file.write_text(recipe.file.read_text().replace(old, new))

    with pytest.raises(InvalidInput) as stale:
        read_package_lock(load.load_recipe(recipe.folder), base)

    [problem] = stale.value.problems
    assert problem.rule == "lock-stale"
    assert problem.where.file == recipe.lock_file
    assert problem.hint == "make it again with: pansoft lock plotter"


def test_a_lock_is_stale_when_its_base_is_locked_again(
    recipe: Recipe, base: BaseLock, lock: PackageLock
) -> None:
    with pytest.raises(InvalidInput):
        read_package_lock(recipe, replace(base, epoch=base.epoch + 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("Plots things.", "Draws things.", id="summary"),
        pytest.param("run: plot", "run: plot --version", id="test"),
        pytest.param("build:\n", "build:\n  script: make install\n", id="script"),
    ],
)
def test_a_lock_outlives_what_asks_for_no_other_inputs(
    recipe: Recipe, base: BaseLock, lock: PackageLock, old: str, new: str
) -> None:
    recipe.file.write_text(recipe.file.read_text().replace(old, new))

    assert read_package_lock(load.load_recipe(recipe.folder), base) == lock


def test_the_order_of_what_is_asked_does_not_matter(recipe: Recipe, base: BaseLock) -> None:
    one = replace(recipe, build=replace(recipe.build, apt=("a", "b")))
    other = replace(recipe, build=replace(recipe.build, apt=("b", "a")))

    assert package_asked(one, base) == package_asked(other, base)


def test_a_base_lock_is_stale_when_the_base_asks_for_more(
    base_recipe: BaseRecipe, base: BaseLock
) -> None:
    with pytest.raises(InvalidInput, match="1 problem found"):
        read_base_lock(replace(base_recipe, apt=("python3",)))


def test_an_input_is_known_by_its_file_name() -> None:
    assert [input_name(item) for item in (DEB, WHEEL, SOURCE)] == [
        "gnuplot.deb",
        "numpy-2.1-cp311-cp311-manylinux_2_28_x86_64.whl",
        "fabio-2024.9.tar.gz",
    ]
