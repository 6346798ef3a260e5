# SPDX-License-Identifier: BSD-3-Clause
"""Sandboxes that were kept: what is in them, and the shell that opens there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builder.images.build import BuildOptions
from builder.images.failure import BuildFailed
from builder.images.kept import kept_sandboxes
from builder.state import State
from core import process
from core.process import Completed
from tests.builder.conftest import ROOT, Builds
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

KEEP = BuildOptions(keep=True)


def pansoft(project: Path, state: State, *argv: str, stdin: str = "") -> Completed:
    return process.run(
        [sys.executable, "-m", "pansoft", "--project", project, "--state", state.folder, *argv],
        reason="try", cwd=ROOT, stdin=stdin, check=False,
    )  # fmt: skip


def test_a_shell_opens_in_the_build_that_failed(builds: Builds, tmp_path: Path) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(
        tmp_path / "project",
        "rm /etc/issue; mkdir src; cd src; echo note > config.log; touch $PREFIX/half; ./configure",
    )
    look = (
        "pwd; cat src/config.log; ls $PREFIX /etc/issue; id -u; echo $PANSOFT_SOURCES;"
        "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; exit 5\n"
    )

    entered = pansoft(project, state, "shell", "plotter", "--at-failure", stdin=look)

    assert entered.stdout.splitlines() == [
        "/tmp/build", "note", "/opt/plotter:", "half", "0", "/run/pansoft/stage/sources", "lo",
    ]  # fmt: skip
    assert "cannot access '/etc/issue'" in entered.stderr
    assert entered.returncode == 5
    again = pansoft(
        project, state, "shell", "plotter", "--at-failure", stdin="cat src/config.log\n"
    )
    assert (again.stdout, "the recipe's script failed" in again.stderr) == ("note\n", False)


def test_the_log_of_a_build_is_shown_whether_it_failed_or_not(
    builds: Builds, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(tmp_path / "project", "echo first; false")
    before = pansoft(project, state, "log", "plotter")
    failed = pansoft(project, state, "build", "plotter")

    assert before.returncode == failed.returncode == 2
    assert "build it: pansoft build plotter" in before.stderr
    assert "script$ echo first\nfirst\n" in pansoft(project, state, "log", "plotter").stdout
    real_project(tmp_path / "project", "echo second")
    assert pansoft(project, state, "build", "plotter").returncode == 0
    assert "script$ echo second\nsecond\n" in pansoft(project, state, "log", "plotter").stdout


def test_a_build_that_succeeds_is_kept_as_well_where_that_is_asked_for(
    builds: Builds, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "state")
    plan = builds.plan("echo > $PREFIX/file; echo > left")

    made = builds.build(plan, state, options=KEEP)

    [kept] = kept_sandboxes(state)
    assert (kept.name, kept.plan, kept.failed) == ("tiny", plan.id, False)
    assert (kept.folder / "tmp" / "build" / "left").exists()
    assert list(state.scratch.iterdir()) == []
    assert made.image.sha256 == builds.build(plan).image.sha256


def test_a_sandbox_that_is_kept_again_replaces_the_one_before(
    builds: Builds, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "state")
    plan = builds.plan("mkdir -m 700 left; chown 7:7 left; false")

    for _ in range(2):
        with pytest.raises(BuildFailed):
            builds.build(plan, state, options=KEEP)

    [kept] = kept_sandboxes(state)
    assert kept.failed


def test_what_was_not_asked_for_is_not_kept(builds: Builds, tmp_path: Path) -> None:
    state = builds.beside(tmp_path / "state")

    with pytest.raises(BuildFailed):
        builds.build(builds.plan("false"), state)

    assert kept_sandboxes(state) == ()


def test_a_kept_build_whose_base_is_gone_says_so(builds: Builds, tmp_path: Path) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(tmp_path / "project", "false")
    pansoft(project, state, "build", "plotter", "--keep")
    [kept] = kept_sandboxes(state)
    facts = kept.folder / "kept.json"
    facts.write_text(facts.read_text().replace(str(kept.layers[0]), str(tmp_path / "gone")))

    entered = pansoft(project, state, "shell", "plotter", "--at-failure")

    assert entered.returncode == 2
    assert "hint: build it again: pansoft build plotter --keep" in entered.stderr
