# SPDX-License-Identifier: BSD-3-Clause
"""What pipelines of merge requests left is read with a token they never had, and as a stranger's word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from builder.stages import PlanId
from pansoft import cli, shown
from pansoft.ci import kept, merge_requests, posting
from pansoft.ci.gitlab import Gitlab, How
from pansoft.ci.job import job_of
from pansoft.ci.note import PackageNote, Picture, Standing
from tests.checkouts import commit, new_checkout
from tests.gitlab_server import (
    DEVELOPER,
    REPORTER,
    Down,
    GitlabServer,
    Project,
    Thing,
    gitlab_server,
)

PLAN, SHA = PlanId("a" * 64), "1" * 64
READY = PackageNote("plotter", "1.0", Standing.READY, key="plotter", plan=PLAN, sha256=SHA)
FILE = "report/packages.json"


@dataclass
class Scene:
    """A GitLab with an open merge request, and the variables of a schedule of the default branch."""

    server: GitlabServer
    project: Project
    request: Thing
    variables: dict[str, str]

    def door(self) -> Gitlab:
        return Gitlab(posting.login_of(job_of(self.variables)), sleep=lambda _: None)

    def left(self, *packages: PackageNote, request: Thing | None = None) -> int:
        """Let the pipeline of a merge request have left a report, and return its number."""
        files = {FILE: kept.keep(packages)}
        return self.project.add_pipeline(request or self.request, files)

    def tell(self) -> list[merge_requests.Told]:
        return list(merge_requests.tell_open(self.door(), job_of(self.variables)))

    def note(self, number: int = 1) -> str:
        [written] = self.project.notes["merge_requests", number]
        return str(written["body"])


@pytest.fixture
def scene() -> Iterator[Scene]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        request = project.add_merge_request(source="plotter")
        variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": "0" * 40,
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        yield Scene(server, project, request, variables)


def test_an_open_merge_request_is_told_what_its_pipeline_found(scene: Scene) -> None:
    scene.left(READY)

    [first] = scene.tell()
    [second] = scene.tell()

    assert first.told is not None
    assert first.told.note is not None
    assert first.told.note.how is How.CREATED
    assert second.told is not None
    assert second.told.note is not None
    assert second.told.note.how is How.UNCHANGED
    assert f"{SHA}  plotter" in scene.note()
    assert scene.request["labels"] == ["pansoft::ready"]
    [status] = scene.project.statuses
    assert (status["sha"], status["status"]) == (scene.request["sha"], "success")


def test_one_whose_pipeline_is_not_done_is_left_alone(scene: Scene) -> None:
    assert [each.told for each in scene.tell()] == [None]  # no pipeline yet

    scene.project.add_pipeline(scene.request)

    assert [(each.told, each.why) for each in scene.tell()] == [(None, None)]
    assert scene.project.notes == {}


def test_the_pipeline_of_a_fork_is_in_the_fork(scene: Scene) -> None:
    scene.left(READY)
    scene.request["head_pipeline"]["project_id"] = 999

    assert [each.told for each in scene.tell()] == [None]


def test_a_report_is_a_strangers_word(scene: Scene) -> None:
    hostile = replace(
        READY,
        version="1.0 /close @all",
        licence="<script>alert(1)</script>",
        pictures=(
            Picture("here", f"{scene.server.address}/pan/recipes/-/jobs/1/artifacts/file/a.png"),
            Picture("elsewhere", "https://evil.example/login"),
            Picture("script", "javascript:alert(1)"),
        ),
    )
    scene.left(hostile)

    scene.tell()

    assert scene.project.quick_actions == []
    assert "<script>" not in scene.note()
    assert "evil" not in scene.note()
    assert "javascript:" not in scene.note()
    assert "artifacts" in scene.note()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not what a report keeps"),
        (b'{"schema": 9, "packages": []}', "its schema is 9"),
        (kept.keep([replace(READY, key="x; rm -rf ~")]), "is no name of a package"),
        (b" " * (kept.MOST_BYTES + 1), "more than"),
    ],
    ids=["damaged", "newer", "a command", "endless"],
)
def test_one_that_cannot_be_read_does_not_hold_the_others_back(
    scene: Scene, content: bytes, why: str
) -> None:
    scene.project.add_pipeline(scene.request, {FILE: content})
    scene.left(READY, request=scene.project.add_merge_request(source="other"))

    told = scene.tell()

    assert why in (told[0].why or "")
    assert "of merge request !1" in (told[0].why or "")
    assert told[1].told is not None
    assert ("merge_requests", 1) not in scene.project.notes
    assert "plotter" in scene.note(2)


def test_a_merge_request_that_changes_more_than_recipes_is_marked(scene: Scene) -> None:
    scene.left(READY)
    scene.project.diffs[1] = [
        {"old_path": "recipes/plotter/recipe.yaml", "new_path": "recipes/plotter/recipe.yaml"},
        {"old_path": ".gitlab-ci.yml", "new_path": ".gitlab-ci.yml"},
        {"old_path": "trust-policy/policy.yaml", "new_path": "recipes/x/policy.yaml"},
    ]

    scene.tell()

    assert "Changes more than recipes" in scene.note()
    assert "gitlab-ci" in scene.note()
    assert "trust-policy" in scene.note()
    assert posting.BEYOND in scene.request["labels"]

    scene.project.diffs[1] = scene.project.diffs[1][:1]
    scene.tell()

    assert "Changes more than recipes" not in scene.note()
    assert posting.BEYOND not in scene.request["labels"]


# -- the commands ---------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *arguments: str) -> int:
    for command in ("post", "shown"):
        monkeypatch.setattr(f"pansoft.commands.ci.{command}.environment", lambda: variables)
    return cli.invoke(arguments)


def test_the_command_posts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.left(READY)
    scene.project.add_merge_request(source="other")

    assert run(monkeypatch, scene.variables, "ci", "post") == 0
    assert capsys.readouterr().out == "!1: note created\n!2: no report yet\n"

    scene.project.jobs.clear()
    scene.project.artifacts.clear()
    assert run(monkeypatch, scene.variables, "ci", "post", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "merge_request": 1,
        "note": None,
        "why": None,
    }


def test_the_command_says_what_it_could_not_tell(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.project.add_pipeline(scene.request, {FILE: b"{"})

    assert run(monkeypatch, scene.variables, "ci", "post") == 2
    assert "!1: not told: report/packages.json of merge request !1" in capsys.readouterr().out


def test_without_a_token_nothing_is_posted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del scene.variables["PANSOFT_GITLAB_TOKEN"]

    assert run(monkeypatch, scene.variables, "ci", "post") == 2
    assert "PANSOFT_GITLAB_TOKEN not set" in capsys.readouterr().err
    assert scene.server.requests == []


@pytest.fixture
def checkout(scene: Scene, tmp_path: Path) -> Path:
    """Return a checkout whose last commit came with the merge request."""
    project = new_checkout(tmp_path / "project")
    (project / "recipes").mkdir()
    (project / "recipes" / "README").write_text("recipes\n")
    sha = commit(project, "first")
    scene.request["state"] = "merged"
    scene.project.merges[sha] = [1]
    return project


def test_what_merged_requests_showed_is_fetched_for_the_publisher(
    scene: Scene,
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene.left(READY)
    scene.variables["PANSOFT_GITLAB_TOKEN"] = scene.server.add_token(
        "reader", level=REPORTER, scopes=("read_api",)
    )
    output = tmp_path / "shown"
    asked = ("--project", str(checkout), "ci", "shown", "--output", str(output))
    scene.server.faults.append(Down(status=503, path="/artifacts/"))

    status = run(monkeypatch, scene.variables, *asked)

    assert status == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"1 image shown: {output}\n"
    assert shown.read(output).images == {PLAN: {SHA}}

    scene.project.artifacts.clear()
    assert run(monkeypatch, scene.variables, *asked) == 0
    assert "!1: no pipeline of it left a report" in capsys.readouterr().err
    assert shown.read(output).images == {}


def test_without_a_token_it_is_said_that_nothing_is_compared(
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "shown"

    status = run(
        monkeypatch, {}, "--project", str(checkout), "ci", "shown", "--output", str(output)
    )

    assert status == 0
    assert "nothing is compared" in capsys.readouterr().err
    assert shown.read(output).images == {}


def test_a_report_that_cannot_be_fetched_stops_the_publisher(
    scene: Scene,
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene.server.tokens.clear()
    asked = ("--project", str(checkout), "ci", "shown", "--output", str(tmp_path / "shown"))

    assert run(monkeypatch, scene.variables, *asked) == 2
    assert "GitLab answers 401" in capsys.readouterr().err
