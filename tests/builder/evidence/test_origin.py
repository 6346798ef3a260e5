# SPDX-License-Identifier: BSD-3-Clause
"""Which commit a recipe is of is asked of a real git, and a changed file is not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.evidence.origin import Origin, origin_of
from core import process

pytestmark = pytest.mark.needs("git")


def git(project: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    return process.run(["git", "-C", project, *who, *arguments], reason="prepare a test").stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").write_text(name)
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "recipes")
    return tmp_path


def test_a_recipe_as_it_was_committed_is_of_its_commit(project: Path) -> None:
    assert origin_of(project, [project / "one"]) == Origin(
        git(project, "rev-parse", "HEAD").strip(), changed=False
    )


@pytest.mark.parametrize("file", ["recipe.yaml", "new.sh", "ignored.log"])
def test_a_changed_new_or_ignored_file_is_said(project: Path, file: str) -> None:
    (project / "one" / file).write_text("another")

    assert origin_of(project, [project / "one"]).changed
    assert not origin_of(project, [project / "two"]).changed


def test_a_recipe_that_git_does_not_know_is_a_changed_one(project: Path) -> None:
    (project / "three").mkdir()

    assert origin_of(project, [project / "three"]).changed


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert origin_of(tmp_path, [tmp_path]) == Origin(None, changed=True)


def test_a_repository_without_a_commit_gives_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    assert origin_of(tmp_path, [tmp_path]) == Origin(None, changed=True)


def test_no_program_of_the_checkout_is_run(project: Path) -> None:
    hook = project / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch '{project}/ran'\n")
    hook.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(hook))

    origin_of(project, [project / "one"])

    assert not (project / "ran").exists()
