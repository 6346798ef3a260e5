# SPDX-License-Identifier: BSD-3-Clause
"""The door to GitLab, over a real socket to a server that checks what it gets."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pansoft.ci.gitlab import (
    CommitState,
    CommitStatus,
    Gitlab,
    GitlabFailed,
    How,
    Login,
    Patience,
    Posted,
    Text,
)
from pansoft.ci.gitlab.connection import Connection
from tests.gitlab_server import (
    DEVELOPER,
    GUEST,
    REPORTER,
    Down,
    Fault,
    Gibberish,
    GitlabServer,
    HangUp,
    Limited,
    Moved,
    Project,
    Silent,
    Thing,
    gitlab_server,
)
from trust.identity.tokens import Token

MARKER = "<!-- pansoft:report -->"
BODY = f"{MARKER}\n\nAll well."
QUICK = Patience(answer_s=5, total_s=60, first_wait_s=1, longest_wait_s=8)


@dataclass
class Scene:
    """A server with a project and a merge request, and somebody who may write there."""

    server: GitlabServer
    project: Project
    request: Thing
    token: str
    slept: list[float] = field(default_factory=list)

    def door(self, *, token: str | None = None, patience: Patience = QUICK) -> Gitlab:
        login = Login(
            self.server.address,
            self.project.path,
            Token(token or self.token),
            "PANSOFT_GITLAB_TOKEN",
        )
        return Gitlab(login, patience=patience, sleep=self.slept.append)

    @property
    def notes(self) -> list[str]:
        return [note["body"] for note in self.project.notes.get(("merge_requests", 1), [])]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        request = project.add_merge_request(source="pyfai")
        yield Scene(server, project, request, server.add_token("bot", level=DEVELOPER))


def status(
    state: CommitState = CommitState.SUCCESS,
    description: str = "2 built",
    link: str = "https://git.example/1",
) -> CommitStatus:
    return CommitStatus("pansoft/report", state, description, link)


# -- the note -------------------------------------------------------------------------------------


def test_a_note_is_created_once_and_then_updated(scene: Scene) -> None:
    door = scene.door()

    ended = [
        door.put_note(1, body, marker=MARKER).how
        for body in (BODY, BODY, f"{MARKER}\n\nOne failed.")
    ]

    assert ended == [How.CREATED, How.UNCHANGED, How.UPDATED]
    assert scene.notes == [f"{MARKER}\n\nOne failed."]


def test_the_note_is_found_on_the_last_of_many_pages(scene: Scene) -> None:
    scene.server.counts = False
    someone = {"id": 1, "username": "root"}
    for number in range(230):
        scene.project.add_note("merge_requests", 1, f"talk {number}", author=someone)
    author = scene.server.author(scene.token)
    scene.project.add_note("merge_requests", 1, f"{MARKER}\n\nOld.", author=author)

    assert scene.door().put_note(1, BODY, marker=MARKER).how is How.UPDATED
    assert scene.notes[-1] == BODY
    assert len(scene.notes) == 231


def test_a_marker_that_somebody_else_wrote_is_not_ours(scene: Scene) -> None:
    scene.project.add_note("merge_requests", 1, f"{MARKER}\n\nMine!", author={"id": 1})
    author = scene.server.author(scene.token)
    scene.project.add_note("merge_requests", 1, f"look: {MARKER}", author=author)

    assert scene.door().put_note(1, BODY, marker=MARKER).how is How.CREATED
    assert scene.notes == [f"{MARKER}\n\nMine!", f"look: {MARKER}", BODY]


@pytest.mark.parametrize("done", [True, False])
def test_of_two_notes_of_ours_one_stays(scene: Scene, done: bool) -> None:
    author = scene.server.author(scene.token)
    for body in ("first", "second", "third"):
        scene.project.add_note("merge_requests", 1, f"{MARKER}\n{body}", author=author)
    scene.project.add_note("merge_requests", 1, f"{MARKER}\nanother's", author={"id": 1})
    scene.server.faults.append(HangUp(method="DELETE", done=done))

    assert scene.door().put_note(1, BODY, marker=MARKER).how is How.UPDATED
    assert scene.notes == [BODY, f"{MARKER}\nanother's"]


def test_a_note_without_its_marker_or_too_long_is_not_sent(scene: Scene) -> None:
    with pytest.raises(ValueError, match="would not be found again"):
        scene.door().put_note(1, "All well.", marker=MARKER)
    with pytest.raises(GitlabFailed, match="1000000 characters"):
        scene.door().put_note(1, BODY + "x" * 1_000_000, marker=MARKER)

    assert scene.server.requests == []


# -- what goes wrong on the way -------------------------------------------------------------------

NEVER_ARRIVED: dict[str, Fault] = {
    "too many requests": Limited(method="POST"),
    "bad gateway": Down(method="POST", status=502),
    "internal error": Down(method="POST", status=500),
    "the origin is down": Down(method="POST", status=522),
    "hung up": HangUp(method="POST"),
    "silent": Silent(method="POST"),
}
ANSWER_LOST: dict[str, Fault] = {
    "gateway time-out": Down(method="POST", status=504, done=True),
    "hung up": HangUp(method="POST", done=True),
    "silent": Silent(method="POST", done=True),
}
IMPATIENT = replace(QUICK, answer_s=0.5)

CREATIONS: dict[str, Callable[[Gitlab], Posted]] = {
    "note": lambda door: door.put_note(1, BODY, marker=MARKER),
    "issue": lambda door: door.put_issue(Text("Nightly", BODY, ("bot",)), marker=MARKER),
    "merge request": lambda door: door.put_merge_request(
        Text("Update", BODY), branch="update", target="main", marker=MARKER
    ),
}


def things(scene: Scene) -> int:
    """Return how many notes, issues and merge requests there are, and statuses."""
    project = scene.project
    return len(scene.notes) + len(project.issues) + len(project.merge_requests) - 1


@pytest.mark.parametrize("what", CREATIONS)
@pytest.mark.parametrize("fault", NEVER_ARRIVED.values(), ids=NEVER_ARRIVED)
def test_what_never_arrived_is_sent_again(scene: Scene, what: str, fault: Fault) -> None:
    scene.project.add_branch("update")
    scene.server.faults += [fault, fault]

    CREATIONS[what](scene.door(patience=IMPATIENT))

    assert things(scene) == 1
    assert scene.slept == [1.0, 2.0]
    assert scene.server.count("POST") == 3


@pytest.mark.parametrize("what", CREATIONS)
@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_what_was_carried_out_is_not_sent_again(scene: Scene, what: str, fault: Fault) -> None:
    scene.project.add_branch("update")
    scene.server.faults.append(fault)

    ended = CREATIONS[what](scene.door(patience=IMPATIENT))

    assert ended.how is How.CREATED
    assert things(scene) == 1
    assert scene.server.count("POST") == 1


def test_what_another_was_faster_with_is_updated(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.project.add_branch("update")
    door, look = scene.door(), Connection.listed

    def look_and_be_late(*asked: Any) -> Any:
        found = look(*asked)
        if len(scene.project.merge_requests) == 1:
            scene.project.add_merge_request(source="update", title="another's")
        return found

    monkeypatch.setattr(Connection, "listed", look_and_be_late)

    ended = door.put_merge_request(
        Text("Update", BODY), branch="update", target="main", marker=MARKER
    )

    assert ended.how is How.UPDATED
    assert [each["title"] for each in scene.project.merge_requests.values()] == ["Change", "Update"]


def test_an_update_and_a_list_are_asked_again(scene: Scene) -> None:
    door = scene.door()
    door.put_note(1, BODY, marker=MARKER)
    scene.server.faults += [
        Gibberish(method="GET"),
        Down(method="GET", path="/notes", status=503),
        HangUp(method="PUT", done=True),
        HangUp(method="PUT"),
    ]

    assert door.put_note(1, f"{MARKER}\nnew", marker=MARKER).how is How.UPDATED
    assert scene.notes == [f"{MARKER}\nnew"]
    assert scene.server.faults == []


def test_gitlab_says_how_long_to_wait(scene: Scene) -> None:
    scene.server.faults += [Limited(after="7"), Limited(after="Tue, 01 Dec 2026 08:00:00 GMT")]

    scene.door().put_note(1, BODY, marker=MARKER)

    assert scene.slept == [7.0, 2.0]


@pytest.mark.parametrize(
    ("faults", "slept"),
    [
        ([Limited(after="3600")], []),
        ([Down(status=503)] * 20, [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]),
    ],
    ids=["a long wait is asked for", "it stays down"],
)
def test_waiting_has_an_end(scene: Scene, faults: list[Fault], slept: list[float]) -> None:
    scene.server.faults += faults

    with pytest.raises(GitlabFailed, match=r"could not write a note .*GitLab answers (429|503)"):
        scene.door().put_note(1, BODY, marker=MARKER)

    assert scene.slept == slept


def test_the_patience_is_one_for_all_requests(scene: Scene) -> None:
    door = scene.door(patience=replace(QUICK, total_s=5))
    scene.server.faults += [Limited(after="4")]
    door.put_note(1, BODY, marker=MARKER)
    scene.server.faults += [Limited(after="4")]

    with pytest.raises(GitlabFailed):
        door.put_note(1, BODY, marker=MARKER)


def test_a_server_that_is_not_there_is_explained(scene: Scene) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        scene.server.address = f"http://127.0.0.1:{closed.getsockname()[1]}"

        with pytest.raises(GitlabFailed, match="no connection") as caught:
            scene.door().put_note(1, BODY, marker=MARKER)

    assert "can be reached" in str(caught.value.hint)


# -- refusals -------------------------------------------------------------------------------------


def test_a_refusal_is_explained_with_what_to_do(scene: Scene) -> None:
    server = scene.server
    tokens = {
        "expired": ("never-given", "401", "scope api and the role Developer"),
        "job": (server.add_token("job", of_job=True), "401", "the token of a job cannot"),
        "scope": (server.add_token("reader", scopes=("read_api",)), "403", "scope api"),
        "guest": (server.add_token("guest", level=GUEST), "404", "member of the project"),
        "stranger": (server.add_token("stranger", projects=()), "404", "member of the project"),
    }
    for token, code, hint in tokens.values():
        with pytest.raises(GitlabFailed) as caught:
            scene.door(token=token).put_note(1, BODY, marker=MARKER)

        assert f"answers {code}" in caught.value.message
        assert hint in str(caught.value.hint)
        assert "PANSOFT_GITLAB_TOKEN" in str(caught.value.hint)
        assert token not in caught.value.message + str(caught.value.hint)

    assert scene.notes == []
    assert scene.slept == []


def test_a_role_that_is_too_small_is_named(scene: Scene) -> None:
    door = scene.door(token=scene.server.add_token("reporter", level=REPORTER))

    with pytest.raises(GitlabFailed, match="answers 403") as caught:
        door.set_status(scene.request["sha"], status())

    assert "role Developer" in str(caught.value.hint)


def test_a_merge_request_that_is_not_there_is_named(scene: Scene) -> None:
    with pytest.raises(GitlabFailed, match=r"merge request !9: GitLab answers 404") as caught:
        scene.door().put_note(9, BODY, marker=MARKER)

    assert scene.server.address in caught.value.message
    assert "pan/recipes" in caught.value.message


def test_the_token_goes_nowhere_else(scene: Scene) -> None:
    with gitlab_server() as other:
        scene.server.faults.append(Moved(to=f"{other.address}/api/v4/user"))

        with pytest.raises(GitlabFailed, match="the token does not go there"):
            scene.door().put_note(1, BODY, marker=MARKER)

    assert other.requests == []


def test_the_token_is_in_no_log_and_no_representation(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scene.server.faults += [Limited(after="1"), HangUp(method="POST")]
    door = scene.door()

    door.put_note(1, BODY, marker=MARKER)

    assert "again in 1.0 s" in caplog.text
    assert scene.token not in caplog.text
    assert scene.token not in repr(door)
    assert scene.token not in repr(Login("u", "p", Token(scene.token), "V"))


# -- statuses and labels --------------------------------------------------------------------------


def test_a_status_is_set_once(scene: Scene) -> None:
    door, sha = scene.door(), scene.request["sha"]

    ended = [
        door.set_status(sha, status(state)).how
        for state in (CommitState.RUNNING, CommitState.RUNNING, CommitState.SUCCESS)
    ]
    again = scene.door().set_status(sha, status(CommitState.SUCCESS)).how

    assert ended == [How.CREATED, How.UNCHANGED, How.CREATED]
    assert again is How.UNCHANGED
    assert [each["status"] for each in scene.project.statuses] == ["success"]


@pytest.mark.parametrize("state", [CommitState.RUNNING, CommitState.SUCCESS])
@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_a_status_whose_answer_was_lost_is_not_set_twice(
    scene: Scene, fault: Fault, state: CommitState
) -> None:
    scene.server.faults.append(fault)

    scene.door(patience=IMPATIENT).set_status(scene.request["sha"], status(state))

    assert len(scene.project.statuses) == 1
    assert scene.server.count("POST") == 1


def test_a_status_that_cannot_follow_is_explained(scene: Scene) -> None:
    door, sha = scene.door(), scene.request["sha"]
    door.set_status(sha, status(CommitState.RUNNING))

    with pytest.raises(GitlabFailed, match="Cannot transition status"):
        door.set_status(sha, status(CommitState.RUNNING, description="another"))


def test_long_texts_of_a_status_are_cut(scene: Scene) -> None:
    said = status(description="x" * 1000, link="https://git.example/" + "x" * 1000)

    scene.door().set_status(scene.request["sha"], said)

    assert len(scene.project.statuses[0]["description"]) == 255
    assert scene.project.statuses[0]["target_url"] is None


def test_labels_are_added_and_removed(scene: Scene) -> None:
    door = scene.door()
    scene.request["labels"] = ["urgent", "pansoft::failed"]

    labels = door.set_labels(1, add=["pansoft::ready"], remove=["pansoft::failed"])

    assert labels == ("urgent", "pansoft::ready")
    with pytest.raises(ValueError, match="is not a label"):
        door.set_labels(1, add=["a,b"])


# -- issues and merge requests --------------------------------------------------------------------


def test_an_issue_is_opened_updated_and_closed(scene: Scene) -> None:
    door, text = scene.door(), Text("Nightly", BODY, ("bot",))
    scene.project.add_issue(title="Copied", description=BODY)  # of somebody else

    ended = [
        door.put_issue(text, marker=MARKER).how,
        door.put_issue(text, marker=MARKER).how,
        door.put_issue(replace(text, labels=("bot", "late")), marker=MARKER).how,
    ]
    closed = door.close_issue(marker=MARKER)

    assert ended == [How.CREATED, How.UNCHANGED, How.UPDATED]
    assert closed == Posted(2, How.UPDATED, f"{scene.server.address}/pan/recipes/-/issues/2")
    assert [each["state"] for each in scene.project.issues.values()] == ["opened", "closed"]
    assert scene.project.issues[2]["labels"] == ["bot", "late"]
    assert door.close_issue(marker=MARKER) is None


def test_a_closed_issue_is_followed_by_a_new_one(scene: Scene) -> None:
    door, text = scene.door(), Text("Nightly", BODY)
    door.put_issue(text, marker=MARKER)
    door.close_issue(marker=MARKER)

    assert door.put_issue(text, marker=MARKER) == Posted(
        2, How.CREATED, f"{scene.server.address}/pan/recipes/-/issues/2"
    )


def test_a_merge_request_is_opened_once_for_a_branch(scene: Scene) -> None:
    door = scene.door()
    scene.project.add_branch("update")
    scene.project.add_merge_request(source="update", from_project=99)["title"] = "of a fork"
    scene.project.merge_requests[2]["state"] = "closed"

    def put(title: str) -> How:
        text = Text(title, BODY, ("update",))
        return door.put_merge_request(text, branch="update", target="main", marker=MARKER).how

    assert [put("pyfai 1.0"), put("pyfai 1.0"), put("pyfai 1.1")] == [
        How.CREATED,
        How.UNCHANGED,
        How.UPDATED,
    ]
    assert scene.project.merge_requests[3]["title"] == "pyfai 1.1"
    assert scene.project.merge_requests[2]["title"] == "of a fork"


def test_a_merge_request_of_a_branch_that_is_not_there_is_refused(scene: Scene) -> None:
    with pytest.raises(GitlabFailed, match="a branch does not exist"):
        scene.door().put_merge_request(Text("x", BODY), branch="gone", target="main", marker=MARKER)
