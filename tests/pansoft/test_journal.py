# SPDX-License-Identifier: BSD-3-Clause
"""The journal tells of every run, also of one that was killed, and is only ever appended to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from pansoft.cli import invoke
from pansoft.journal import Began, Journal, Package, Result, Run, runs_in
from pansoft.reports.journal_table import as_json, in_words

AT = datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
COMMIT = "5fb5527d" * 5
TODO = (Package("gemmi", "0.7.3", "new", "a" * 64),)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal" / "journal.jsonl"


def kill(
    file: Path,
    run: str,
    *,
    revision: int | None = 3,
    then: Callable[[Journal], None] = lambda book: None,
) -> None:
    """Write what a run leaves that is killed: all but its end."""
    book = Journal(file, AT, pytest.fail, run=run)
    with book.begun(
        trace="night-7", by="pgp:ABCD", commit=COMMIT, changed=False, revision=revision, todo=TODO
    ):
        then(book)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))


def only(file: Path) -> Run:
    [run] = runs_in(file)
    return run


def test_a_run_is_read_as_it_was_written(file: Path) -> None:
    book = Journal(file, AT, pytest.fail, run="one")
    with book.begun(
        trace="night-7", by="pgp:ABCD", commit=COMMIT, changed=True, revision=None, todo=TODO
    ) as end:
        book.publishing(["gemmi 0.7.3"])
        book.published(revision=2, root="ff", packages=["gemmi 0.7.3"])
        end.said.append("broken: build: the script failed")
        end.result = Result.FAILED

    run = only(file)

    assert replace(run.began, user="", pid=0) == Began(
        "one", "2026-11-23T18:40:00Z", "night-7", "pgp:ABCD", "", 0, COMMIT, True, None, TODO
    )
    assert [(each.revision, each.root, each.packages) for each in run.published] == [
        (2, "ff", ("gemmi 0.7.3",))
    ]
    assert run.ended is not None
    assert (run.ended.result, run.ended.said) == (
        Result.FAILED,
        ("broken: build: the script failed",),
    )
    assert run.interrupted is None


@pytest.mark.parametrize(
    ("error", "result", "said"),
    [
        (UserError("no room"), Result.FAILED, ("no room",)),
        (Refused("not signed"), Result.REFUSED, ("not signed",)),
        (KeyboardInterrupt(), Result.STOPPED, ()),
        (ZeroDivisionError(), Result.BUG, ("a fault of the program: ZeroDivisionError",)),
    ],
)
def test_what_ends_a_run_is_told(
    file: Path, error: BaseException, result: Result, said: tuple[str, ...]
) -> None:
    book = Journal(file, AT, pytest.fail)

    with (
        pytest.raises(type(error)),
        book.begun(trace="t", by="b", commit=None, changed=True, revision=1, todo=()),
    ):
        raise error

    end = only(file).ended
    assert end is not None
    assert (end.result, end.said) == (result, said)


def test_a_killed_run_has_no_end_and_the_next_one_says_what_it_found(file: Path) -> None:
    kill(file, "killed", then=lambda book: book.publishing(["gemmi 0.7.3"]))
    kill(file, "next", revision=4)

    killed, following = runs_in(file)

    assert killed.ended is None
    assert killed.interrupted is not None
    assert killed.interrupted.packages == ("gemmi 0.7.3",)
    assert killed.next == following.began
    assert killed.next.revision == 4


def test_a_line_that_was_cut_is_passed_over_and_nothing_is_written_over(file: Path) -> None:
    kill(file, "killed")
    with file.open("ab") as stream:
        stream.write(b'{"schema":1,"line":"publi')  # killed while it wrote
    before = file.read_bytes()

    kill(file, "next")

    assert file.read_bytes().startswith(before)
    assert [run.began.run for run in runs_in(file)] == ["killed", "next"]


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b"{}",
        b'{"schema":2,"line":"ended"}',
        b'{"schema":1,"line":"laughed"}',
        b'{"schema":1,"line":"ended","run":"killed","at":"now","result":"lost","said":[]}',
        b'{"schema":1,"line":"publishing","run":"unknown","at":"now","packages":[]}',
    ],
)
def test_what_is_no_line_of_ours_is_passed_over(file: Path, line: bytes) -> None:
    kill(file, "killed")
    with file.open("ab") as stream:
        stream.write(line + b"\n")

    assert only(file).ended is None


def test_without_a_journal_nothing_is_begun(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    book = Journal(tmp_path / "journal" / "journal.jsonl", AT, pytest.fail)

    with (
        pytest.raises(UserError, match="cannot be written to"),
        book.begun(trace="t", by="b", commit=None, changed=True, revision=1, todo=()),
    ):
        pytest.fail("begun")


def test_what_is_under_way_goes_on_where_the_journal_fails(file: Path) -> None:
    warned: list[str] = []
    book = Journal(file, AT, warned.append)

    with book.begun(trace="t", by="b", commit=None, changed=True, revision=1, todo=()):
        file.unlink()
        file.mkdir()
        book.publishing(["gemmi 0.7.3"])

    assert len(warned) == 1
    assert "cannot be written to" in warned[0]


def test_people_read_what_was_published_and_what_followed(file: Path) -> None:
    def publish(book: Journal) -> None:
        book.published(revision=4, root="ff", packages=["gemmi 0.7.3"])
        book.publishing(["fabio 1"])

    kill(file, "killed", then=publish)
    second = Journal(file, AT, pytest.fail)
    with second.begun(
        trace="night-8", by="pgp:ABCD", commit=None, changed=True, revision=5, todo=()
    ):
        pass
    kill(file, "now", revision=5)

    runs = runs_in(file)
    words = in_words(runs, is_under_way=True).replace(runs[0].began.user, "user")

    assert words.splitlines() == [
        "2026-11-23T18:40:00Z  not ended  commit 5fb5527d5fb5, by pgp:ABCD (user), run night-7",
        "    2026-11-23T18:40:00Z  revision 4: gemmi 0.7.3",
        "    2026-11-23T18:40:00Z  was publishing when it was killed: fabio 1",
        "    the next run, of 2026-11-23T18:40:00Z, found revision 5, which this one did not come to tell of",
        "2026-11-23T18:40:00Z  done       no commit, by pgp:ABCD (user), run night-8",
        "    nothing to do: revision 5",
        "2026-11-23T18:40:00Z  under way  commit 5fb5527d5fb5, by pgp:ABCD (user), run night-7",
    ]
    told = as_json(runs, is_under_way=False)
    assert [run["state"] for run in told if isinstance(run, dict)] == [
        "not ended",
        "done",
        "not ended",
    ]


def test_a_journal_without_runs_says_so(file: Path) -> None:
    assert in_words(runs_in(file), is_under_way=False) == "nothing was applied here yet"


def test_the_verb_prints_the_newest_runs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kill(file, "first")
    kill(file, "second")
    where = ["--state", str(file.parents[1]), "log"]

    assert invoke([*where, "--last", "1", "--json"]) == 0
    [run] = json.loads(capsys.readouterr().out)
    assert (run["began"]["run"], run["state"]) == ("second", "not ended")
    assert invoke([*where, "--path"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
