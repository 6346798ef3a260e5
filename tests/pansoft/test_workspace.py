# SPDX-License-Identifier: BSD-3-Clause
"""From names to recipes and plans, and where a project is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.recipes import load
from core.console import Console
from core.errors import InvalidInput, UserError
from pansoft import workspace
from pansoft.context import Context, find_project
from tests.builder.recipes.projects import RECIPE, make_project
from tests.real_projects import real_project


@pytest.fixture
def context(tmp_path: Path) -> Context:
    project = real_project(tmp_path / "project")
    return Context(project=project, state=tmp_path / "state", console=Console(quiet=True))


def test_names_become_recipes_each_once(context: Context) -> None:
    make_project(context.project, name="other", recipe=_recipe_named("other"))

    named = workspace.recipes_named(context, ["plotter", "other", "plotter"])
    everything = workspace.recipes_named(context, [])

    assert [recipe.name for recipe in named] == ["plotter", "other"]
    assert [recipe.name for recipe in everything] == ["other", "plotter"]


def _recipe_named(name: str) -> str:
    return RECIPE.replace("name: plotter", f"name: {name}", 1)


def test_only_the_named_recipes_are_read(context: Context) -> None:
    make_project(context.project, name="broken", recipe="nonsense: [")

    assert [recipe.name for recipe in workspace.recipes_named(context, ["plotter"])] == ["plotter"]
    with pytest.raises(InvalidInput):
        workspace.recipes_named(context, ["broken"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ploter", "did you mean plotter?"),
        ("something-else", "see them with: ls recipes"),
        ("../project/recipes/plotter", "see them with: ls recipes"),
        ("", "see them with: ls recipes"),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_is_near(
    context: Context, name: str, hint: str
) -> None:
    with pytest.raises(UserError, match="there is no recipe named") as missing:
        workspace.recipes_named(context, [name])

    assert missing.value.hint == hint


def test_bases_are_told_from_recipes_by_their_names(context: Context) -> None:
    bases = workspace.bases_named(context, ["plotter", "debian-12", "debian-12"])

    assert [base.name for base in bases] == ["debian-12"]


def test_a_plan_is_made_of_the_recipe_its_lock_and_its_base(context: Context) -> None:
    [recipe] = workspace.recipes_named(context, [])

    plan = workspace.plan_of(context, recipe)

    assert (plan.name, plan.base.name) == ("plotter", "debian-12")
    assert plan.id == workspace.plan_of(context, load.load_recipe(recipe.folder)).id


def test_a_recipe_on_a_base_that_was_locked_again_has_a_stale_lock(context: Context) -> None:
    [recipe] = workspace.recipes_named(context, [])
    lock = workspace.bases_of(context, recipe.base)[-1].lock_file
    lock.write_text(lock.read_text().replace('"epoch": 1', '"epoch": 2'))

    with pytest.raises(InvalidInput) as stale:
        workspace.plan_of(context, recipe)

    [problem] = stale.value.problems
    assert problem.hint == "make it again with: pansoft lock plotter"


def test_the_state_folder_is_made_where_it_is_missing(context: Context) -> None:
    state = workspace.state_of(context)

    assert state.folder == context.state
    assert list(context.state.iterdir()) == []


def test_a_state_folder_that_cannot_be_made_is_the_users_to_mend(context: Context) -> None:
    context.state.write_text("a file")

    with pytest.raises(UserError, match="cannot be written to: File exists") as refused:
        workspace.state_of(context)

    assert refused.value.hint == "keep the state somewhere else: pansoft --state DIR …"


def test_a_state_folder_where_nobody_may_write_is_the_users_to_mend(context: Context) -> None:
    in_proc = replace(context, state=Path("/proc/pansoft"))  # closed to root as well

    with pytest.raises(UserError, match="/proc/pansoft cannot be written to"):
        workspace.state_of(in_proc)


@pytest.mark.parametrize("below", [".", "recipes", "recipes/plotter"])
def test_a_project_is_found_from_anywhere_in_it(context: Context, below: str) -> None:
    start = (context.project / below).resolve()

    assert find_project(start, fallback=Path("/nowhere")) == context.project


def test_elsewhere_the_project_is_the_programs_own(context: Context, tmp_path: Path) -> None:
    assert find_project(tmp_path, fallback=context.project) == context.project


def test_where_there_is_no_project_the_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no project at or above") as missing:
        find_project(tmp_path, fallback=tmp_path)

    assert "--project DIR" in str(missing.value.hint)
