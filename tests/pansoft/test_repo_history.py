# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo log`, `diff`, `tag`, `rollback`, `yank` and `gc`, from the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from builder.state import State
from core.errors import EXIT_USER
from cvmfs.checking.check import check
from cvmfs.publishing.publish import transaction
from pansoft import cli, clock, embedded


class Program:
    """`pansoft repo` on a state folder; what it printed."""

    def __init__(self, state: State, capsys: pytest.CaptureFixture[str]) -> None:
        self.state = state
        self.capsys = capsys

    def __call__(self, *argv: str, status: int = 0) -> str:
        """Run a verb, and return its answer, or its complaint if it was to fail."""
        self.capsys.readouterr()
        assert cli.invoke(["--state", str(self.state.folder), "-q", "repo", *argv]) == status
        captured = self.capsys.readouterr()
        return captured.err if status else captured.out

    def json(self, *argv: str) -> Any:
        """Return the answer of a verb with --json."""
        return json.loads(self(*argv, "--json"))

    def publish(self, message: str, files: dict[str, bytes | None]) -> None:
        """Publish files; None removes one."""
        repository, keys = embedded.ensure_repository(self.state, at=clock.now())
        with transaction(repository, keys, at=clock.now(), message=message) as tx:
            for path, content in files.items():
                if content is None:
                    tx.remove(path)
                else:
                    tx.put_bytes(content, path, mtime=0)


@pytest.fixture
def repo(state_folder: State, capsys: pytest.CaptureFixture[str]) -> Program:
    """Give the program and a repository of three revisions."""
    program = Program(state_folder, capsys)
    program("init")
    program.publish("two files", {"a/one": b"12345", "a/two": b"1234567890"})
    program.publish("other content", {"a/one": b"1234", "a/two": None, "b": b"x" * 2000})
    return program


@pytest.fixture
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Give a state of its own."""
    return State(tmp_path_factory.mktemp("state"))


def test_log_lists_revisions_tags_and_growth(repo: Program) -> None:
    repo("tag", "fine")

    lines = repo("log", "-n", "1", "--stat").splitlines()
    facts = repo.json("log")

    assert lines[0].endswith("other content  (fine, trunk)")
    assert lines[1].strip() == "+0 entries, +2.0 kB, 2.0 kB in all; 1 added, 1 removed, 1 changed"
    assert len(lines) == 2
    assert [item["revision"] for item in facts] == [3, 2, 1]
    assert facts[0]["tags"] == ["fine", "trunk"]
    assert facts[1]["grown_bytes"] == 15


def test_diff_lists_paths_and_totals(repo: Program) -> None:
    assert repo("diff", "2", "3").splitlines() == [
        "~ /a/one  (content: 5 B → 4 B)",
        "- /a/two  (10 B)",
        "+ /b  (2.0 kB)",
        "1 added, 1 removed, 1 changed; 2.0 kB new, 15 B gone",
    ]
    assert repo("diff", "trunk-previous", "--stat", "--path", "/a").splitlines() == [
        "0 added, 1 removed, 1 changed; 4 B new, 15 B gone"
    ]
    facts = repo.json("diff", "2")
    assert facts["totals"]["added"] == 1
    assert facts["changes"][1] == {
        "path": "/a/two",
        "action": "removed",
        "kind": "file",
        "aspects": [],
        "old_size": 10,
        "new_size": None,
    }
    assert "no tag for revision 9" in repo("diff", "9", status=EXIT_USER)


def test_tags_are_given_listed_moved_and_removed(repo: Program) -> None:
    assert repo("tag", "good", "--revision", "2", "-m", "it worked") == "good is revision 2\n"
    assert "good is revision 2 already" in repo("tag", "good", status=EXIT_USER)
    assert repo("tag", "good", "--revision", "trunk") == "good is revision 3\n"

    assert "newer than 2" in repo("tag", "good", "--revision", "2", status=EXIT_USER)
    assert repo("tag", "good", "--revision", "2", "--forward") == "good is revision 3\n"
    assert repo("tag", "good", "--revision", "2", "--back") == "good is revision 2\n"
    assert repo("tag", "good", "--revision", "3", "--forward") == "good is revision 3\n"

    listed = {tag["name"]: tag for tag in repo.json("tag", "--list")}
    assert sorted(listed) == ["good", "trunk", "trunk-previous"]
    assert listed["good"]["description"] == "it worked"
    assert "it worked" in repo("tag")
    assert len(repo.json("tag", "--all")) == 6

    assert repo("tag", "--remove", "good") == "removed good, which was revision 3\n"
    assert "has no tag good" in repo("tag", "--remove", "good", status=EXIT_USER)
    assert "which tag?" in repo("tag", "--remove", status=EXIT_USER)
    assert "one name at a time" in repo("tag", "a", "b", status=EXIT_USER)


def test_rollback_and_yank_publish_what_was(repo: Program) -> None:
    assert repo("yank", "a/two", "--to", "2").startswith("revision 4 of software.pansoft.local")
    assert repo("diff", "3", "4", "--stat").startswith("1 added, 0 removed, 0 changed")
    assert repo("yank", "a/two", "--to", "2").startswith("it is so already: revision 4")

    assert repo.json("rollback", "2", "-m", "back")["revision"] == 5
    assert repo("diff", "2", "5", "--stat").startswith("0 added, 0 removed, 0 changed")
    assert repo.json("log", "-n", "1")[0]["description"] == "back"
    assert "no tag 'nothing'" in repo("rollback", "nothing", status=EXIT_USER)


def test_gc_says_what_would_go_and_removes_it(
    repo: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = ("gc", "--grace", "0", "--keep-last", "1")
    repo.publish("a third", {"c": b"c"})
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)

    foretold = repo.json(*keep, "--dry-run")
    assert [item["revision"] for item in repo.json("log")] == [4, 3, 2, 1]
    done = repo.json(*keep)

    assert foretold == done | {"is_dry_run": True}
    assert done["removed_revisions"] == [1, 2]
    assert [item["revision"] for item in repo.json("log")] == [4, 3]
    report = check(embedded.read_repository(repo.state, at=clock.now()), all_revisions=True)
    assert report.is_sound
    assert repo("gc").startswith("removed 0 revisions and 0 objects")
    assert "would remove 0 revisions" in repo(*keep, "--dry-run")


@pytest.mark.parametrize("argv", [["log"], ["tag"], ["diff", "1"]], ids=str)
def test_without_a_repository_there_is_nothing_to_look_at(
    state_folder: State, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert "nothing is published yet" in Program(state_folder, capsys)(*argv, status=EXIT_USER)


@pytest.mark.parametrize(
    "argv", [["tag", "a"], ["rollback", "1"], ["yank", "a", "--to", "1"], ["gc"]], ids=str
)
def test_history_of_a_facilitys_repository_is_its_own(
    state_folder: State, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    program = Program(state_folder, capsys)
    assert "make it: pansoft repo init" in program(*argv, status=EXIT_USER)

    state_folder.folder.mkdir(parents=True, exist_ok=True)
    (state_folder.folder / "site.yaml").write_text(
        "schema: 1\nrepository:\n  backend: cvmfs_server\n  name: software.example.org\n"
        "  stratum0: http://127.0.0.1:9/cvmfs/software.example.org\n  public_key: /etc/key.pub\n"
    )
    assert "is the facility's" in program(*argv, status=EXIT_USER)
