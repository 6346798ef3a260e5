# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci update --test`: an older pin of a real package, what the index has by now, built and tested.

Two recipes are of the same program. One tests that it runs; the other expects the version that it had.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.images.base import ensure_base
from builder.images.plan import read_base_plan
from builder.state import State
from core import process
from core.console import Console
from core.process import Completed
from tests.builder.conftest import Builds, builds
from tests.builder.recipes.projects import RECIPE
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import DEVELOPER, Project, Thing, gitlab_server
from tests.integration.program import ROOT

__all__ = ["builds"]

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap", "git")

BASE = "debian-12-python"
PINNED = "0.8.10"
PROGRAM = "tabulate"  # one module and one command, of Python alone, without requirements
VERSION = f"python -c 'import {PROGRAM}; print({PROGRAM}.__version__)'"


def recipe(name: str, *, expects: str = "") -> str:
    """Return a recipe of the program whose test prints its version, and expects a text."""
    changes = {
        "name: plotter": f"name: {name}",
        "version: 5.4.4": f"version: {PINNED}",
        "  apt:\n    - gnuplot-nox": f"  pip:\n    - {PROGRAM}=={PINNED}  # what prints tables",
        "base: debian-12\n": f"base: {BASE}\n",
        "  - plot\n": f"  - {PROGRAM}\n",
        "    run: plot\n": f"    run: {VERSION}\n{expects}",
    }
    text = RECIPE
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@dataclass
class Scene:
    """A checkout of both recipes as they were once, a state with their base, and a GitLab."""

    checkout: Path
    state: Path
    project: Project
    variables: dict[str, str]

    def run(self, *arguments: str, status: int = 0) -> Completed:
        """Run the program as a job does."""
        where = ("--project", self.checkout, "--state", self.state)
        done = process.run(
            [sys.executable, "-m", "pansoft", *where, *arguments],
            reason="run pansoft",
            cwd=ROOT,
            env={**os.environ, **self.variables},
            timeout_s=1200,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def request(self, name: str) -> Thing:
        [found] = [
            each
            for each in self.project.merge_requests.values()
            if each["source_branch"] == f"update/{name}"
        ]
        return found


@pytest.fixture
def scene(builds: Builds, tmp_path: Path) -> Iterator[Scene]:
    plan = read_base_plan(ROOT / "recipes" / "bases" / BASE)
    ensure_base(plan, builds.state, user=builds.user, console=Console(quiet=True))
    checkout = new_checkout(tmp_path / "software")
    bases = checkout / "recipes" / "bases"
    bases.mkdir(parents=True)
    for layer in plan.layers:
        process.run(["cp", "-r", ROOT / "recipes" / "bases" / layer.name, bases], reason="copy")
    process.run(["cp", "-r", ROOT / "trust-policy", checkout], reason="copy the policy")
    texts = {
        PROGRAM: recipe(PROGRAM),
        "tables": recipe("tables", expects=f'    expect: "{PINNED}"\n'),
    }
    for name, text in texts.items():
        (checkout / "recipes" / name).mkdir()
        (checkout / "recipes" / name / "recipe.yaml").write_text(text, encoding="utf-8")
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        made = Scene(checkout, builds.beside(tmp_path / "state").folder, project, {})
        made.run("lock", *texts)
        sha = commit(checkout, "recipes")
        files = {
            path: (checkout / path).read_text(encoding="utf-8")
            for path in git(checkout, "ls-files", "recipes").splitlines()
        }
        project.add_commit("main", message="recipes", files=files, sha=sha)
        made.variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": sha,
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        yield made


def test_a_newer_version_is_locked_built_tested_and_proposed(scene: Scene) -> None:
    done = scene.run("ci", "update", "--post", "--test", "--json")

    told = {each["name"]: each for each in json.loads(done.stdout)["updates"]}
    assert {name: (each["became"], each["passed"]) for name, each in told.items()} == {
        PROGRAM: ("opened", True),
        "tables": ("opened", False),
    }
    [step] = told[PROGRAM]["steps"]
    newer = step["new"]
    assert (step["old"], newer) == (PINNED, newer)
    assert newer != PINNED

    branch = scene.project.files[f"update/{PROGRAM}"]
    assert f"- {PROGRAM}=={newer}  # what prints tables" in branch[f"recipes/{PROGRAM}/recipe.yaml"]
    locked = json.loads(branch[f"recipes/{PROGRAM}/lock.json"])["python"]
    assert [(each["name"], each["version"]) for each in locked] == [(PROGRAM, newer)]
    good, bad = scene.request(PROGRAM), scene.request("tables")
    assert good["title"] == f"{PROGRAM} {PINNED} → {newer}"
    assert "It was built, and its tests passed." in good["description"]
    assert bad["title"] == f"Draft: tables {PINNED} → {newer}"
    assert "**without success**" in bad["description"]
    assert "did not print" in bad["description"]
    assert good["labels"] == bad["labels"] == ["update"]
    assert scene.variables["PANSOFT_GITLAB_TOKEN"] not in done.stdout + done.stderr

    made = [json.loads(file.read_text()) for file in scene.state.glob("images/*/image.json")]
    assert sorted((each["name"], each["version"]) for each in made) == sorted(
        (name, newer) for name in (PROGRAM, "tables")
    )
    assert git(scene.checkout, "status", "--porcelain") == ""
    assert not State(scene.state).scratch.exists() or not list(State(scene.state).scratch.iterdir())

    again = scene.run("ci", "update", "--post", "--test", "--json")

    assert {each["became"] for each in json.loads(again.stdout)["updates"]} == {"unchanged"}
    assert len(scene.project.merge_requests) == 2
