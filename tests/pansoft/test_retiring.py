# SPDX-License-Identifier: BSD-3-Clause
"""A version is retired: not before its notice is over, and what was published stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from core.errors import UserError
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
LATER = AT + timedelta(hours=9)
IMAGE, WRAPPER, PAGE = (
    "images/plotter/5.4.4/plotter.sif",
    "testing/bin/plot",
    "testing/catalog/packages/plotter/index.html",
)


@dataclass(frozen=True)
class Seen:
    """What the repository holds after a run: the files of these paths, None where there is none."""

    report: LoopReport
    image: bool
    wrapper: bytes | None
    page: str
    index: str


def apply(context: Context, hours: int) -> Seen:
    """Make the repository equal to git, so many hours after AT, and return what it holds."""
    recipes = workspace.recipes_named(context, [])
    report = loop.apply(context, recipes, at=AT + timedelta(hours=hours), jobs=1)
    with target.read(State(context.state), at=LATER) as reader:
        return Seen(
            report,
            reader.lookup(IMAGE) is not None,
            reader.read(WRAPPER) if reader.lookup(WRAPPER) is not None else None,
            reader.read(PAGE).decode(),
            reader.read("testing/catalog/index.html").decode(),
        )


def retire(project: Path) -> str:
    """Retire the plotter in git, for the drawer, and return the recipe as it was."""
    file = project / "recipes" / "plotter" / "recipe.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(
        f"{before}release:\n  replaced_by: drawer\nretire: It plots no more.\n", encoding="utf-8"
    )
    return before


def give_notice(project: Path) -> None:
    """Put a notice into the policy whose day has come."""
    file = project / "trust-policy" / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    announced, on = ((AT - timedelta(days=days)).date() for days in (100, 2))
    notice = (
        "  retirements:\n    - package: plotter\n      versions: [5.4.4]\n"
        f'      announced: "{announced}"\n      "on": "{on}"\n      reason: It plots no more.\n'
    )
    assert text.count("  retirements: []\n") == 1
    file.write_text(text.replace("  retirements: []\n", notice), encoding="utf-8")


@pytest.fixture(scope="module")
def context(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("retiring")
    project = real_project(folder / "project")
    add_recipe(project, "drawer", PLOT.replace("bin/plot", "bin/draw"))
    drawer = project / "recipes" / "drawer" / "recipe.yaml"
    text = drawer.read_text(encoding="utf-8")
    drawer.write_text(
        text.replace("  - plot\n", "  - draw\n").replace("run: plot\n", "run: draw\n"),
        encoding="utf-8",
    )
    return Context(project, builds.beside(folder / "state").folder, Console(quiet=True))


def test_a_retirement_from_the_notice_to_its_taking_back(context: Context) -> None:
    first = apply(context, 0)
    before = retire(context.project)
    refused = apply(context, 1)
    give_notice(context.project)
    retired = apply(context, 2)
    again = apply(context, 3)

    assert first.wrapper is not None
    # without a notice it stays in use
    assert refused.report.outcome is not None
    assert [verdict.name for verdict in refused.report.outcome.refused] == ["plotter"]
    assert refused.wrapper == first.wrapper
    # with one, nothing leads to it any more, and it is where it was
    assert retired.report.outcome is not None
    assert retired.report.outcome.refused == ()
    assert retired.image
    assert retired.wrapper is None
    assert "It plots no more." in retired.page
    assert "../drawer/index.html" in retired.page
    assert "How to run it" in retired.page
    assert "setup.sh" not in retired.page
    assert 'id="retired"' in retired.index
    assert 'id="retired"' not in first.index
    [told] = published.retired_in(State(context.state), at=LATER)
    assert (told.name, told.version, told.replaced_by) == ("plotter", "5.4.4", "drawer")
    assert told.since == (AT + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    # the second time there is nothing to do
    assert again.report.outcome is not None
    assert not again.report.outcome.publication.is_new
    assert again.report.planned[0].recipe.name == "drawer"
    assert [item.recipe.name for item in again.report.retired] == ["plotter"]
    report = run_report.report_of(again.report, Stopwatch(), at=AT, before={})
    assert {row.name: row.ended for row in report.rows} == {
        "drawer": Ended.PUBLISHED,
        "plotter": Ended.RETIRED,
    }
    lines = planning.overview(context, [], at=LATER)
    assert {line.name: line.status for line in lines} == {
        "drawer": Status.PUBLISHED,
        "plotter": Status.RETIRED,
    }
    # nobody builds it by mistake
    [recipe] = workspace.recipes_named(context, ["plotter"])
    with pytest.raises(UserError, match=r"is retired: It plots no more\.") as caught:
        workspace.plan_of(context, recipe)
    assert caught.value.hint == "use drawer instead"
    # git takes it back
    (context.project / "recipes" / "plotter" / "recipe.yaml").write_text(before, encoding="utf-8")
    back = apply(context, 4)
    assert back.wrapper == first.wrapper
    assert 'id="retired"' not in back.index
    assert published.retired_in(State(context.state), at=LATER) == ()


def test_one_that_was_never_published_is_told_of(
    builds: Builds, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("never")
    project = real_project(folder / "project")
    add_recipe(project, "drawer", PLOT)
    retire(project)
    (project / "recipes" / "plotter" / "lock.json").unlink()
    context = Context(project, builds.beside(folder / "state").folder, Console(quiet=True))

    report = loop.apply(context, workspace.recipes_named(context, []), at=AT, jobs=1)

    assert report.failures == ()
    assert report.outcome is not None
    assert [entry.name for entry in report.outcome.fresh] == ["drawer"]
    [told] = published.retired_in(State(context.state), at=LATER)
    assert (told.name, told.since) == ("plotter", None)
    with target.read(State(context.state), at=LATER) as reader:
        index = reader.read("testing/catalog/index.html").decode()
    assert "never published here" in index
