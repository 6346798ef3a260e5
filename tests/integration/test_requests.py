# SPDX-License-Identifier: BSD-3-Clause
"""A form of a real project becomes a recipe that `pansoft check` accepts, over real sockets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from core.process import Completed
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import DEVELOPER, GitlabServer, Limited, Project, gitlab_server
from tests.integration.program import ROOT, pansoft
from tests.pansoft.ci.requests.forms import filled

pytestmark = pytest.mark.needs("git")

ANA = {"id": 7, "username": "ana", "name": "Ana García"}
TEST = "Nuclide('H-3').half_life('y') is 12.32, and its progeny is He-3."


@dataclass
class Scene:
    """The project of a facility with three packages and all bases, and its GitLab."""

    checkout: Path
    state: Path
    server: GitlabServer
    project: Project
    env: dict[str, str]

    def run(self, *argv: str) -> Completed:
        return pansoft("--project", self.checkout, *argv, state=self.state, env=self.env)

    def check_out(self, branch: str) -> None:
        """Write what a branch of GitLab adds into the checkout."""
        for path in self.project.files[branch].keys() - self.project.files["main"].keys():
            file = self.checkout / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.project.files[branch][path])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    checkout = new_checkout(tmp_path / "project")
    for part in ("recipes/bases", "recipes/gemmi", "recipes/units", "trust-policy"):
        shutil.copytree(ROOT / part, checkout / part)
    sha = commit(checkout, "a facility")
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        project.add_commit("main", message="a facility", sha=sha)
        env = {name: text for name, text in os.environ.items() if not name.startswith("CI_")} | {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": sha,
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        yield Scene(checkout, tmp_path / "state", server, project, env)


def test_a_form_of_a_real_project_becomes_a_recipe_that_is_accepted(scene: Scene) -> None:
    form = filled(
        Name="radioactivedecay",
        Version="0.6.1",
        Test=TEST,
        Purpose="Decay chains: activities, half-lives and progeny of 1252 nuclides.",
        Citation="10.21105/joss.03318",
    )
    scene.project.add_issue(title="Please", description=form, author=ANA)
    scene.server.faults.append(Limited(method="POST", after="0"))

    posted = scene.run("ci", "requests", "--post")
    again = scene.run("ci", "requests", "--post")

    assert posted.returncode == 0, posted.stdout + posted.stderr
    assert posted.stdout.startswith("#1 radioactivedecay: merge request opened: ")
    assert again.stdout.startswith("#1 radioactivedecay: merge request is open: ")
    [request] = scene.project.merge_requests.values()
    assert TEST in unescape(request["description"])
    scene.check_out("request/1")
    checked = scene.run("check", "radioactivedecay")
    assert checked.returncode == 0
    assert checked.stdout + checked.stderr == "1 checked, no problem found\n"
    planned = scene.run("plan", "radioactivedecay")
    assert planned.stdout.startswith("new        radioactivedecay 0.6.1 "), planned.stderr
    recipe = (scene.checkout / "recipes" / "radioactivedecay" / "recipe.yaml").read_text()
    assert "citation: https://doi.org/10.21105/joss.03318\n" in recipe
    assert "- name: Ana García\n" in recipe


def test_a_form_of_a_debian_package_becomes_one_as_well(scene: Scene) -> None:
    scene.project.add_issue(
        title="Please", description=filled("Debian", Name="datamash"), author=ANA
    )

    posted = scene.run("ci", "requests", "--post")

    assert posted.returncode == 0, posted.stdout + posted.stderr
    scene.check_out("request/1")
    assert scene.run("check", "datamash").returncode == 0
    assert scene.run("plan", "datamash").stdout.startswith("new        datamash ")


def test_what_cannot_be_made_of_a_form_is_said(scene: Scene) -> None:
    for name, version in (("gemmi", ""), ("fisx", "1.3.2"), ("no-such-project-as-this-0", "")):
        form = filled(Name=name, Version=version)
        scene.project.add_issue(title="Please", description=form, author=ANA)

    posted = scene.run("ci", "requests", "--post")

    assert posted.returncode == 0, posted.stdout + posted.stderr
    assert [line for line in posted.stdout.splitlines() if line[0] == "#"] == [
        "#1 gemmi: there already",
        "#2 fisx: to be mended by its author",
        "#3 no-such-project-as-this-0: to be mended by its author",
    ]
    assert scene.project.merge_requests == {}
    assert git(scene.checkout, "status", "--short") == ""


def test_a_recipe_without_a_lock_is_told_so_by_its_own_pipeline(scene: Scene) -> None:
    scene.project.add_issue(title="Please", description=filled("Debian", Name="datamash"))
    scene.run("ci", "requests", "--post")
    scene.check_out("request/1")
    (scene.checkout / "recipes" / "datamash" / "lock.json").unlink()

    planned = scene.run("plan", "datamash")

    assert "blocked " in planned.stdout
    assert "datamash has no lock" in planned.stdout
