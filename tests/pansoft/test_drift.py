# SPDX-License-Identifier: BSD-3-Clause
"""What is missing of a published version is told of, and the next apply mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from cvmfs.checking.check import check as check_repository
from cvmfs.format.hashes import Suffix, object_path
from pansoft import embedded, loop, planning, target, workspace
from pansoft.context import Context
from pansoft.explained_plan import explanation_of
from pansoft.loop import LoopReport
from pansoft.planning import Status
from tests.builder.conftest import Builds
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
FOLDER = "images/plotter/5.4.4"


@pytest.fixture(scope="module")
def first(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("drift")
    project = real_project(folder / "project")
    context = Context(project, builds.beside(folder / "state").folder, Console(quiet=True))
    assert apply(context, AT).failures == ()
    return context


@pytest.fixture
def context(first: Context, tmp_path: Path) -> Context:
    """Return a copy of a project whose one package is published, and of its state."""
    project = Path(shutil.copytree(first.project, tmp_path / "project"))
    state = Path(shutil.copytree(first.state, tmp_path / "state", symlinks=True))
    return Context(project, state, Console(quiet=True))


def apply(context: Context, at: datetime) -> LoopReport:
    return loop.apply(context, workspace.recipes_named(context, []), at=at, jobs=1)


def take_away(path: str) -> Callable[[State], None]:
    """Return who publishes a revision without a path."""

    def take(state: State) -> None:
        with target.backend_of(state, at=AT).transaction(at=AT, message="by hand") as tx:
            tx.remove(path)

    return take


def lose_an_object(state: State) -> None:
    """Remove an object that holds a stretch of the image."""
    with target.read(state, at=AT) as reader:
        chunk = reader.entry(f"{FOLDER}/plotter.sif").chunks[-1]
    (embedded.folder_of(state) / object_path(chunk.content_hash, Suffix.CHUNK)).unlink()


def forget_the_image(context: Context) -> None:
    """Remove what is built and signed, as where the state made room."""
    for name in ("images", "signed"):
        shutil.rmtree(context.state / name)


CASES = [
    (take_away(FOLDER), ", and it is not there any more"),
    (take_away(f"{FOLDER}/plotter.sif"), f", and {FOLDER}/plotter.sif is not there"),
    (
        take_away(f"{FOLDER}/plotter.sif.statement.json"),
        f", and {FOLDER}/plotter.sif.statement.json is not there",
    ),
    (lose_an_object, f", and an object of {FOLDER}/plotter.sif is lost: data/"),
]


@pytest.mark.parametrize(("damage", "said"), CASES, ids=["version", "image", "statement", "object"])
def test_what_is_missing_is_told_and_mended(
    context: Context, damage: Callable[[State], None], said: str
) -> None:
    state = State(context.state)
    damage(state)
    [item] = planning.plan(context, workspace.recipes_named(context, []), at=AT).planned
    assert item.status is Status.BUILT
    assert said in item.why
    assert said in explanation_of(context, "plotter", at=AT).why

    report = apply(context, AT + timedelta(minutes=1))

    assert report.outcome is not None
    assert [entry.name for entry in report.outcome.fresh] == ["plotter"]
    assert [entry.name for entry in report.outcome.entries] == ["plotter"]
    with target.read(state, at=AT + timedelta(hours=1)) as reader:
        assert check_repository(reader).findings == ()
        assert reader.lookup(f"{FOLDER}/plotter.sif.statement.json") is not None
    again = apply(context, AT + timedelta(minutes=2))
    assert again.outcome is not None
    assert not again.outcome.publication.is_new


def test_it_is_mended_also_where_its_image_is_made_anew(context: Context) -> None:
    state = State(context.state)
    take_away(f"{FOLDER}/plotter.sif")(state)
    forget_the_image(context)
    [line] = planning.overview(context, [], at=AT)
    assert line.status is Status.NEW
    assert line.why.endswith("plotter.sif is not there")

    report = apply(context, AT + timedelta(minutes=1))

    assert report.failures == ()
    assert report.outcome is not None
    assert report.outcome.refused == ()
    [line] = planning.overview(context, [], at=AT + timedelta(hours=1))
    assert line.status is Status.PUBLISHED


def test_what_is_whole_misses_nothing(context: Context) -> None:
    found = planning.plan(context, workspace.recipes_named(context, []), at=AT)

    assert found.lost == frozenset()
    assert [item.status for item in found.planned] == [Status.PUBLISHED]


def test_what_is_published_without_a_recipe_is_told_of_until_it_is_out_of_use(
    context: Context,
) -> None:
    recipe = context.project / "recipes" / "plotter" / "recipe.yaml"
    shutil.copytree(recipe.parent, context.project / "recipes" / "drawer")
    other = context.project / "recipes" / "drawer" / "recipe.yaml"
    other.write_text(other.read_text().replace("name: plotter", "name: drawer"))
    shutil.rmtree(recipe.parent)

    [line] = planning.orphaned(context, at=AT)

    assert (line.name, line.version, line.status) == ("plotter", "5.4.4", Status.ORPHANED)
    assert "in use, and git has no recipe of it" in line.why
    of_git, last = planning.overview(context, (), at=AT)
    assert (of_git.name, last) == ("drawer", line)
    assert planning.overview(context, ["drawer"], at=AT) == (of_git,)
    take_away(FOLDER)(State(context.state))
    assert planning.orphaned(context, at=AT) == ()
