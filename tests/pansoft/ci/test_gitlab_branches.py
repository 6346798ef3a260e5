# SPDX-License-Identifier: BSD-3-Clause
"""A branch that holds one commit of ours, over a real socket to a server that checks what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pansoft.ci.gitlab import (
    BranchOfOthers,
    Commit,
    Gitlab,
    GitlabFailed,
    How,
    Login,
    Patience,
)
from tests.gitlab_server import (
    DEVELOPER,
    REPORTER,
    Down,
    Fault,
    GitlabServer,
    HangUp,
    Project,
    Silent,
    gitlab_server,
)
from trust.identity.tokens import Token

RECIPE, LOCK = "recipes/gemmi/recipe.yaml", "recipes/gemmi/lock.json"
OLD = {RECIPE: "version: 1\n", "README.md": "hello\n"}
NEW = {RECIPE: "version: 2 → ü\n", LOCK: "{}\n"}
QUICK = Patience(answer_s=0.5, total_s=60, first_wait_s=1, longest_wait_s=8)


@dataclass
class Scene:
    """A project with a commit on its default branch, and somebody who may write there."""

    server: GitlabServer
    project: Project
    token: str
    start: str
    slept: list[float] = field(default_factory=list)

    def put(self, files: dict[str, str] | None = None, *, start: str | None = None) -> How:
        """Let the branch hold these files."""
        commit = Commit("update/gemmi", start or self.start, "gemmi 2", files or NEW)
        return self.door().put_commit(commit)

    def door(self, token: str | None = None) -> Gitlab:
        login = Login(
            self.server.address, self.project.path, Token(token or self.token), "PANSOFT_TOKEN"
        )
        return Gitlab(login, patience=QUICK, sleep=self.slept.append)

    @property
    def messages(self) -> list[str]:
        return [commit["message"] for commit in self.project.branches["update/gemmi"]]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        start = project.add_commit("main", message="second", files=OLD)
        yield Scene(server, project, server.add_token("bot", level=DEVELOPER), start)


def test_a_branch_is_made_once(scene: Scene) -> None:
    assert [scene.put(), scene.put()] == [How.CREATED, How.UNCHANGED]

    assert scene.project.files["update/gemmi"] == OLD | NEW
    assert scene.project.files["main"] == OLD
    assert scene.messages == ["first", "second", "gemmi 2"]
    assert scene.server.count("POST") == 1


def test_a_branch_of_ours_is_made_anew_on_the_commit_that_is_named(scene: Scene) -> None:
    scene.put()
    later = scene.project.add_commit("main", message="third", files={"README.md": "bye\n"})

    assert scene.put(start=later) is How.UNCHANGED
    assert scene.put({RECIPE: "version: 3\n"}, start=later) is How.UPDATED

    assert scene.messages == ["first", "second", "third", "gemmi 2"]
    assert scene.project.files["update/gemmi"] == {RECIPE: "version: 3\n", "README.md": "bye\n"}


def test_it_begins_where_it_was_computed_and_not_at_the_newest_commit(scene: Scene) -> None:
    scene.project.add_commit("main", message="third", files={RECIPE: "title: somebody's\n"})

    scene.put()

    assert scene.messages == ["first", "second", "gemmi 2"]


def test_commits_of_somebody_else_are_left_alone(scene: Scene) -> None:
    scene.put()
    someone = scene.server.tokens[scene.server.add_token("ada")]
    scene.project.add_commit("update/gemmi", message="mended", author=someone)
    bot = scene.server.tokens[scene.token]
    scene.project.add_commit("update/gemmi", message="ours on top", author=bot)

    with pytest.raises(BranchOfOthers, match=r"update/gemmi has commits of ada@git\.example"):
        scene.put({RECIPE: "version: 3\n"})

    assert scene.messages[-2:] == ["mended", "ours on top"]
    assert scene.server.count("POST") == 1


@pytest.mark.parametrize(
    "fault",
    [
        Down(method="POST", status=504, done=True),
        HangUp(method="POST", done=True),
        Silent(method="POST", done=True),
    ],
    ids=["gateway time-out", "hung up", "silent"],
)
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there"])
def test_a_commit_whose_answer_was_lost_is_not_sent_twice(
    scene: Scene, fault: Fault, is_there: bool
) -> None:
    if is_there:
        scene.put({RECIPE: "version: 1.5\n"})
    scene.server.faults.append(fault)
    before = scene.server.count("POST")

    assert scene.put() is (How.UPDATED if is_there else How.CREATED)

    assert scene.server.count("POST") == before + 1
    assert scene.messages == ["first", "second", "gemmi 2"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_never_arrived_is_sent_again(scene: Scene, method: str) -> None:
    scene.server.faults += [HangUp(method=method), Down(method=method, status=502)]

    assert scene.put() is How.CREATED

    assert scene.messages == ["first", "second", "gemmi 2"]


def test_a_commit_that_was_never_pushed_is_explained(scene: Scene) -> None:
    scene.put()

    with pytest.raises(
        GitlabFailed, match="GitLab does not have the commit ffffffffffff"
    ) as caught:
        scene.put(start="f" * 40)

    assert "pushed" in str(caught.value.hint)


def test_without_the_role_nothing_is_committed(scene: Scene) -> None:
    reporter = scene.server.add_token("reporter", level=REPORTER)

    with pytest.raises(GitlabFailed, match="could not commit to the branch update/gemmi"):
        scene.door(reporter).put_commit(Commit("update/gemmi", scene.start, "x", NEW))

    assert "update/gemmi" not in scene.project.branches
