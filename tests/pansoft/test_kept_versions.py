# SPDX-License-Identifier: BSD-3-Clause
"""Several versions of a package at once: built, published, and one of them is what users get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from builder.state import State
from catalog.standing import in_standing
from core.console import Console
from pansoft import loop, planning, published, target, workspace
from pansoft.context import Context
from pansoft.loop import LoopReport
from pansoft.planning import Status
from pansoft.reports import run_report
from pansoft.reports.run_report import Ended, Stopwatch
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, keep_version, real_project

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
OLD, NEW, NEWEST = "5.4.3", "5.4.4", "5.4.10"


@dataclass(frozen=True)
class Applied:
    context: Context
    first: LoopReport
    second: LoopReport
    watch: Stopwatch

    @property
    def state(self) -> State:
        return State(self.context.state)


@pytest.fixture(scope="module")
def applied(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """Return a project whose current version was published first, and then an older one beside it."""
    folder = tmp_path_factory.mktemp("kept")
    project = real_project(folder / "project")
    context = Context(project, builds.beside(folder / "state").folder, Console(quiet=True))
    watch = Stopwatch()
    first = loop.apply(context, workspace.recipes_named(context, []), at=AT, jobs=1)
    keep_version(project, "plotter", OLD, PLOT.replace("plotted", "plotted before"))
    recipes = workspace.recipes_named(context, [])
    second = loop.apply(context, recipes, at=AT + timedelta(hours=1), jobs=1)
    return Applied(context, first, second, watch)


def test_both_versions_are_published(applied: Applied) -> None:
    outcome = applied.second.outcome

    assert applied.second.failures == ()
    assert outcome is not None
    assert outcome.refused == ()
    assert [(entry.version, entry.kept) for entry in outcome.fresh] == [(OLD, True)]
    with target.read(applied.state, at=AT + timedelta(hours=2)) as reader:
        for version in (OLD, NEW):
            assert reader.lookup(f"images/plotter/{version}/plotter.sif") is not None


def test_the_current_version_is_what_users_get(applied: Applied) -> None:
    with target.read(applied.state, at=AT + timedelta(hours=2)) as reader:
        wrapper = reader.read("testing/bin/plot").decode()
        page = reader.read("testing/catalog/packages/plotter/index.html").decode()

    assert f"plotter/{NEW}/" in wrapper
    assert OLD not in wrapper
    assert OLD in page
    entries = published.entries_in(applied.state, at=AT + timedelta(hours=2))
    assert [entry.version for entry in in_standing(entries)] == [NEW, OLD]


def test_a_plan_has_a_line_for_each(applied: Applied) -> None:
    lines = planning.overview(applied.context, [], at=AT + timedelta(hours=2))
    again = planning.overview(applied.context, [f"plotter@{OLD}"], at=AT + timedelta(hours=2))

    assert [(line.version, line.status) for line in lines] == [
        (NEW, Status.PUBLISHED),
        (OLD, Status.PUBLISHED),
    ]
    assert [line.version for line in again] == [OLD]


def test_the_report_tells_them_apart(applied: Applied) -> None:
    report = run_report.report_of(applied.second, applied.watch, at=AT, before={})

    assert [(row.name, row.version, row.ended) for row in report.rows] == [
        ("plotter", NEW, Ended.PUBLISHED),
        ("plotter", OLD, Ended.PUBLISHED),
    ]


def test_the_newest_of_one_moment_stands_for_the_package(applied: Applied) -> None:
    """Publishing everything anew gives all versions the same time; 5.4.10 is newer than 5.4.4."""
    [current] = [
        entry
        for entry in published.entries_in(applied.state, at=AT + timedelta(hours=2))
        if entry.version == NEW
    ]
    newest = replace(current, version=NEWEST)
    kept = replace(current, version="6.0", kept=True)

    assert in_standing([current, kept, newest]) == (newest, current, kept)
