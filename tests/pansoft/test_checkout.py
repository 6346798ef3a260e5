# SPDX-License-Identifier: BSD-3-Clause
"""A checkout tells what differs from a commit and has files as they were; none of its programs is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from pansoft.checkout import Checkout
from tests.checkouts import commit, git, new_checkout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project that is a folder of a larger checkout."""
    project = new_checkout(tmp_path / "all") / "software"
    (project / "recipes" / "a").mkdir(parents=True)
    (project / "recipes" / "a" / "recipe.yaml").write_text("version: 1\n")
    (project / "recipes" / "a" / "two words.txt").write_text("one\n")
    commit(project, "the first")
    return project


def test_a_branch_a_tag_and_a_short_commit_are_one(project: Path) -> None:
    checkout = Checkout(project)
    git(project, "tag", "v1")

    full = checkout.commit_of("HEAD")

    assert len(full) == 40
    assert {checkout.commit_of(name) for name in ("main", "v1", full[:8])} == {full}


def test_a_commit_has_the_time_at_which_it_was_made(project: Path) -> None:
    told = git(project, "log", "-1", "--format=%ct")

    assert Checkout(project).time_of("main") == int(told)


@pytest.mark.parametrize("name", ["nothing", "--upload-pack=x", "-h", ""])
def test_what_is_no_commit_is_explained(project: Path, name: str) -> None:
    with pytest.raises(UserError, match="git knows no commit"):
        Checkout(project).commit_of(name)


def test_a_folder_that_is_no_checkout_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no git checkout"):
        Checkout(tmp_path).common_with("main")


def test_changes_are_seen_committed_staged_edited_and_new(project: Path) -> None:
    checkout = Checkout(project)
    first = checkout.commit_of("HEAD")
    (project / "recipes" / "a" / "two words.txt").write_text("two\n")
    commit(project, "the second")
    (project / "staged").write_text("")
    git(project, "add", "staged")
    (project / "recipes" / "a" / "recipe.yaml").write_text("version: 2\n")
    (project / "new ä").write_text("")
    (project / ".gitignore").write_text("ignored\n")
    (project / "ignored").write_text("")
    (project.parent / "outside").write_text("")

    assert checkout.changed_since(first) == (
        ".gitignore",
        "new ä",
        "recipes/a/recipe.yaml",
        "recipes/a/two words.txt",
        "staged",
    )


def test_what_the_other_branch_did_since_is_no_change_of_ours(project: Path) -> None:
    checkout = Checkout(project)
    first = checkout.commit_of("HEAD")
    git(project, "switch", "-q", "-c", "mine")
    (project / "mine").write_text("")
    commit(project, "mine")
    git(project, "switch", "-q", "main")
    (project / "theirs").write_text("")
    commit(project, "theirs")
    git(project, "switch", "-q", "mine")

    common = checkout.common_with("main")

    assert common == first
    assert checkout.changed_since(common) == ("mine",)


def test_histories_without_a_common_commit_are_explained(project: Path) -> None:
    git(project, "switch", "-q", "--orphan", "other")
    (project / "x").parent.mkdir(parents=True, exist_ok=True)
    (project / "x").write_text("")
    commit(project, "another beginning")

    with pytest.raises(UserError, match="no commit in common"):
        Checkout(project).common_with("main")


def test_files_are_written_as_they_were(project: Path, tmp_path: Path) -> None:
    checkout = Checkout(project)
    first = checkout.commit_of("HEAD")
    (project / "recipes" / "a" / "recipe.yaml").write_text("version: 2\n")
    (project / "recipes" / "a" / "link").symlink_to("/etc/passwd")
    commit(project, "the second")

    checkout.export(first, ["recipes/a", "recipes/b"], tmp_path / "then")
    checkout.export("HEAD", ["recipes/a"], tmp_path / "now")

    assert (tmp_path / "then/recipes/a/recipe.yaml").read_text() == "version: 1\n"
    assert (tmp_path / "now/recipes/a/recipe.yaml").read_text() == "version: 2\n"
    assert sorted(file.name for file in (tmp_path / "now/recipes/a").iterdir()) == [
        "recipe.yaml",
        "two words.txt",
    ]


def test_no_program_of_the_checkout_is_run(project: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(trap))
    (project / "new").write_text("")

    assert Checkout(project).changed_since("HEAD") == ("new",)
    assert not (tmp_path / "sprung").exists()
