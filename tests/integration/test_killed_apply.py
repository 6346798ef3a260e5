# SPDX-License-Identifier: BSD-3-Clause
"""`apply` is killed at twenty moments between its plan and its end: readers see the old revision or the new
one, the repository is sound, and the next run ends where one that nobody disturbed does.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from cvmfs.checking.check import check as check_repository
from pansoft import loop, published, target, workspace
from pansoft.context import Context
from pansoft.journal import runs_in
from tests.applying import Applying, applying
from tests.real_projects import PLOT, add_recipe, real_project
from tests.small_images import put_built

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "setpriv")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
KILLS = 20


@dataclass(frozen=True)
class Seen:
    """What a reader sees: the revision, and what holds each file."""

    revision: int
    files: dict[str, str]

    @property
    def paths(self) -> set[str]:
        return set(self.files)


@dataclass(frozen=True)
class Begun:
    """Where every run begins, what a reader sees there, and what after a run that nobody disturbed.

    `moments` is how many there are in such a run at which it can be killed.
    """

    context: Context
    old: Seen
    new: Seen
    moments: int


def look(context: Context, *, is_settled: bool) -> Seen:
    """Return what a reader sees of a repository that is found sound, with images as their entries say.

    Until the next run the reflog may be one publication ahead: no reader looks at it.
    """
    with target.read(State(context.state), at=AT + timedelta(hours=1)) as reader:
        report = check_repository(reader)
        assert [str(f) for f in report.findings if is_settled or f.rule != "reflog"] == []
        for entry in published.entries_of(reader):
            image = reader.read(entry.image.path)
            assert hashlib.sha256(image).hexdigest() == entry.image.sha256
            commands = f"{entry.channel}/bin/{entry.commands[0].name}"
            assert reader.lookup(commands) is not None
        files = {
            entry.path: f"{entry.content_hash} {entry.chunks}"
            for entry in reader.walk()
            if not entry.is_directory
        }
        return Seen(reader.revision, files)


def copied(context: Context, folder: Path) -> Context:
    shutil.copytree(context.project, folder / "project")
    shutil.copytree(context.state, folder / "state", symlinks=True)
    return Context(folder / "project", folder / "state", Console(quiet=True))


@pytest.fixture(scope="module")
def warm() -> Iterator[Applying]:
    with applying() as running:
        yield running


@pytest.fixture(scope="module")
def begun(warm: Applying, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """Return a repository with one package, of a git that says: publish another, promote that one."""
    folder = tmp_path_factory.mktemp("killed apply")
    project = real_project(folder / "project")
    context = Context(project, folder / "state", Console(quiet=True))
    [plotter] = workspace.recipes_named(context, [])
    put_built(context, plotter)
    loop.apply(context, [plotter], at=AT, jobs=1)
    with (project / "recipes" / "plotter" / "recipe.yaml").open("a") as stream:
        stream.write('release:\n  channel: stable\n  supported_until: "2099-12-31"\n')
    add_recipe(project, "drawer", PLOT.replace("bin/plot", "bin/draw"))
    drawer = project / "recipes" / "drawer" / "recipe.yaml"
    text = drawer.read_text().replace("  - plot\n", "  - draw\n")
    drawer.write_text(text.replace("run: plot\n", "run: draw\n"))
    put_built(context, workspace.recipes_named(context, ["drawer"])[0])
    old = look(context, is_settled=True)
    undisturbed = copied(context, folder / "undisturbed")
    was_killed, moments = warm.run(undisturbed, AT + timedelta(minutes=1))
    assert not was_killed
    new = look(undisturbed, is_settled=True)
    assert new.revision == old.revision + 1
    assert {"testing/bin/draw", "stable/bin/plot"} <= new.paths
    assert moments > 2 * KILLS
    return Begun(context, old, new, moments)


def test_killed_at_twenty_moments_the_next_run_ends_in_the_same_state(
    begun: Begun, warm: Applying, tmp_path: Path
) -> None:
    found = []
    last = begun.moments - 2  # runs differ by a moment or two; this is after the publication
    for kill in range(KILLS):
        context = copied(begun.context, tmp_path / str(kill))
        moment = 1 + kill * (last - 1) // (KILLS - 1)

        was_killed, _ = warm.run(context, AT + timedelta(minutes=1), moment=moment)

        assert was_killed, moment
        seen = look(context, is_settled=False)
        found.append(seen.revision)
        if seen.revision == begun.old.revision:
            assert seen == begun.old, moment
        else:
            assert (seen.revision, seen.paths) == (begun.new.revision, begun.new.paths), moment
        was_killed, _ = warm.run(context, AT + timedelta(minutes=2))
        assert not was_killed
        after = look(context, is_settled=True)
        assert (after.revision, after.paths) == (begun.new.revision, begun.new.paths), moment
        first, *killed, following = runs_in(State(context.state).journal)
        assert [run.ended.result for run in (first, following) if run.ended] == ["done", "done"]
        assert [run.ended for run in killed] in ([], [None]), moment
        shutil.rmtree(context.project.parent)

    assert found == sorted(found)
    assert set(found) == {begun.old.revision, begun.new.revision}
