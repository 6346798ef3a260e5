# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft cache`: what is asked for is what goes, and what recipes need stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from builder.state import State
from pansoft import cli
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("mmdebstrap")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return real_project(tmp_path / "project")


@pytest.fixture
def state(tmp_path: Path, project: Path) -> State:
    """Return a state with an input that the project's base needs, and one that nobody needs."""
    state = State(tmp_path / "state")
    lock = json.loads((project / "recipes" / "bases" / "debian-12" / "lock.json").read_bytes())
    for sha256 in (lock["system"][0]["sha256"], hashlib.sha256(b"x").hexdigest()):
        file = state.inputs / sha256[:2] / sha256
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 5000)
    return state


def cache(project: Path, state: State, *argv: str) -> int:
    return cli.invoke(
        ["--project", str(project), "--state", str(state.folder), "-q", "cache", *argv]
    )


def left(state: State) -> int:
    return len([path for path in state.inputs.rglob("*") if path.is_file()])


def test_the_status_says_what_may_go(
    project: Path, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cache(project, state, "status") == 0

    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert rows["inputs"] == ["2", "16.4", "kB", "8.2", "kB", "8.2", "kB"]
    assert rows["all"] == rows["inputs"]


def test_what_no_recipe_needs_goes(project: Path, state: State) -> None:
    assert cache(project, state, "prune", "--unused") == 0

    assert left(state) == 1


def test_a_dry_run_removes_nothing(
    project: Path, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cache(project, state, "prune", "--unused", "--dry-run") == 0

    assert "1 items would go, 8.2 kB" in capsys.readouterr().out
    assert left(state) == 2


@pytest.mark.parametrize(
    ("options", "remain"),
    [
        (["--max-size", "20k"], 2),
        (["--max-size", "0"], 1),
        (["--max-size", "0", "--even-needed"], 0),
        (["--older-than", "1h"], 2),
        (["--unused", "--only", "bases"], 2),
    ],
)
def test_a_rule_is_read_from_the_options(
    project: Path, state: State, options: list[str], remain: int
) -> None:
    assert cache(project, state, "prune", *options) == 0

    assert left(state) == remain


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say what may go: --unused, --older-than or --max-size"),
        (["--max-size", "much"], "'much' is not a size"),
        (["--older-than", "a while"], "'a while' is not an age"),
    ],
)
def test_what_is_not_clear_removes_nothing(
    project: Path,
    state: State,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert cache(project, state, "prune", *options) == 2

    assert said in capsys.readouterr().err
    assert left(state) == 2


def test_where_the_needs_are_not_known_nothing_goes(
    project: Path, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "recipes" / "plotter" / "lock.json").unlink()

    assert cache(project, state, "prune", "--unused") == 2

    assert "what the recipes need is not known" in capsys.readouterr().err
    assert left(state) == 2
