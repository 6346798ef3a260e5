# SPDX-License-Identifier: BSD-3-Clause
"""Problems for people, programs, GitLab and SARIF viewers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import reports
from core.problems import Position, Problem, Severity
from core.reports import Format


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipes" / "x" / "recipe.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("schema: 1\nversion: 113\n\tname: \x1b[31mred\n", encoding="utf-8")
    return path


def problem(file: Path, line: int, column: int, message: str = "wrong") -> Problem:
    return Problem(Position(file, line, column), "schema-type", message, "mend it", "version")


def test_people_see_the_line_a_caret_and_the_hint(tmp_path: Path, file: Path) -> None:
    assert reports.text([problem(file, 2, 10)], root=tmp_path) == (
        "recipes/x/recipe.yaml:2:10: schema-type: wrong\n"
        "    2 | version: 113\n"
        "      |          ^\n"
        "    hint: mend it"
    )


def test_a_terminal_is_not_driven_by_what_a_file_holds(tmp_path: Path, file: Path) -> None:
    shown = reports.text([problem(file, 3, 2, "not '\x1b[31mred'")], root=tmp_path)

    assert "\x1b" not in shown
    assert "    3 |  name: \N{REPLACEMENT CHARACTER}[31mred\n      |  ^" in shown


def test_a_long_line_is_shown_around_its_place(tmp_path: Path, file: Path) -> None:
    file.write_text("a" * 100_000 + "X" + "b" * 100_000, encoding="utf-8")

    shown = reports.text([problem(file, 1, 100_001)], root=tmp_path).splitlines()

    assert len(shown[1]) < 120
    assert shown[1][shown[2].index("^")] == "X"


def test_a_missing_file_has_no_excerpt(tmp_path: Path) -> None:
    shown = reports.text([problem(tmp_path / "none.yaml", 1, 1)], root=tmp_path)

    assert shown == "none.yaml:1:1: schema-type: wrong\n    hint: mend it"


def test_programs_get_every_field(tmp_path: Path, file: Path) -> None:
    text = reports.render([problem(file, 2, 10)], Format.JSON, root=tmp_path)

    assert json.loads(text) == {
        "schema": 1,
        "problems": [
            {
                "file": "recipes/x/recipe.yaml",
                "line": 2,
                "column": 10,
                "field": "version",
                "rule": "schema-type",
                "severity": "error",
                "message": "wrong",
                "hint": "mend it",
            }
        ],
    }


def test_gitlab_gets_a_code_quality_report(tmp_path: Path, file: Path) -> None:
    (item,) = json.loads(reports.render([problem(file, 2, 10)], Format.GITLAB, root=tmp_path))

    assert len(item.pop("fingerprint")) == 64
    assert item == {
        "description": "wrong (mend it)",
        "check_name": "schema-type",
        "severity": "major",
        "location": {"path": "recipes/x/recipe.yaml", "lines": {"begin": 2}},
    }


def test_a_fingerprint_outlives_a_moved_line_and_is_one_of_its_kind(tmp_path: Path) -> None:
    here, there = problem(tmp_path / "a", 2, 1), problem(tmp_path / "a", 9, 1)
    (one,) = reports.gitlab([here], root=tmp_path)
    (moved,) = reports.gitlab([there], root=tmp_path)
    both = reports.gitlab([here, there], root=tmp_path)

    assert one["fingerprint"] == moved["fingerprint"]
    assert both[0]["fingerprint"] != both[1]["fingerprint"]


def test_sarif_has_the_shape_of_2_1_0(tmp_path: Path, file: Path) -> None:
    warning = Problem(Position(file), "b-rule", "soft", severity=Severity.WARNING)
    made = json.loads(reports.render([problem(file, 2, 10), warning], Format.SARIF, root=tmp_path))

    (run,) = made["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert made["version"] == "2.1.0"
    assert run["tool"]["driver"]["name"] == "pansoft"
    assert rules == ["b-rule", "schema-type"]
    assert [result["level"] for result in run["results"]] == ["warning", "error"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "recipes/x/recipe.yaml"}
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
