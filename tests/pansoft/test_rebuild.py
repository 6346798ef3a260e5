# SPDX-License-Identifier: BSD-3-Clause
"""A rebuild in a clean state finds the same bytes, or says what is not the same.

Here the bases are lent to the clean state, for a base takes half a minute; that they are built again as
well is seen in tests/integration/test_rebuild.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builder.images.plan import BuildPlan
from builder.inputs.cache import InputCache
from builder.state import State
from core.console import Console
from core.errors import Refused, UserError
from pansoft import rebuild
from pansoft.commands.build import build
from pansoft.commands.diff import diff
from pansoft.commands.verify import verify
from pansoft.context import Context
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, real_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "unsquashfs", "mmdebstrap")

BY_CHANCE = (
    "mkdir $PREFIX/bin; cat /proc/sys/kernel/random/uuid > $PREFIX/bin/plot; echo a > $PREFIX/a"
)


@pytest.fixture
def context(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Context]:
    clean = rebuild._clean_state

    def with_bases(folder: Path, plan: BuildPlan, state: State) -> State:
        made = clean(folder, plan, state)
        (folder / "bases").symlink_to(builds.state.folder / "bases")
        return made

    monkeypatch.setattr(rebuild, "_clean_state", with_bases)
    state = builds.beside(tmp_path / "state")

    def of(script: str) -> Context:
        project = real_project(tmp_path / "project", script)
        return Context(project=project, state=state.folder, console=Console(quiet=True))

    return of


def run(command: Any, context: Context, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, obj=context, standalone_mode=False)


def test_the_same_lock_gives_the_same_bytes(context: Callable[[str], Context]) -> None:
    here = context(PLOT)
    before = json.loads(run(build, here, "plotter", "--json").output)[0]

    said = json.loads(run(verify, here, "--rebuild", "plotter", "--json").output)

    assert said["same"]
    assert said["known"] == {"built": before["sha256"]}
    assert said["sha256"] == before["sha256"]
    assert said["same_bills"]
    assert list((here.state / "scratch").iterdir()) == []


def test_what_a_script_makes_by_chance_is_named(context: Callable[[str], Context]) -> None:
    here = context(BY_CHANCE)
    run(build, here, "plotter")

    done = run(verify, here, "--rebuild", "plotter")

    assert isinstance(done.exception, Refused)
    assert "comes out with other bytes" in done.exception.message
    assert "~ /opt/plotter/bin/plot 37 B (content)" in done.output
    assert "/opt/plotter/a" not in done.output


def test_without_an_image_there_is_nothing_to_compare_with(
    context: Callable[[str], Context],
) -> None:
    done = run(verify, context(PLOT), "--rebuild", "plotter")

    assert isinstance(done.exception, UserError)
    assert "neither built nor published" in done.exception.message


def test_a_damaged_input_is_not_taken_over(builds: Builds, tmp_path: Path) -> None:
    plan = builds.plan("true")
    inputs = plan.base.lock.inputs[:2]
    old = State(tmp_path / "old")
    for item in inputs:
        file = InputCache(old.inputs).path(item.sha256)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(InputCache(builds.state.inputs).path(item.sha256).read_bytes())
    damaged = InputCache(old.inputs).path(inputs[0].sha256)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    clean = rebuild._clean_state(tmp_path / "new", plan, old)

    assert not InputCache(clean.inputs).has(inputs[0].sha256)
    assert InputCache(clean.inputs).is_whole(inputs[1].sha256)


def test_images_are_compared_by_name_by_plan_and_by_path(
    context: Callable[[str], Context],
) -> None:
    here = context(PLOT)
    before = json.loads(run(build, here, "plotter", "--json").output)[0]
    later = context(PLOT.replace("plotted", "drawn"))
    run(build, later, "plotter")

    for name in (before["image"], str(Path(before["image"]).parent), before["plan"][:12]):
        said = run(diff, later, name, "plotter").output
        assert "~ /opt/plotter/bin/plot 23 B -> 21 B (content)" in said
    assert run(diff, later, "plotter", "plotter").output.endswith("the same, byte for byte\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/where.sif", "there is no image at no/where.sif"),
        ("none", "there is no recipe named 'none'"),
        ("abcdef123456", "there is no recipe named"),
        ("plotter", "is not built as its recipe and lock are now"),
    ],
)
def test_what_is_no_image_is_said(
    context: Callable[[str], Context], name: str, message: str
) -> None:
    done = run(diff, context(PLOT), name, name)

    assert isinstance(done.exception, UserError)
    assert message in done.exception.message
