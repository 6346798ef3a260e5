# SPDX-License-Identifier: BSD-3-Clause
"""Two runs of `apply` at once, and one after a change of a line: in order, and no more than has to be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.executors.executor import Outcome, PackageDone, Plan
from builder.images.built import built
from builder.images.plan import BuildPlan
from builder.state import State
from core.console import Console
from core.event_log import EventLog
from core.events import Result, Stage, read_events
from core.files import identity_of
from cvmfs.checking.check import check as check_repository
from pansoft import clock, loop, published, target, turns, workspace
from pansoft.checkout import Checkout
from pansoft.context import Context
from pansoft.forward import committed_at
from pansoft.journal import runs_in
from tests.checkouts import commit, git, new_checkout
from tests.real_projects import PLOT, add_recipe, lock_recipe, real_project
from tests.small_images import put_built

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "setpriv", "git")

ROOT = Path(__file__).parents[2]
# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
NAMES = ("drawer", "plotter", "sketcher")


def add(project: Path, name: str) -> None:
    """Add a recipe with a command of its own."""
    add_recipe(project, name, PLOT.replace("bin/plot", f"bin/{name}"))
    file = project / "recipes" / name / "recipe.yaml"
    text = file.read_text().replace("  - plot\n", f"  - {name}\n")
    file.write_text(text.replace("run: plot\n", f"run: {name}\n"))


def start(project: Path, state: Path, *options: str) -> subprocess.Popen[str]:
    where = ("--project", project, "--state", state)
    return subprocess.Popen(
        [sys.executable, "-m", "pansoft", *where, "apply", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("CI")},
    )


def end(process: subprocess.Popen[str]) -> str:
    """Wait for a run, which has to end well, and return what it said."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out + err


def test_two_merges_in_a_row_are_published_one_after_the_other(tmp_path: Path) -> None:
    project = real_project(new_checkout(tmp_path / "first"))
    commits = [commit(project, "plotter")]
    second = tmp_path / "second"
    git(tmp_path, "clone", "-q", str(project), str(second))
    add(second, "drawer")
    commits.append(commit(second, "drawer"))
    state = State(tmp_path / "state")
    context = Context(second, state.folder, Console(quiet=True))
    for recipe in workspace.recipes_named(context, []):
        put_built(context, recipe)

    one = start(project, state.folder)
    while not turns.is_taken(state):
        assert one.poll() is None, one.communicate()
        time.sleep(0.01)
    other = start(second, state.folder, "--forward")

    assert "published 1 package as revision 2" in end(one)
    assert "published 1 package as revision 3" in end(other)
    runs = runs_in(state.journal)
    assert [run.began.commit for run in runs] == commits
    assert [run.began.committed for run in runs] == [
        committed_at(Checkout(second), each) for each in commits
    ]
    assert [run.began.revision for run in runs] == [None, 2]
    assert [[each.packages for each in run.published] for run in runs] == [
        [("plotter 5.4.4",)],
        [("drawer 5.4.4",)],
    ]
    assert [run.ended.result for run in runs if run.ended] == ["done", "done"]
    assert runs[0].ended is not None
    assert runs[0].ended.at <= runs[1].began.at
    retried = start(project, state.folder, "--forward")  # its clone has not the newer commit
    _, said = retried.communicate(timeout=600)
    assert retried.returncode == 2, said
    assert f"{commits[1][:12]}, which was applied on {runs[1].began.at}; nothing was done" in said
    assert runs_in(state.journal) == runs
    with target.read(state, at=clock.now()) as reader:
        assert check_repository(reader).findings == ()
        assert {entry.name for entry in published.entries_of(reader)} == {"plotter", "drawer"}


@dataclass
class Small:
    """An executor that makes small images, and remembers of which plans."""

    context: Context
    asked: list[str] = field(default_factory=list)

    def run(self, plans: Sequence[Plan]) -> Iterator[Outcome]:
        for plan in plans:
            assert isinstance(plan, BuildPlan)
            self.asked.append(plan.name)
            [recipe] = workspace.recipes_named(self.context, [plan.name])
            put_built(self.context, recipe)
            made = built(plan, State(self.context.state))
            assert made is not None
            yield PackageDone(plan, replace(made, fresh=True))


@dataclass(frozen=True)
class Snapshot:
    """What a state and its repository hold: each signed folder, and what holds each published file."""

    signed: dict[str, tuple[int, int] | None]
    files: Mapping[str, tuple[object, ...]]


def snapshot(context: Context) -> Snapshot:
    state = State(context.state)
    with target.read(state, at=AT + timedelta(hours=1)) as reader:
        assert check_repository(reader).findings == ()
        plans = [entry.plan for entry in published.entries_of(reader)]
        files = {
            entry.path: (entry.content_hash, entry.chunks, entry.mtime)
            for entry in reader.walk("images")
            if not entry.is_directory
        }
    return Snapshot({plan: identity_of(state.signed(plan)) for plan in plans}, files)


def test_a_change_of_one_line_builds_signs_and_publishes_one_package(tmp_path: Path) -> None:
    project = real_project(tmp_path / "project")
    add(project, "drawer")
    add(project, "sketcher")
    context = Context(project, tmp_path / "state", Console(quiet=True))
    state, small = State(context.state), Small(context)

    def apply(minutes: int) -> loop.LoopReport:
        at = AT + timedelta(minutes=minutes)
        log = EventLog(state.events, trace=f"run-{minutes}", verb="apply", at=at, warn=pytest.fail)
        recipes = workspace.recipes_named(context, [])
        return loop.apply(replace(context, events=log), recipes, at=at, jobs=2, executor=small)

    apply(0)
    assert sorted(small.asked) == sorted(NAMES)
    before = snapshot(context)
    small.asked.clear()
    recipe = project / "recipes" / "drawer" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("version: 5.4.4", "version: 5.4.5"))
    lock_recipe(project, "drawer", "debian-12")

    report = apply(5)

    assert small.asked == ["drawer"]
    assert report.outcome is not None
    assert [(e.name, e.version) for e in report.outcome.fresh] == [("drawer", "5.4.5")]
    after = snapshot(context)
    assert {plan: after.signed[plan] for plan in before.signed} == before.signed
    assert {path: after.files.get(path) for path in before.files} == before.files
    new = after.files.keys() - before.files.keys()
    assert new
    assert all(path.startswith("images/drawer/5.4.5/") for path in new)
    events = [event for event in read_events([state.events]).events if event.trace == "run-5"]
    worked = {(e.stage, e.package) for e in events if e.result is Result.DONE and e.package}
    # what the small executor makes is no event; a small image's tests are known
    assert worked == {(Stage.SIGN, "drawer"), (Stage.PUBLISH, "drawer")}
    reused = {e.package for e in events if e.stage is Stage.PUBLISH and e.result is Result.REUSED}
    assert reused == {"plotter", "sketcher"}
