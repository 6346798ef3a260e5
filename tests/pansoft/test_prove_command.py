# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft test --prove` as a reviewer runs it: the table, the place of what proves nothing, the status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pansoft.cli import invoke
from tests.builder.conftest import Builds
from tests.real_projects import add_recipe, real_project

WEAK = "    run: plot\n"
HONEST = "    run: plot\n    expect: plotted\n"


@pytest.fixture
def where(builds: Builds, tmp_path: Path) -> list[str]:
    """Return the options that name a project with the recipe `plotter`, and a state with its base."""
    project = real_project(tmp_path / "project", changes={WEAK: HONEST})
    state = builds.beside(tmp_path / "state").folder
    return ["--project", str(project), "--state", str(state)]


@pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")
def test_what_proves_nothing_is_shown_with_its_place(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    project = Path(where[1])
    status = invoke([*where, "test", "plotter", "--prove"])
    out = capsys.readouterr().out
    assert status == 0
    assert out.splitlines() == [
        "plotter 5.4.4, removed: the base debian-12 alone",
        "    plots  removed: fails   mute: fails",
    ]

    file = project / "recipes" / "plotter" / "recipe.yaml"
    text = file.read_text(encoding="utf-8").replace(HONEST, WEAK)
    file.write_text(text, encoding="utf-8")
    line = text.splitlines().index("  - name: plots") + 1
    add_recipe(project, "drawer", "mkdir $PREFIX/bin")
    status = invoke([*where, "test", "--prove"])
    out, err = capsys.readouterr()
    assert status == 2
    assert f"recipe.yaml:{line}:11: test-proves-nothing: 'plots' proves nothing" in out
    assert "passes with mute commands" in out
    assert "hint: expect what the command itself prints" in out
    assert "1 not built, so not asked: drawer" in err

    status = invoke([*where, "-q", "test", "--prove", "--json"])
    [proof] = json.loads(capsys.readouterr().out)
    assert status == 2
    assert (proof["name"], proof["holds"]) == ("plotter", False)
    assert proof["results"][0]["mute"]["outcome"] == "passes"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(["test"], "name the recipes to test", id="no name"),
        pytest.param(["test", "--prove", "--format", "junit"], "writes no reports", id="junit"),
        pytest.param(["test", "--prove", "--output", "x"], "writes no reports", id="output"),
        pytest.param(["test", "--prove", "nothing"], "no recipe named 'nothing'", id="unknown"),
    ],
)
def test_what_the_verb_does_not_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    project = real_project(tmp_path / "project")

    assert invoke(["--project", str(project), *arguments]) == 2
    assert reason in capsys.readouterr().err
