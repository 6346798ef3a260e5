# SPDX-License-Identifier: BSD-3-Clause
"""What was planned before is not read again, and never believed when something changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.inputs.lock import package_asked, read_base_lock, read_package_lock, write_package_lock
from builder.recipes import load
from builder.recipes.load import Reading
from builder.state import State
from core.console import Console
from core.errors import InvalidInput
from pansoft import planning, workspace
from pansoft.context import Context
from pansoft.plan_cache import Outline, PlanCache, Published, digest_of
from pansoft.planning import Line, Status
from tests.builder.recipes.projects import RECIPE, make_project
from tests.real_projects import real_project

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    project = real_project(tmp_path / "project")
    (tmp_path / "state").mkdir()
    return Context(project=project, state=tmp_path / "state", console=Console(quiet=True))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the recipes that were read, as they are."""
    names: list[str] = []
    read_recipe = load.read_recipe

    def noted(folder: Path, *, bases: Path | None = None) -> Reading:
        names.append(folder.name)
        return read_recipe(folder, bases=bases)

    monkeypatch.setattr(load, "read_recipe", noted)
    return names


def overview(context: Context) -> tuple[Line, ...]:
    return planning.overview(context, [], at=AT)


def afresh(context: Context) -> tuple[Line, ...]:
    """Return what planning without a memory says."""
    recipes = workspace.recipes_named(context, [])
    return planning.lines(planning.plan(context, recipes, at=AT))


def test_what_did_not_change_is_not_read_again(context: Context, read: list[str]) -> None:
    first = overview(context)
    again = overview(context)

    assert read == ["plotter"]
    assert again == first == afresh(context)
    assert first[0].status is Status.NEW


def _edit_recipe(recipes: Path) -> None:
    file = recipes / "plotter" / "recipe.yaml"
    file.write_text(file.read_text().replace("version: 5.4.4", "version: 5.4.5"))


def _edit_lock(recipes: Path) -> None:
    recipe = load.load_recipe(recipes / "plotter")
    base = read_base_lock(load.load_base(recipes / "bases" / "debian-12"))
    lock = read_package_lock(recipe, base)
    file = recipe.lock_file
    write_package_lock(lock, file)
    file.write_text(file.read_text().replace('"debian": []', _ONE_PACKAGE))


_ONE_PACKAGE = '"debian": [' + json.dumps(
    {"name": "tiny", "version": "1", "architecture": "all", "path": "pool/tiny.deb", "size": 1,
     "sha256": "0" * 64}
) + "]"  # fmt: skip


def _edit_base_lock(recipes: Path) -> None:
    base = load.load_base(recipes / "bases" / "debian-12")
    file = base.lock_file
    file.write_text(file.read_text().replace('"epoch": 1', '"epoch": 2'))
    recipe = load.load_recipe(recipes / "plotter")
    lock = json.loads(recipe.lock_file.read_text())
    again = read_base_lock(base)
    lock |= {"asked": package_asked(recipe, again), "base": again.id}
    recipe.lock_file.write_text(json.dumps(lock))


@pytest.mark.parametrize("edit", [_edit_recipe, _edit_lock, _edit_base_lock])
def test_an_edit_is_seen(context: Context, edit: Callable[[Path], None]) -> None:
    [before] = overview(context)

    edit(context.recipes)
    after = overview(context)

    assert after == afresh(context)
    assert after[0].plan not in (None, before.plan)


def test_a_base_that_was_locked_again_makes_locks_stale(context: Context) -> None:
    overview(context)
    lock = context.recipes / "bases" / "debian-12" / "lock.json"
    lock.write_text(lock.read_text().replace('"epoch": 1', '"epoch": 2'))

    [line] = overview(context)

    assert line.status is Status.BLOCKED


def test_a_local_file_is_part_of_what_is_compared(context: Context) -> None:
    extra = context.recipes / "plotter" / "files" / "icon"
    extra.parent.mkdir()
    extra.write_text("one")
    before = digest_of(context.recipes / "plotter")
    extra.write_text("two")
    after = digest_of(context.recipes / "plotter")
    extra.rename(extra.with_name("other"))

    assert len({before, after, digest_of(context.recipes / "plotter")}) == 3


def test_an_edit_that_breaks_a_recipe_is_told(context: Context) -> None:
    overview(context)
    (context.recipes / "plotter" / "recipe.yaml").write_text("nonsense: [")

    with pytest.raises(InvalidInput):
        overview(context)


def test_a_recipe_without_a_lock_is_looked_at_each_time(context: Context, read: list[str]) -> None:
    (context.recipes / "plotter" / "lock.json").unlink()

    lines = [overview(context), overview(context)]

    assert [line.status for [line] in lines] == [Status.BLOCKED] * 2
    assert read == ["plotter"] * 2


def _truncate(text: str) -> str:
    return text[: len(text) // 2]


def _other_plan(text: str) -> str:
    plan = json.loads(text)["plans"]["plotter"]["plan"]
    return text.replace(plan, "f" * 64)


def _other_program(text: str) -> str:
    return json.dumps(json.loads(text) | {"basis": "0" * 64})


def _something_else(text: str) -> str:
    return '["no mapping"]'


@pytest.mark.parametrize("damage", [_truncate, _other_plan, _other_program, _something_else])
def test_a_damaged_memory_is_ignored(
    context: Context, read: list[str], damage: Callable[[str], str]
) -> None:
    first = overview(context)
    file = State(context.state).plans
    whole = file.read_text()
    file.write_text(damage(whole))

    assert overview(context) == first
    assert read == ["plotter"] * 2
    assert file.read_text() == whole


def test_what_leads_out_of_a_recipes_folder_is_never_remembered(
    context: Context, read: list[str]
) -> None:
    (context.recipes / "plotter" / "link").symlink_to("/etc/hostname")

    overview(context)
    overview(context)

    assert read == ["plotter"] * 2


def test_a_package_that_went_takes_its_successor_along(context: Context, read: list[str]) -> None:
    release = "release:\n  channel: testing\n  replaced_by: other\n"
    other = RECIPE.replace("name: plotter", "name: other", 1)
    make_project(context.project, name="other", recipe=other)
    real_project(context.project, changes={"tests:\n": f"{release}tests:\n"})
    overview(context)
    (context.recipes / "other" / "recipe.yaml").unlink()
    (context.recipes / "other").rmdir()
    read.clear()

    with pytest.raises(InvalidInput):
        overview(context)
    assert read == ["plotter"]


def test_recipes_that_are_gone_are_forgotten(tmp_path: Path, context: Context) -> None:
    state = State(tmp_path / "state")
    folder = context.recipes / "plotter"
    cache = PlanCache(state, context.recipes / "bases")
    kept = planning.overview(context, [], at=AT)[0].plan
    assert kept is not None
    cache.put(folder, "a digest", Outline("plotter", "5.4.4", kept))
    cache.put(context.recipes / "gone", "a digest", Outline("gone", "1", kept))

    cache.save([folder])

    again = PlanCache(state, context.recipes / "bases")
    assert again.get(folder, "a digest") == Outline("plotter", "5.4.4", kept)
    assert again.get(context.recipes / "gone", "a digest") is None


def test_what_is_published_is_kept_for_one_root_of_the_repository(context: Context) -> None:
    [line] = overview(context)
    assert line.plan is not None
    entries = (Published("plotter", "5.4.4", line.plan, "2026-11-22T00:00:00Z"),)
    cache = PlanCache(State(context.state), context.recipes / "bases")

    cache.put_published("one root", entries)
    cache.save([])

    again = PlanCache(State(context.state), context.recipes / "bases")
    assert again.published("one root") == entries
    assert again.published("another") is None


def test_a_state_that_cannot_be_written_is_no_error(context: Context) -> None:
    State(context.state).plans.mkdir()

    assert overview(context) == afresh(context)
    assert overview(context) == afresh(context)


def test_a_state_that_is_not_there_is_not_made(context: Context) -> None:
    context.state.rmdir()

    assert overview(context) == afresh(context)
    assert not context.state.exists()
