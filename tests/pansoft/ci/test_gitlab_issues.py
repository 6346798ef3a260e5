# SPDX-License-Identifier: BSD-3-Clause
"""Issues that others wrote, and our notes to them, over a real socket to a server that checks requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pansoft.ci.gitlab import Author, Gitlab, GitlabFailed, How, Issue, Login, Patience, Text
from tests.gitlab_server import (
    DEVELOPER,
    Down,
    Fault,
    GitlabServer,
    HangUp,
    Limited,
    Project,
    Silent,
    gitlab_server,
)
from trust.identity.tokens import Token

ANA = {"id": 7, "username": "ana", "name": "Ana"}
NOTE, MARKER = "<!-- answer -->\n\nThank you.\n", "<!-- answer -->"
QUICK = Patience(answer_s=0.5, total_s=60, first_wait_s=1, longest_wait_s=8)


@dataclass
class Scene:
    """A project, and somebody who may write there."""

    server: GitlabServer
    project: Project
    token: str
    slept: list[float] = field(default_factory=list)

    @property
    def door(self) -> Gitlab:
        login = Login(self.server.address, self.project.path, Token(self.token), "PANSOFT_TOKEN")
        return Gitlab(login, patience=QUICK, sleep=self.slept.append)

    def issues(self) -> tuple[Issue, ...]:
        return self.door.open_issues(label="asked", words="form-mark")

    def numbers(self) -> list[int]:
        return [each.number for each in self.issues()]

    def notes(self, issue: int) -> list[str]:
        return [note["body"] for note in self.project.notes.get(("issues", issue), [])]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        yield Scene(server, project, server.add_token("bot", level=DEVELOPER))


def test_an_issue_is_what_its_author_wrote(scene: Scene) -> None:
    scene.project.add_issue(
        title="x", description="form-mark\n@all", author=ANA, labels=("b", "asked")
    )

    assert scene.door.open_issues(label="asked", words="form-mark") == (
        Issue(
            1,
            Author(7, "ana", "Ana"),
            "form-mark\n@all",
            ("b", "asked"),
            True,
            f"{scene.server.address}/pan/recipes/-/issues/1",
        ),
    )


def test_they_are_found_by_the_label_or_by_the_words_and_each_once(scene: Scene) -> None:
    scene.project.add_issue(title="no", description="no")
    scene.project.add_issue(title="label", labels=("asked",))
    scene.project.add_issue(title="words", description="form-mark")
    scene.project.add_issue(title="both", description="form-mark", labels=("asked",))
    scene.project.add_issue(title="form-mark in the title alone")
    scene.project.add_issue(title="closed", labels=("asked",))["state"] = "closed"

    assert scene.numbers() == [2, 3, 4]


def test_confidential_ones_are_not_asked_for(scene: Scene) -> None:
    scene.project.add_issue(title="x", labels=("asked",), confidential=True)
    scene.project.add_issue(title="x", description="form-mark", confidential=True)

    assert scene.numbers() == []


def test_what_does_not_say_that_it_is_public_is_not(scene: Scene) -> None:
    scene.project.add_issue(title="x", labels=("asked",))["confidential"] = False
    assert [each.is_public for each in scene.issues()] == [True]

    scene.server.forgets.add("confidential")  # as a GitLab did that knew no such issues
    assert [each.is_public for each in scene.issues()] == [False]


@pytest.mark.parametrize("counts", [True, False])
def test_all_pages_are_read(scene: Scene, counts: bool) -> None:
    scene.server.counts = counts
    for _ in range(230):
        scene.project.add_issue(title="x", labels=("asked",))

    assert scene.numbers() == list(range(1, 231))


@pytest.mark.parametrize(
    "fault",
    [
        Limited(path="/issues", after="2"),
        Down(path="/issues", status=503),
        HangUp(path="/issues"),
        Silent(path="/issues"),
    ],
    ids=str,
)
def test_a_list_is_asked_for_again(scene: Scene, fault: Fault) -> None:
    scene.project.add_issue(title="x", labels=("asked",))
    scene.server.faults.append(fault)

    assert scene.numbers() == [1]
    assert len(scene.slept) == 1


def test_there_is_one_note_of_ours(scene: Scene) -> None:
    scene.project.add_issue(title="x")
    door = scene.door

    assert door.note_of_issue(1, marker=MARKER) is None
    assert door.put_issue_note(1, NOTE, marker=MARKER).how is How.CREATED
    assert door.put_issue_note(1, NOTE, marker=MARKER).how is How.UNCHANGED
    assert door.put_issue_note(1, NOTE + "More.\n", marker=MARKER).how is How.UPDATED

    assert door.note_of_issue(1, marker=MARKER) == NOTE + "More.\n"
    assert scene.notes(1) == [NOTE + "More.\n"]


def test_a_note_with_our_marker_by_somebody_else_is_not_ours(scene: Scene) -> None:
    scene.project.add_issue(title="x")
    scene.project.add_note("issues", 1, NOTE, author=ANA)

    assert scene.door.note_of_issue(1, marker=MARKER) is None
    scene.door.put_issue_note(1, NOTE, marker=MARKER)
    assert scene.notes(1) == [NOTE, NOTE]


@pytest.mark.parametrize(
    "fault",
    [
        Limited(method="POST", after="1"),
        Down(method="POST", status=502),
        Down(method="POST", status=502, done=True),
        HangUp(method="POST", done=True),
        Silent(method="POST", done=True),
    ],
    ids=str,
)
def test_a_note_is_never_written_twice(scene: Scene, fault: Fault) -> None:
    scene.project.add_issue(title="x")
    scene.server.faults.append(fault)

    scene.door.put_issue_note(1, NOTE, marker=MARKER)

    assert scene.notes(1) == [NOTE]


def test_labels_are_given_and_taken(scene: Scene) -> None:
    scene.project.add_issue(title="x", labels=("a", "b"))

    assert scene.door.set_issue_labels(1, add=["c"], remove=["a"]) == ("b", "c")


def test_a_merge_request_is_assigned_when_it_is_opened(scene: Scene) -> None:
    scene.project.add_branch("request/1")
    for title in ("one", "two"):
        scene.door.put_merge_request(
            Text(title, "<!-- m -->\n"),
            branch="request/1",
            target="main",
            marker="<!-- m -->",
            assignees=(7,),
        )

    assert scene.project.merge_requests[1]["assignees"] == [{"id": 7}]
    assert scene.project.merge_requests[1]["title"] == "two"


def test_a_gitlab_that_stays_away_is_explained(scene: Scene) -> None:
    scene.server.faults += [Down(status=503)] * 20

    with pytest.raises(GitlabFailed, match="could not look for issues: GitLab answers 503") as said:
        scene.numbers()
    assert scene.token not in str(said.value)
