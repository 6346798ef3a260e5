# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft recipe show`: one recipe in words, as JSON, and as a definition file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.recipes.definition import parsed
from pansoft.cli import invoke
from tests.real_projects import real_project


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = invoke([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return real_project(tmp_path / "project")


def test_a_recipe_is_shown_in_words(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--project", project, "recipe", "show", "plotter")

    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert status == 0
    assert lines["name"] == "plotter 5.4.4"
    assert lines["inputs"] == "none"
    assert lines["test"] == "plots (command)"
    assert lines["base"].startswith("debian-12 ")


def test_a_recipe_is_shown_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, words, _ = said(capsys, "--project", project, "recipe", "show", "plotter")
    status, out, _ = said(capsys, "--project", project, "recipe", "show", "plotter", "--json")

    shown = json.loads(out)
    assert status == 0
    assert shown["plan"] in words
    assert (shown["name"], shown["license"], shown["commands"]) == ("plotter", "MIT", ["plot"])


def test_a_recipe_is_shown_as_a_definition_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(
        capsys, "--project", project, "recipe", "show", "plotter", "--definition", "--base", project
    )

    sections = parsed(out)
    assert status == 0
    assert sections["header"] == ("Bootstrap: localimage", f"From: {project}")
    assert "mkdir $PREFIX/bin; printf" in " ".join(sections["%post"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--definition", "--json"], "error: --definition prints a definition file"),
        (["--base", "."], "error: --base belongs to --definition"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    status, _, err = said(capsys, "--project", project, "recipe", "show", "plotter", *options)

    assert status == 2
    assert err.startswith(message)
