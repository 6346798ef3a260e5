# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci alarm`: one issue of a scheduled job as long as it fails, in a GitLab on a real socket."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pansoft import cli
from tests.builder.recipes.projects import changed, make_project
from tests.gitlab_server import (
    DEVELOPER,
    GitlabServer,
    HangUp,
    Project,
    Thing,
    gitlab_server,
)
from tests.real_projects import ROOT

OWNED = "release:\n  owner: '{}'\n"


@dataclass
class Scene:
    """A project with three recipes, a GitLab with the log of a job, and a log in a file."""

    root: Path
    server: GitlabServer
    project: Project
    token: str
    capsys: pytest.CaptureFixture[str]

    def run(self, *argv: str) -> tuple[int, str, str]:
        """Return the status, the answer and the talk of `pansoft ci alarm`."""
        self.capsys.readouterr()
        status = cli.invoke(["-q", "--project", str(self.root), "ci", "alarm", *argv])
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def log(self, text: str) -> str:
        """Return the file of a log."""
        file = self.root.parent / "job.log"
        file.write_text(text)
        return str(file)

    @property
    def issues(self) -> list[Thing]:
        return list(self.project.issues.values())


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Scene]:
    for name in list(os.environ):
        if name.startswith("CI_"):
            monkeypatch.delenv(name)
    owners = {"plotter": "", "drawer": "@pan/drawing", "loud": "@all"}
    for name, owner in owners.items():
        recipe = changed("name: plotter", f"name: {name}")
        recipe += OWNED.format(owner) if owner else ""
        make_project(tmp_path / "project", name=name, recipe=recipe)
    shutil.copytree(ROOT / "trust-policy", tmp_path / "project" / "trust-policy")
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        token = server.add_token("bot", level=DEVELOPER)
        project.logs[7] = "drawer: not locked\nerror: from GitLab\n"
        variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": project.branches["main"][-1]["id"],
            "CI_JOB_ID": "7",
            "CI_JOB_URL": "https://git.example/-/jobs/7",
            "PANSOFT_GITLAB_TOKEN": token,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield Scene(tmp_path / "project", server, project, token, capsys)


def test_a_failed_job_has_one_issue_until_it_succeeds(scene: Scene) -> None:
    log = scene.log("plotter: not locked\nerror: pip cannot resolve plotter\n")

    ended = [
        scene.run("update", "--status", status, "--log", log, "--post")[1]
        for status in ("failed", "failed", "canceled", "success", "success", "failed")
    ]

    link = f"{scene.server.address}/pan/recipes/-/issues"
    assert ended[0] == f"issue created: {link}/1\n"
    assert ended[1].startswith(("issue unchanged", "issue updated"))  # by the minute
    assert ended[2:] == ["", f"issue closed: {link}/1\n", "", f"issue created: {link}/2\n"]
    assert [each["state"] for each in scene.issues] == ["closed", "opened"]
    assert [note["body"] for note in scene.project.notes["issues", 1]] == [
        '<!-- pansoft:mended -->\n\n<a href="https&#58;&#47;&#47;git&#46;example&#47;&#45;&#47;jobs&#47;7">'
        "<code>The job</code></a> succeeded.\n".replace("&#45;", "-")
    ]


def test_the_issue_says_why_and_who_answers(scene: Scene) -> None:
    text = (
        "plotter: not locked\ndrawer 1.0 → 1.2: cannot be made\nloud: not built\n"
        f"error: https://bot:{scene.token}@git.example said @all </code> {scene.token}\n/close\n"
    )

    status, out, err = scene.run("update", "--status", "failed", "--log", scene.log(text), "--post")

    [issue] = scene.issues
    said = issue["description"]
    assert status == 0
    assert (issue["title"], issue["labels"]) == ("Scheduled job fails: update", ["alarm"])
    assert said.startswith("<!-- pansoft:alarm update -->\n\nThe scheduled <a href=")
    assert "| <code>plotter</code> | <code>Somebody</code> |\n" in said
    assert "| <code>drawer</code> | @pan/drawing |\n" in said
    assert "| <code>loud</code> | <code>&#64;all</code>, <code>Somebody</code> |\n" in said
    assert said.count("@") == 1
    assert scene.project.quick_actions == []
    assert scene.token not in said + out + err


def test_without_a_file_the_log_is_gitlabs(scene: Scene) -> None:
    scene.run("night", "--status", "failed", "--post", "--package", "plotter")

    [issue] = scene.issues
    assert "from GitLab" in issue["description"]
    assert "| <code>plotter</code> |" in issue["description"]
    assert "| <code>drawer</code> |" in issue["description"]


def test_a_log_that_is_gone_leaves_an_issue_without_lines(scene: Scene) -> None:
    scene.project.logs.clear()

    scene.run("night", "--status", "failed", "--post")

    assert "<pre>" not in scene.issues[0]["description"]


def test_nothing_is_opened_twice_when_an_answer_is_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    scene.server.faults += [HangUp(method="POST", done=True), HangUp(path="/trace")]

    assert scene.run("night", "--status", "failed", "--post", "--json")[0] == 0

    assert len(scene.issues) == 1


def test_each_job_has_its_own_issue(scene: Scene) -> None:
    scene.run("night", "--status", "failed", "--post")
    scene.run("update", "--status", "failed", "--post")
    _, out, _ = scene.run("night", "--status", "success", "--post", "--json")

    assert json.loads(out)["issue"]["number"] == 1
    assert [each["state"] for each in scene.issues] == ["closed", "opened"]


def test_without_post_it_is_printed_and_nothing_is_sent(scene: Scene) -> None:
    status, out, _ = scene.run("night", "--status", "failed", "--log", scene.log("error: no\n"))

    assert status == 0
    assert "error&#58; no" in out
    assert scene.server.requests == []
    assert scene.run("night", "--status", "success") == (0, "", "no issue\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("a--b", "--status", "failed"), "is no name of a job"),
        (("night",), "Missing option '--status'"),
        (("night", "--status", "failed", "--package", "none"), "there is no recipe named 'none'"),
        (("night", "--status", "failed", "--log", "/not/there"), "does not exist"),
    ],
    ids=["name", "status", "package", "log"],
)
def test_what_makes_no_sense_is_refused(scene: Scene, argv: tuple[str, ...], said: str) -> None:
    status, _, err = scene.run(*argv)

    assert status == 2
    assert said in err
    assert scene.issues == []


def in_pipeline(scene: Scene, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the job be another one than ours of a pipeline, which ended so at its last run."""
    monkeypatch.setenv("CI_PIPELINE_ID", "90")
    scene.project.jobs[90] = [
        {"id": 70, "name": "canary", "status": "failed", "web_url": "https://git.example/old"},
        {"id": 71, "name": "canary", "status": status, "web_url": "https://git.example/71"},
        {"id": 72, "name": "another", "status": "failed", "web_url": "https://git.example/72"},
    ]
    scene.project.logs[71] = "drawer: the test 'draws' failed\nerror: of the canary\n"


def test_another_job_of_the_pipeline_is_asked_how_it_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pipeline(scene, "failed", monkeypatch)
    monkeypatch.setenv("CI_JOB_STATUS", "success")  # of this job

    status, out, err = scene.run("canary", "--in-pipeline", "--post")

    [issue] = scene.issues
    assert (status, out.split(":")[0]) == (0, "issue created"), err
    assert issue["title"] == "Job fails: canary"
    assert issue["description"].startswith("<!-- pansoft:alarm canary -->\n\nThe <a href=")
    assert "of the canary</code></pre>" in issue["description"]
    assert "| <code>drawer</code> | @pan/drawing |" in issue["description"]

    in_pipeline(scene, "success", monkeypatch)
    assert scene.run("canary", "--in-pipeline", "--post")[1].startswith("issue closed: ")
    assert scene.issues[0]["state"] == "closed"


def test_a_job_that_was_not_run_changes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pipeline(scene, "skipped", monkeypatch)

    assert scene.run("canary", "--in-pipeline", "--post")[:2] == (0, "")
    assert scene.issues == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("nobody", "--in-pipeline", "--post"), "pipeline 90 has no job nobody"),
        (("canary", "--in-pipeline"), "--in-pipeline asks GitLab"),
        (("canary", "--post"), "Missing option '--status'"),
    ],
    ids=["no such job", "nobody to ask", "nothing said"],
)
def test_what_cannot_be_known_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], said: str
) -> None:
    in_pipeline(scene, "failed", monkeypatch)

    status, _, err = scene.run(*argv)

    assert status == 2
    assert said in err
