# SPDX-License-Identifier: BSD-3-Clause
"""A schedule builds published packages again and says which come out the same; the base is lent to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from builder.images.plan import BuildPlan
from builder.state import State
from core.console import Console
from core.errors import UserError
from pansoft import clock, loop, rebuild, workspace
from pansoft.commands.ci.rebuild import rebuild as command
from pansoft.context import Context
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, add_recipe, real_project

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@pytest.fixture
def context(builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Return a project whose two packages are published."""
    clean = rebuild._clean_state

    def with_bases(folder: Path, plan: BuildPlan, state: State) -> State:
        made = clean(folder, plan, state)
        (folder / "bases").symlink_to(builds.state.folder / "bases")
        return made

    monkeypatch.setattr(rebuild, "_clean_state", with_bases)
    monkeypatch.setattr(clock, "now", lambda: AT)
    project = real_project(tmp_path / "project")
    add_recipe(project, "other", PLOT)
    state = builds.beside(tmp_path / "state")
    made = Context(project=project, state=state.folder, console=Console(quiet=True))
    report = loop.apply(made, workspace.recipes_named(made, []), at=AT, jobs=2)
    assert report.failures == ()
    return made


def run(context: Context, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, obj=context, standalone_mode=False)


def test_what_is_published_comes_out_the_same(context: Context) -> None:
    done = run(context, "--json")

    assert done.return_value == 0
    told = {item["key"]: item for item in json.loads(done.output)}
    assert set(told) == {"plotter", "other"}
    assert all(item["same"] and len(item["sha256"]) == 64 for item in told.values())


def test_each_day_has_its_own(context: Context) -> None:
    days = [run(context, "--most", "1", "--day", f"2026-11-{day}").output for day in (23, 24)]

    assert {line.partition(":")[0] for line in days} == {"plotter", "other"}
    assert all("the same bytes, sha256 " in line for line in days)


def test_other_bytes_are_an_alarm_and_a_failed_build_is_told(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(recipe: object, plan: BuildPlan, *rest: object, **named: object) -> rebuild.Rebuilt:
        if plan.name == "other":
            raise UserError("an input is gone")
        return rebuild.Rebuilt(plan, {"published": "0" * 64}, "1" * 64, None, None)

    monkeypatch.setattr(rebuild, "rebuild", differs)

    done = run(context)

    assert done.return_value == 3
    assert f"plotter: other bytes: published {'0' * 64}, now {'1' * 64}" in done.output
    assert "other: cannot be built again: an input is gone" in done.output


def test_where_nothing_is_published_nothing_is_compared(builds: Builds, tmp_path: Path) -> None:
    project = real_project(tmp_path / "project")
    state = builds.beside(tmp_path / "state")
    bare = Context(project=project, state=state.folder, console=Console(quiet=True))

    assert run(bare).return_value == 0
