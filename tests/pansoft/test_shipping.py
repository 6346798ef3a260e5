# SPDX-License-Identifier: BSD-3-Clause
"""Packages published in loads, and published images that make room; on a small real project."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from cvmfs.checking.check import check as check_repository
from pansoft import loop, planning, published, target, workspace
from pansoft.context import Context
from pansoft.loop import LoopReport
from pansoft.planning import Status
from pansoft.reports import run_report
from pansoft.reports.run_report import Ended, Stopwatch
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, add_recipe, real_project

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
NAMES = ("broken", "drawer", "plotter")


@dataclass(frozen=True)
class Applied:
    context: Context
    report: LoopReport
    watch: Stopwatch

    @property
    def state(self) -> State:
        return State(self.context.state)

    def images(self) -> set[str]:
        """Return the plans whose images are in the state."""
        return {folder.name for folder in (self.context.state / "images").iterdir()}


@pytest.fixture(scope="module")
def applied(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """Return two packages and one that fails, each published as soon as it was ready, and no image kept."""
    folder = tmp_path_factory.mktemp("shipping")
    project = real_project(folder / "project")
    add_recipe(project, "drawer", PLOT)
    add_recipe(project, "broken", "exit 3")
    context = Context(project, builds.beside(folder / "state").folder, Console(quiet=True))
    watch = Stopwatch()
    recipes = workspace.recipes_named(context, [])
    report = loop.apply(context, recipes, at=AT, jobs=1, load=1, kept=0)
    return Applied(context, report, watch)


def test_each_load_is_a_revision_and_the_report_is_of_all(applied: Applied) -> None:
    outcome = applied.report.outcome

    assert outcome is not None
    assert sorted(entry.name for entry in outcome.fresh) == ["drawer", "plotter"]
    assert sorted(entry.name for entry in outcome.entries) == ["drawer", "plotter"]
    assert outcome.publication.is_new
    assert outcome.publication.revision == 3  # the empty repository is the first
    assert outcome.publication.new_bytes
    assert [failure.name for failure in applied.report.failures] == ["broken"]
    with target.read(applied.state, at=AT) as reader:
        assert check_repository(reader).findings == ()


def test_published_images_are_not_kept_above_what_they_may_take(applied: Applied) -> None:
    assert applied.report.outcome is not None
    plans = {entry.plan for entry in applied.report.outcome.entries}

    assert applied.images() & plans == set()
    assert not any((applied.context.state / "signed" / plan).exists() for plan in plans)


def test_what_is_published_is_not_built_again_for_want_of_its_image(applied: Applied) -> None:
    recipes = workspace.recipes_named(applied.context, ["drawer", "plotter"])
    found = planning.plan(applied.context, recipes, at=AT)
    again = loop.apply(applied.context, recipes, at=AT + timedelta(minutes=1), jobs=1)

    assert {item.status for item in found.planned} == {Status.PUBLISHED}
    assert again.brought == ()
    assert again.outcome is not None
    assert not again.outcome.publication.is_new
    assert len(published.entries_in(applied.state, at=AT)) == 2


def test_the_report_has_a_row_for_each_recipe(applied: Applied, tmp_path: Path) -> None:
    report = run_report.report_of(applied.report, applied.watch, at=AT, before={})
    run_report.write(report, tmp_path)

    rows = {row.name: row for row in report.rows}
    assert tuple(rows) == NAMES
    assert rows["broken"].ended is Ended.FAILED
    assert rows["broken"].why
    assert rows["broken"].why.startswith("build: ")
    for name in ("drawer", "plotter"):
        row = rows[name]
        assert (row.ended, row.fresh, row.verdict) == (Ended.PUBLISHED, True, "accepted")
        assert row.build_seconds is not None
        assert row.build_seconds > 0
        assert row.test_seconds is not None
        assert row.tests == row.tests_passed
        assert row.size is not None
        assert row.delta is not None
        assert row.size > row.delta > 0
    assert report.cpu_seconds > 0
    kept = json.loads((tmp_path / "report.json").read_bytes())
    assert [row["name"] for row in kept["rows"]] == list(NAMES)


def test_the_next_report_keeps_the_times_that_were_measured(
    applied: Applied, tmp_path: Path
) -> None:
    first = run_report.report_of(applied.report, applied.watch, at=AT, before={})
    run_report.write(first, tmp_path)
    recipes = workspace.recipes_named(applied.context, ["plotter"])
    again = loop.apply(applied.context, recipes, at=AT + timedelta(minutes=2), jobs=1)

    [row] = run_report.report_of(
        again, Stopwatch(), at=AT, before=run_report.rows_before(tmp_path)
    ).rows

    [measured] = [row for row in first.rows if row.name == "plotter"]
    assert (row.fresh, row.build_seconds) == (False, measured.build_seconds)


def test_images_that_are_not_published_stay(builds: Builds, tmp_path: Path) -> None:
    project = real_project(tmp_path / "project")
    state = builds.beside(tmp_path / "state")
    context = Context(project, state.folder, Console(quiet=True))
    stranger = state.folder / "images" / ("ab" * 32)
    stranger.mkdir(parents=True)
    (stranger / "left.sif").write_bytes(os.urandom(1 << 20))

    loop.apply(context, workspace.recipes_named(context, []), at=AT, jobs=1, kept=0)

    assert (stranger / "left.sif").exists()
