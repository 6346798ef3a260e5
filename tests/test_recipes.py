# SPDX-License-Identifier: BSD-3-Clause
"""Every recipe and every base of this repository, without building anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.check import check
from builder.recipes.load import load_all, load_bases, load_recipe, recipe_folders
from builder.recipes.recipe import Recipe, TestKind

ROOT = Path(__file__).parents[1]
FOLDERS = recipe_folders(ROOT)


@pytest.fixture(scope="module")
def recipes() -> tuple[Recipe, ...]:
    return load_all(ROOT)


def test_all_recipes_and_bases_check_clean() -> None:
    assert [str(problem) for problem in check(ROOT).problems] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recipe_says_what_the_catalogue_shows(folder: Path) -> None:
    recipe = load_recipe(folder)

    assert recipe.license.evidence
    assert recipe.source
    assert recipe.commands
    assert recipe.runtime.memory
    assert recipe.runtime.time


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recipe_shows_that_the_program_works(folder: Path) -> None:
    tests = load_recipe(folder).tests

    assert any(
        (t.expect or t.stdout or t.files) and "--version" not in (t.run or "") for t in tests
    )


def test_the_recipes_cover_what_there_is(recipes: tuple[Recipe, ...]) -> None:
    kinds = {test.kind for recipe in recipes for test in recipe.tests}

    assert len(recipes) >= 14
    assert any(r.build.apt and not r.build.pip for r in recipes)
    assert any(r.build.pip and not r.build.apt for r in recipes)
    assert any(r.build.pip and r.build.apt for r in recipes)
    assert any(r.build.script and r.build.sources for r in recipes)
    assert any(r.build.files for r in recipes)
    assert any(r.runtime.desktop for r in recipes)
    assert any(r.runtime.jupyter for r in recipes)
    assert any(r.runtime.mpi for r in recipes)
    assert kinds == set(TestKind) - {TestKind.GPU, TestKind.SMOKE}


def test_every_base_is_used(recipes: tuple[Recipe, ...]) -> None:
    bases = load_bases(ROOT)
    used = {recipe.base for recipe in recipes} | {base.on for base in bases if base.on}
    offered = {"debian-12-jupyter"}  # for kernels that need no NumPy; all of ours do
    assert used | offered == {base.name for base in bases}
