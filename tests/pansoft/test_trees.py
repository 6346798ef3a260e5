# SPDX-License-Identifier: BSD-3-Clause
"""Packages that are delivered as a tree: published, run from the mount, verified without being read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from catalog.entry import CatalogEntry
from core.console import Console
from core.errors import Refused
from cvmfs.checking.check import check as check_repository
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from pansoft import cli, embedded, loop, published, target, trees, workspace
from pansoft.context import Context
from pansoft.loop import LoopReport
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, add_recipe, real_project
from trust.trees.tree_check import WHOLE

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap", "fusermount3")

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
TREE = "trees/plotter/5.4.4"


@dataclass(frozen=True)
class Project:
    """A project and what its loop did."""

    context: Context
    report: LoopReport

    @property
    def state(self) -> State:
        return State(self.context.state)

    def entry(self, name: str) -> CatalogEntry:
        [entry] = [e for e in published.entries_in(self.state, at=AT) if e.name == name]
        return entry


def apply(context: Context, at: datetime = AT) -> LoopReport:
    return loop.apply(context, workspace.recipes_named(context, []), at=at, jobs=2)


@pytest.fixture(scope="module", name="project")
def _project(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Publish `plotter` as a tree only, and `drawer` in both forms."""
    folder = tmp_path_factory.mktemp("trees")
    project = real_project(
        folder / "project", changes={"name: plotter": "name: plotter\ndelivery: tree"}
    )
    add_recipe(project, "drawer", PLOT)
    recipe = project / "recipes" / "drawer" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("name: drawer", "name: drawer\ndelivery: both", 1))
    context = Context(
        project=project, state=builds.beside(folder / "state").folder, console=Console(quiet=True)
    )
    return Project(context, apply(context))


@pytest.fixture(name="mount")
def _mount(project: Project, tmp_path: Path) -> Iterator[Path]:
    key = embedded.public_key(project.state)
    with (
        serving(project.state.repository) as url,
        mounted(url, embedded.FQRN, key, tmp_path / "m") as mountpoint,
    ):
        yield mountpoint


def test_trees_are_published_with_the_rest_in_one_revision(project: Project) -> None:
    assert project.report.failures == ()
    assert project.report.outcome is not None
    assert project.report.outcome.publication.revision == 2
    with target.read(project.state, at=AT) as reader:
        assert check_repository(reader).findings == ()
        assert reader.lookup("images/plotter") is None
        assert reader.lookup("images/drawer/5.4.4/drawer.sif") is not None
        root = reader.entry(f"{TREE}/root")
        shell, other = (
            reader.entry(f"trees/{name}/5.4.4/root/usr/bin/dash") for name in ("plotter", "drawer")
        )
    assert root.is_mountpoint
    assert shell.content_hash == other.content_hash  # a base is stored once
    plotter, drawer = project.entry("plotter"), project.entry("drawer")
    assert (plotter.has_image, drawer.has_image) == (False, True)
    assert plotter.runs == f"{TREE}/root"
    assert plotter.tree is not None
    assert plotter.tree.files > 1000


def test_a_second_run_publishes_nothing(project: Project) -> None:
    again = apply(project.context, AT + timedelta(minutes=5))

    assert again.brought == ()
    assert again.outcome is not None
    assert not again.outcome.publication.is_new


def test_a_program_runs_from_the_mounted_tree(mount: Path) -> None:
    # by a shell: the server that the mount asks is in this process, which stands still in an exec
    command = ["/bin/sh", "-c", f"exec {mount}/testing/bin/plot"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert (done.returncode, done.stdout) == (0, "plotted\n"), done.stderr


def rx(mount: Path) -> int:
    return int(os.getxattr(mount, "user.rx"))


def test_a_tree_is_verified_without_being_read(project: Project, mount: Path) -> None:
    policy = loop.policy_of(project.context, project.state)
    before = rx(mount)

    verified = trees.verify(mount / TREE, policy=policy, at=AT, part=WHOLE)

    assert verified.why_read is None
    checked = verified.found.checked
    entry = project.entry("plotter")
    assert entry.tree is not None
    assert (checked.files, checked.bytes) == (entry.tree.files, entry.tree.bytes)
    assert checked.way == "by the content hashes that the client shows (sha1)"
    assert (rx(mount) - before) << 10 < checked.bytes / 20  # manifest, table, catalogs


def test_the_command_takes_parts_and_samples(
    project: Project, mount: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--project", str(project.context.project), "--state", str(project.context.state)]

    def told(*options: str) -> dict[str, object]:
        assert cli.invoke([*where, "verify", str(mount / TREE), "--json", *options]) == 0
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        tree = answer["tree"]
        assert isinstance(tree, dict)
        return tree

    assert told("--path", "bin/dash")["path"] == "usr/bin/dash"
    sample = told("--sample", "3", "--full", "--seed", "x")
    assert (sample["files"], sample["way"]) == (3, "every byte was read")
    assert cli.invoke([*where, "verify", str(mount / TREE), "--path", "bin/none"]) == 3
    assert cli.invoke([*where, "verify", str(mount / TREE), "--path", "bin/dash"]) == 0
    assert re.search(
        r"tree +5 entries of usr/bin/dash, 1 files|tree +4 entries of usr/bin/dash, 1 files",
        capsys.readouterr().out,
    )


def refusal(project: Project, mount: Path) -> str:
    """Return why a tree is refused; nothing of it stays open, so that it can be unmounted."""
    policy = loop.policy_of(project.context, project.state)
    try:
        trees.verify(mount / TREE, policy=policy, at=AT, part=WHOLE)
    except Refused as err:
        return err.message
    return "it was accepted"


def test_a_tree_of_stolen_keys_is_refused(project: Project, tmp_path: Path) -> None:
    """Whoever has the repository's keys publishes another program under the signed manifest."""
    state = State(tmp_path / "state")
    shutil.copytree(project.context.state, state.folder, symlinks=True)
    repository, keys = embedded.ensure_repository(state, at=AT)
    with transaction(repository, keys, at=AT, message="") as tx:
        tx.put_bytes(b"#!/bin/sh\necho mine\n", f"{TREE}/root/usr/bin/dash", mode=0o755)
        tx.put_bytes(b"", f"{TREE}/root/etc/more")

    with mounted(repository.folder, embedded.FQRN, keys.public_key, tmp_path / "m") as mount:
        said = refusal(project, mount)

    assert "etc/more is there and was not signed" in said
    assert "usr/bin/dash has 20 bytes instead of" in said


def test_two_trees_that_were_swapped_are_refused(project: Project, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    shutil.copytree(project.context.state, state.folder, symlinks=True)
    repository, keys = embedded.ensure_repository(state, at=AT)
    with transaction(repository, keys, at=AT) as tx:
        tx.remove(TREE)
        tx.put_tree(state.tree(project.entry("drawer").plan), TREE)

    with mounted(repository.folder, embedded.FQRN, keys.public_key, tmp_path / "m") as mount:
        said = refusal(project, mount)

    assert "it was swapped" in said or "holds drawer" in said


def test_a_publication_that_is_cut_off_leaves_nothing_of_the_tree(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the tree is in the transaction when it ends; the next run publishes all of it."""
    state = State(tmp_path / "state")
    shutil.copytree(project.context.state, state.folder, symlinks=True)
    shutil.rmtree(state.repository)
    shutil.rmtree(state.folder / "decisions")
    context = Context(
        project=project.context.project, state=state.folder, console=Console(quiet=True)
    )
    with monkeypatch.context() as broken:

        def cut_off(*_: object, **__: object) -> bool:
            raise KeyboardInterrupt

        broken.setattr(trees, "put_table", cut_off)
        with pytest.raises(KeyboardInterrupt):
            apply(context)
    assert published.entries_in(state, at=AT) == ()

    report = apply(context)

    assert report.outcome is not None
    assert len(report.outcome.fresh) == 2
    with target.read(state, at=AT) as reader:
        assert check_repository(reader).findings == ()
