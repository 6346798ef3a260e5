# SPDX-License-Identifier: BSD-3-Clause
"""`check`, as a function and as a command: every refusal has its place and none is a traceback."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from builder.recipes.check import check
from core.console import Console
from core.errors import UserError
from pansoft.commands.check import check as command
from pansoft.context import Context
from tests.builder.recipes.projects import RECIPE, changed, make_project

POLICY = Path(__file__).parents[3] / "trust-policy"
APT = "  apt:\n    - gnuplot-nox\n"


def run(project: Path, *argv: str) -> Result:
    """Run the command in a project that has this repository's own trust policy."""
    shutil.copytree(POLICY, project / "trust-policy", dirs_exist_ok=True)
    context = Context(project=project, state=project / "var", console=Console(quiet=True))
    return CliRunner().invoke(command, argv, obj=context)


def test_a_good_project_passes(tmp_path: Path) -> None:
    report = check(make_project(tmp_path))

    assert report.passed
    assert [recipe.name for recipe in report.recipes] == ["plotter"]
    assert [base.name for base in report.bases] == ["debian-12"]


@pytest.mark.parametrize(
    "target", ["plotter", "{}/recipes/plotter", "{}/recipes/plotter/recipe.yaml"]
)
def test_a_target_is_a_name_a_folder_or_a_file(tmp_path: Path, target: str) -> None:
    project = make_project(tmp_path / "with space")
    make_project(project, recipe="broken", name="other")

    report = check(project, [target.format(project), "plotter"])

    assert report.passed
    assert len(report.recipes) == 1


def test_a_base_is_a_target(tmp_path: Path) -> None:
    report = check(make_project(tmp_path), ["debian-12"])

    assert (len(report.recipes), len(report.bases)) == (0, 1)


def test_an_unknown_target_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no recipe 'plotte'") as caught:
        check(make_project(tmp_path), ["plotte"])

    assert caught.value.hint == "did you mean plotter?"


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "recipes" / "empty").mkdir()

    assert [p.rule for p in check(project).problems] == ["recipe-missing"]


BOMB = "\n".join(
    ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        pytest.param(changed("5.4.4", "5"), "3:10: schema-type: 'version' must be text", id="type"),
        pytest.param(
            changed("version: 5.4.4\n", ""),
            "1:1: schema-required: the field 'version' is missing",
            id="missing-field",
        ),
        pytest.param(
            RECIPE + "title: Again\n",
            "25:1: yaml-duplicate: 'title' stands here a second time, first on line 4",
            id="duplicate-key",
        ),
        pytest.param(BOMB, "1:5: yaml-alias: anchor '&a0' is not allowed", id="bomb"),
        pytest.param("a: &a [*a]\n", "1:4: yaml-alias: anchor '&a' is not allowed", id="loop"),
        pytest.param(
            bytes(range(256)) * 4096,
            "1:1: yaml-size: the file is larger than 256 KiB",
            id="garbage",
        ),
        pytest.param(
            bytes(range(255, 127, -1)) * 64,
            "1:1: yaml-encoding: byte 0xff is not UTF-8",
            id="noise",
        ),
        pytest.param(
            changed(APT, f"{APT}  files:\n    - {{source: ../../../etc/passwd, target: /opt/x}}\n"),
            "20:16: recipe-file: '../../../etc/passwd' leaves the recipe's folder",
            id="leaves-folder",
        ),
        pytest.param(
            changed("name: plotter", "name: ../Plotter!"),
            "2:7: schema-pattern: 'name' must be lower-case letters",
            id="no-name",
        ),
        pytest.param("", "1:1: yaml-single: the document must be a mapping", id="empty"),
        pytest.param("[" * 100_000, "yaml-depth: nested deeper than 20 levels", id="deep"),
    ],
)
def test_a_refusal_names_its_place_and_ends_with_2(
    tmp_path: Path, recipe: str | bytes, expected: str
) -> None:
    result = run(make_project(tmp_path, recipe=recipe))

    first = result.output.splitlines()[0]
    assert result.exit_code == 2, result.exception
    assert re.match(r".*recipes/plotter/recipe\.yaml:\d+:\d+: [a-z-]+: ", result.output)
    assert expected in result.output, first


def test_the_command_speaks_every_format(tmp_path: Path) -> None:
    project = make_project(tmp_path, recipe=changed("5.4.4", "5"))

    as_json = json.loads(run(project, "--format", "json").output)
    as_gitlab = json.loads(run(project, "--format", "gitlab").output)
    as_sarif = json.loads(run(project, "--format", "sarif").output)

    path = "recipes/plotter/recipe.yaml"
    assert as_json["problems"][0]["file"] == path
    assert as_gitlab[0]["location"]["path"] == path
    assert as_sarif["runs"][0]["results"][0]["ruleId"] == "schema-type"


def test_a_good_project_ends_with_0_and_an_empty_report(tmp_path: Path) -> None:
    project = make_project(tmp_path)

    assert (run(project).exit_code, run(project).output) == (0, "")
    assert json.loads(run(project, "--format", "gitlab").output) == []
