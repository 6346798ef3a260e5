# SPDX-License-Identifier: BSD-3-Clause
"""The GitLab of the tests refuses what GitLab refuses, in its words; else it would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.gitlab_server import (
    DEVELOPER,
    REPORTER,
    GitlabServer,
    Project,
    gitlab_server,
)


@dataclass
class Client:
    """Whoever talks to the server without any library of GitLab."""

    server: GitlabServer
    project: Project
    token: str

    def ask(self, method: str, path: str, *, token: Any = None, **sent: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer; what is sent goes into the query of a GET."""
        place = f"/projects/{quote(self.project.path, safe='')}{path}"
        answer = requests.request(
            method,
            f"{self.server.address}/api/v4{place}",
            headers={"PRIVATE-TOKEN": token or self.token},
            params=sent if method == "GET" else None,
            json=None if method == "GET" else sent,
            timeout=20,
        )
        return answer.status_code, answer.json()


@pytest.fixture
def client() -> Iterator[Client]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        project.add_merge_request(source="change")
        yield Client(server, project, server.add_token("bot", level=DEVELOPER))


REFUSALS: dict[str, tuple[str, str, dict[str, Any], int, object]] = {
    "no such route": ("GET", "/nothing", {}, 404, {"error": "404 Not Found"}),
    "missing": ("POST", "/merge_requests/1/notes", {}, 400, {"error": "body is missing"}),
    "of another kind": (
        "POST",
        "/merge_requests/1/notes",
        {"body": 7},
        400,
        {"error": "body is invalid"},
    ),
    "unknown": (
        "POST",
        "/merge_requests/1/notes",
        {"body": "x", "boddy": "y"},
        400,
        {"error": "boddy is not known"},
    ),
    "not one of the words": (
        "GET",
        "/issues",
        {"state": "open"},
        400,
        {"error": "state does not have a valid value"},
    ),
    "blank note": (
        "POST",
        "/merge_requests/1/notes",
        {"body": "  "},
        400,
        {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'},
    ),
    "long note": (
        "POST",
        "/merge_requests/1/notes",
        {"body": "x" * 1_000_001},
        400,
        {
            "message": "400 Bad request - Note "
            '{:note=>["is too long (maximum is 1000000 characters)"]}'
        },
    ),
    "no such merge request": (
        "POST",
        "/merge_requests/9/notes",
        {"body": "x"},
        404,
        {"message": "404 Not found"},
    ),
    "no such commit": (
        "POST",
        f"/statuses/{'a' * 40}",
        {"state": "success"},
        404,
        {"message": "404 Commit Not Found"},
    ),
    "long title": (
        "POST",
        "/issues",
        {"title": "x" * 256},
        400,
        {"message": {"title": ["is too long (maximum is 255 characters)"]}},
    ),
    "second merge request": (
        "POST",
        "/merge_requests",
        {"source_branch": "change", "target_branch": "main", "title": "x"},
        409,
        {"message": ["Another open merge request already exists for this source branch: !1"]},
    ),
    "into itself": (
        "POST",
        "/merge_requests",
        {"source_branch": "main", "target_branch": "main", "title": "x"},
        422,
        {"message": ["You can't use same project/branch for source and target"]},
    ),
    "branch without a start": (
        "POST",
        "/repository/commits",
        {"branch": "new", "commit_message": "x", "actions": []},
        400,
        {"message": "You can only create or edit files when you are on a branch"},
    ),
    "two starts": (
        "POST",
        "/repository/commits",
        {
            "branch": "new",
            "commit_message": "x",
            "actions": [],
            "start_branch": "main",
            "start_sha": "0" * 40,
        },
        400,
        {"error": "start_branch, start_sha are mutually exclusive"},
    ),
    "no such file": (
        "GET",
        "/repository/files/b",
        {"ref": "full"},
        404,
        {"message": "404 File Not Found"},
    ),
    "compared with nothing": (
        "GET",
        "/repository/compare",
        {"from": "0" * 40, "to": "full"},
        404,
        {"message": "404 Ref Not Found"},
    ),
    "file that is there": (
        "POST",
        "/repository/commits",
        {
            "branch": "full",
            "commit_message": "x",
            "actions": [{"action": "create", "file_path": "a", "content": ""}],
        },
        400,
        {"message": "A file with this name already exists"},
    ),
}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "said"), REFUSALS.values(), ids=REFUSALS
)
def test_it_refuses(
    client: Client, method: str, path: str, sent: dict[str, Any], status: int, said: object
) -> None:
    client.project.add_branch("full", files={"a": "text"})

    assert client.ask(method, path, **sent) == (status, said)


def test_a_token_counts_for_what_it_is(client: Client) -> None:
    server, path = client.server, "/merge_requests/1/notes"
    tokens = {
        401: server.add_token("job", of_job=True),
        403: server.add_token("reader", scopes=("read_api",)),
        404: server.add_token("stranger", projects=()),
    }

    assert {
        status: client.ask("POST", path, token=token, body="x")[0]
        for status, token in tokens.items()
    } == {401: 401, 403: 403, 404: 404}
    assert client.ask("GET", path, token=tokens[403])[0] == 200
    reporter = server.add_token("reporter", level=REPORTER)
    assert client.ask("POST", path, token=reporter, body="x")[0] == 201
    sent: dict[str, Any] = {"branch": "main", "commit_message": "x", "actions": []}
    assert client.ask("POST", "/repository/commits", token=reporter, **sent)[0] == 403


def test_lists_come_in_pages(client: Client) -> None:
    for number in range(45):
        client.project.add_note("merge_requests", 1, str(number), author={"id": 1})

    status, first = client.ask("GET", "/merge_requests/1/notes", sort="asc")
    _, last = client.ask("GET", "/merge_requests/1/notes", sort="asc", page=3)

    assert status == 200
    assert [note["body"] for note in first] == [str(number) for number in range(20)]
    assert [note["body"] for note in last] == ["40", "41", "42", "43", "44"]


def test_quick_actions_are_carried_out(client: Client) -> None:
    path = "/merge_requests/1/notes"

    told = client.ask("POST", path, body="```\n/reopen\n```\nbye\n/close\n")
    only = client.ask("POST", path, body="/reopen")

    assert (told[0], told[1]["body"]) == (201, "```\n/reopen\n```\nbye\n")
    assert only[0] == 202
    assert client.project.quick_actions == ["/close", "/reopen"]


def test_commits_change_the_files_of_a_branch(client: Client) -> None:
    actions = [
        {"action": "create", "file_path": "recipes/a", "content": "one"},
        {"action": "update", "file_path": "recipes/a", "content": "two"},
    ]
    sent = {"branch": "update", "start_branch": "main", "commit_message": "x", "actions": actions}

    status, made = client.ask("POST", "/repository/commits", **sent)
    _, branch = client.ask("GET", "/repository/branches/update")

    assert status == 201
    assert branch["commit"] == made
    assert client.project.files["update"] == {"recipes/a": "two"}
    assert client.project.files["main"] == {}


def test_a_branch_is_compared_with_where_it_left(client: Client) -> None:
    project = client.project
    left = project.add_branch("other", files={"a": "1", "b": "1"})
    action = {"action": "update", "file_path": "a", "content": "2"}
    sent = {"branch": "update", "start_sha": left, "commit_message": "x", "actions": [action]}
    client.ask("POST", "/repository/commits", **sent)
    project.add_commit("other", message="later", files={"b": "2"})

    _, compared = client.ask("GET", "/repository/compare", **{"from": "other", "to": "update"})
    _, file = client.ask("GET", "/repository/files/a", ref="update")

    assert [each["author_email"] for each in compared["commits"]] == ["bot@git.example"]
    assert [each["new_path"] for each in compared["diffs"]] == ["a"]
    assert (file["content"], file["size"]) == ("Mg==", 1)


def test_labels_pipelines_and_their_jobs_are_read(client: Client) -> None:
    client.project.pipelines.append({"id": 5, "sha": "abc", "ref": "main", "status": "failed"})
    client.project.jobs[5] = [{"id": 6, "name": "package a", "status": "failed"}]

    made = client.ask("POST", "/labels", name="bot", color="#112233")
    again = client.ask("POST", "/labels", name="bot", color="#112233")

    assert (made[0], again) == (201, (409, {"message": "Label already exists"}))
    assert [label["name"] for label in client.ask("GET", "/labels")[1]] == ["bot"]
    assert [each["id"] for each in client.ask("GET", "/pipelines", status="failed")[1]] == [5]
    assert client.ask("GET", "/pipelines", status="success")[1] == []
    assert client.ask("GET", "/pipelines/5/jobs")[1][0]["name"] == "package a"
    assert client.ask("GET", "/merge_requests/1/versions")[1][0]["state"] == "collected"
