# SPDX-License-Identifier: BSD-3-Clause
"""Every recipe and every base of this repository, without building anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest

from builder.evidence.gather import gather
from builder.images.plan import read_base_plan
from builder.inputs.lock import read_package_lock
from builder.recipes.check import check
from builder.recipes.folders import key_of, recipe_folders
from builder.recipes.load import load_all, load_bases, load_recipe
from builder.recipes.recipe import Install, Recipe, Redistribution, Test, TestKind
from core.console import Console
from pansoft import planning
from pansoft.context import Context
from pansoft.policy_check import policy_problems
from trust.evidence import BuildFacts, Purpose
from trust.judge import judge
from trust.policy import Audience, Repository, load_policy
from trust.verdict import Group

ROOT = Path(__file__).parents[1]
FOLDERS = recipe_folders(ROOT)
AT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def recipes() -> tuple[Recipe, ...]:
    return load_all(ROOT)


def test_all_recipes_and_bases_check_clean() -> None:
    assert [str(problem) for problem in check(ROOT).problems] == []


def test_every_recipe_is_locked_planned_and_judged_without_a_refusal(
    recipes: tuple[Recipe, ...], tmp_path: Path
) -> None:
    context = Context(project=ROOT, state=tmp_path, console=Console(quiet=True))
    in_use = [recipe for recipe in recipes if recipe.retire is None]
    mine = [recipe.name for recipe in in_use if recipe.install is Install.PUBLISHER]

    found = planning.plan(context, recipes, at=AT)
    refusals = policy_problems(context, recipes, at=AT)

    assert [f"{item.recipe.name}: {item.why}" for item in found.blocked] == []
    assert [item.recipe.name for item in found.planned] == mine
    assert len(found.for_sites) == len(in_use) - len(mine)
    assert len({item.plan.id for item in found.planned}) == len(mine)
    assert [str(problem) for problem in refusals] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=key_of)
def test_a_recipe_says_what_the_catalogue_shows(folder: Path) -> None:
    recipe = load_recipe(folder)

    assert recipe.license.evidence
    assert recipe.source or recipe.install is Install.SITE  # there it is seldom shown to anybody
    assert recipe.commands
    assert recipe.runtime.memory
    assert recipe.runtime.time


@pytest.mark.parametrize("folder", FOLDERS, ids=key_of)
def test_a_recipe_shows_that_the_program_works(folder: Path) -> None:
    recipe = load_recipe(folder)

    assert recipe.retire or any(_shows_work(test) for test in recipe.tests)


def _shows_work(test: Test) -> bool:
    """Return whether a test looks at what a program makes, or at a file that its window has opened."""
    if test.window is not None:
        shown = test.window.replace("\\", "")
        return any(PurePath(word).suffix and word in shown for word in (test.run or "").split())
    return bool(test.expect or test.stdout or test.files) and "--version" not in (test.run or "")


def test_the_recipes_cover_what_there_is(recipes: tuple[Recipe, ...]) -> None:
    recipes = tuple(recipe for recipe in recipes if recipe.install is Install.PUBLISHER)
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
    assert kinds == set(TestKind) - {TestKind.SMOKE}


HELD = tuple(folder for folder in FOLDERS if load_recipe(folder).install is Install.SITE)
PUBLIC, SITE = "software.pan.example.org", "software.site.example.org"


def test_there_are_packages_that_only_a_licence_holder_installs() -> None:
    assert {"xds", "ccp4", "shelx", "phenix", "atsas", "pdfgetx3", "fullprof", "vesta"} <= {
        folder.name for folder in HELD
    }
    assert len(HELD) >= 12
    assert len(FOLDERS) - len(HELD) >= 19


@pytest.mark.parametrize("folder", HELD, ids=key_of)
def test_what_a_holder_installs_is_kept_from_everybody_else(folder: Path) -> None:
    """The same recipe under the project's own policy, in a public repository and in a site's own."""
    recipe = load_recipe(folder)
    policy = replace(
        load_policy(ROOT / "trust-policy"),
        repositories=(Repository(PUBLIC, Audience.PUBLIC), Repository(SITE, Audience.SITE)),
    )

    def refused(repository: str) -> list[str]:
        evidence = gather(
            recipe, purpose=Purpose.MERGE, facts=BuildFacts(inputs=()), repository=repository
        )
        verdict = judge(policy, evidence, at=AT)
        return [finding.rule for finding in verdict.refusals if finding.group is Group.LICENSING]

    assert recipe.license.redistribution is Redistribution.FORBIDDEN
    assert refused(PUBLIC) == ["redistribution"]
    assert refused(SITE) == []
    lock = read_package_lock(recipe, read_base_plan(ROOT / "recipes" / "bases" / recipe.base).lock)
    assert lock.sources == ()


def test_every_base_is_used(recipes: tuple[Recipe, ...]) -> None:
    bases = load_bases(ROOT)
    used = {recipe.base for recipe in recipes} | {base.on for base in bases if base.on}
    offered = {"debian-12-jupyter"}  # for kernels that need no NumPy; all of ours do
    assert used | offered == {base.name for base in bases}
