# SPDX-License-Identifier: BSD-3-Clause
"""A pipeline that comes late does not take the repository back to an older commit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import UserError
from pansoft.checkout import Checkout
from pansoft.cli import invoke
from pansoft.forward import check_forward, committed_at
from pansoft.journal import Journal, Result, runs_in
from tests.checkouts import commit, git, new_checkout

pytestmark = pytest.mark.needs("git")

AT = datetime(2026, 11, 23, 18, 40, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a checkout with three commits, a minute apart, the newest checked out."""
    folder = new_checkout(tmp_path / "project")
    for minute in (1, 2, 3):
        make(folder, str(minute), minute)
    return folder


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal" / "journal.jsonl"


def make(folder: Path, text: str, minute: int) -> str:
    """Commit a file, and return the commit, which was made in that minute of an hour."""
    (folder / "file").write_text(text)
    commit(folder, text)
    time = f"2026-11-20T12:{minute:02}:00Z"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", time)
        git(folder, "commit", "-q", "--amend", "--no-edit", "--date", time)
    return git(folder, "rev-parse", "HEAD").strip()


def commits(folder: Path) -> list[str]:
    """Return the commits of a branch, the oldest first."""
    return git(folder, "rev-list", "--reverse", "main").split()


def note(
    journal: Path,
    project: Path,
    revision: str | None,
    *,
    result: Result = Result.DONE,
    publishes: bool = True,
    dated: bool = True,
) -> None:
    """Write what a run leaves that applied a commit of a checkout."""
    checkout = Checkout(project)
    full = checkout.commit_of(revision) if revision else None
    book = Journal(journal, AT, pytest.fail)
    committed = committed_at(checkout, full) if full and dated else None
    with book.begun(
        trace="t", by="b", commit=full, changed=False, revision=1, todo=(), committed=committed
    ) as end:
        if publishes:
            book.publishing(["gemmi 0.7.3"])
            book.published(revision=2, root="ff", packages=["gemmi 0.7.3"])
        end.result = result


def pipeline(project: Path, folder: Path, revision: str, depth: int = 1) -> Path:
    """Clone the end of a history that leads to a commit, as GitLab's runner does for a job."""
    folder = new_checkout(folder)
    git(folder, "fetch", "-q", f"--depth={depth}", project.as_uri(), revision)
    git(folder, "checkout", "-q", "--detach", "FETCH_HEAD")
    return folder


def test_a_newer_commit_and_the_same_again_are_applied(project: Path, journal: Path) -> None:
    note(journal, project, "HEAD~1")

    check_forward(project, journal, pytest.fail)
    git(project, "checkout", "-q", "HEAD~1")
    check_forward(project, journal, pytest.fail)


def test_an_older_commit_is_refused_with_both_named(project: Path, journal: Path) -> None:
    first, second, third = commits(project)
    note(journal, project, first)
    note(journal, project, third)
    git(project, "checkout", "-q", second)

    with pytest.raises(UserError) as refused:
        check_forward(project, journal, pytest.fail)

    assert refused.value.message == (
        f"commit {second[:12]} is older than {third[:12]}, which was applied on 2026-11-23T18:40:00Z; "
        "nothing was done"
    )
    assert "run it without --forward" in str(refused.value.hint)


def test_an_older_commit_is_refused_whose_clone_has_not_the_newer_one(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    first, second, third = commits(project)
    note(journal, project, first)
    note(journal, project, third)
    clone = pipeline(project, tmp_path / "clone", second, depth=50)
    assert not Checkout(clone).has(third)

    with pytest.raises(UserError, match=rf"{second[:12]}, made at 2026-11-20T12:02:00Z, is older"):
        check_forward(clone, journal, pytest.fail)


def test_a_pipeline_that_is_retried_is_refused_whatever_the_clocks_said(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    wrong = make(project, "made where it is late", 50)
    note(journal, project, wrong)
    right = make(project, "made where it is not", 4)
    note(journal, project, right)
    clone = pipeline(project, tmp_path / "clone", wrong)

    with pytest.raises(UserError, match=f"{wrong[:12]} was applied before {right[:12]}"):
        check_forward(clone, journal, pytest.fail)


def test_a_newer_commit_is_applied_whose_clone_does_not_reach_back(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    first, _, third = commits(project)
    note(journal, project, first)
    clone = pipeline(project, tmp_path / "clone", third)
    warned: list[str] = []

    check_forward(clone, journal, warned.append)

    [warning] = warned
    assert f"whether commit {third[:12]} comes after {first[:12]}" in warning
    assert "made at 2026-11-20T12:01:00Z, before this one" in warning


def test_a_shallow_clone_that_still_has_the_older_commit_is_not_taken_for_another_history(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    first, _, third = commits(project)
    note(journal, project, first, dated=False)
    clone = pipeline(
        project, tmp_path / "clone", first
    )  # a runner keeps its clone for the next job
    pipeline(project, clone, third)
    assert Checkout(clone).has(first)
    warned: list[str] = []

    check_forward(clone, journal, warned.append)

    assert len(warned) == 1
    note(journal, project, third, dated=False)
    pipeline(project, clone, commits(project)[1])
    with pytest.raises(UserError, match=f"is older than {third[:12]}"):
        check_forward(clone, journal, pytest.fail)


def test_a_journal_without_dates_lets_go_on_what_it_does_not_know(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    _, second, third = commits(project)
    note(journal, project, third, dated=False)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines[0].pop("committed") is None  # an earlier version did not write it
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [run.began.committed for run in runs_in(journal)] == [None]
    clone = pipeline(project, tmp_path / "clone", second)
    warned: list[str] = []

    check_forward(clone, journal, warned.append)

    assert [line for line in warned if "cannot be compared by history at all" in line] == warned
    assert len(warned) == 1


def test_what_left_the_history_is_refused(project: Path, journal: Path) -> None:
    note(journal, project, "HEAD")
    last = commits(project)[-1]
    git(project, "reset", "-q", "--hard", "HEAD~1")
    head = make(project, "pushed by force", 30)

    with pytest.raises(UserError, match=f"{head[:12]} does not come after {last[:12]}"):
        check_forward(project, journal, pytest.fail)


@pytest.mark.parametrize(
    ("result", "publishes", "counts"),
    [
        (Result.DONE, True, True),
        (Result.DONE, False, True),  # it found the repository to be as its commit says
        (Result.FAILED, True, True),
        (Result.REFUSED, True, True),
        (Result.FAILED, False, False),
        (Result.STOPPED, False, False),
    ],
)
def test_a_run_counts_that_changed_the_repository_or_found_it_so(
    project: Path, journal: Path, result: Result, publishes: bool, counts: bool
) -> None:
    note(journal, project, "HEAD~2")
    note(journal, project, "HEAD", result=result, publishes=publishes)
    git(project, "checkout", "-q", "HEAD~1")

    if counts:
        with pytest.raises(UserError, match="is older than"):
            check_forward(project, journal, pytest.fail)
    else:
        check_forward(project, journal, pytest.fail)


def test_a_run_counts_that_was_killed_while_it_published(project: Path, journal: Path) -> None:
    note(journal, project, "HEAD")
    began, publishing, *_ = journal.read_bytes().splitlines(keepends=True)
    git(project, "checkout", "-q", "HEAD~1")

    journal.write_bytes(began)
    check_forward(project, journal, pytest.fail)
    journal.write_bytes(began + publishing)
    with pytest.raises(UserError, match="is older than"):
        check_forward(project, journal, pytest.fail)


def test_without_a_journal_or_a_commit_in_it_all_is_forward(
    project: Path, journal: Path, tmp_path: Path
) -> None:
    check_forward(project, journal, pytest.fail)
    check_forward(tmp_path, journal, pytest.fail)

    note(journal, project, None)

    check_forward(project, journal, pytest.fail)


def test_what_is_no_checkout_is_refused(project: Path, journal: Path, tmp_path: Path) -> None:
    note(journal, project, "HEAD")

    with pytest.raises(UserError, match="is no git checkout"):
        check_forward(tmp_path / "state", journal, pytest.fail)


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_apply_does_nothing_and_ends_with_2(
    project: Path, journal: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    note(journal, project, "HEAD")
    before = journal.read_bytes()
    git(project, "checkout", "-q", "HEAD~1")
    (project / "recipes").mkdir()
    where = ["--project", str(project), "--state", str(journal.parents[1])]

    assert invoke([*where, "apply", "--forward", *options]) == 2

    assert "; nothing was done" in capsys.readouterr().err
    assert journal.read_bytes() == before
