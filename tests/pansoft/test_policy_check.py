# SPDX-License-Identifier: BSD-3-Clause
"""What the policy will refuse is said of the recipe, in its place, before anything is built."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.console import Console
from core.problems import Problem, Severity
from pansoft import workspace
from pansoft.context import Context
from pansoft.policy_check import policy_problems
from tests.real_projects import real_project

AT = datetime(2026, 6, 1, tzinfo=UTC)


def problems_of(tmp_path: Path, changes: dict[str, str] | None = None) -> tuple[Problem, ...]:
    project = real_project(tmp_path, changes=changes)
    context = Context(project=project, state=tmp_path / "state", console=Console(quiet=True))
    return policy_problems(context, workspace.recipes_named(context, []), at=AT)


def test_a_recipe_that_the_policy_will_take_has_no_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == ()


def test_what_will_be_refused_is_a_warning_in_its_place(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, {"spdx: MIT": "spdx: LicenseRef-unheard-of"})

    assert problem.rule == "licence-allowed"
    assert problem.severity is Severity.WARNING
    assert (problem.field, problem.where.line) == ("license.spdx", 10)
    assert problem.message.startswith("the policy will refuse this: ")
    assert problem.hint


def test_a_recipe_is_written_before_it_is_locked(tmp_path: Path) -> None:
    real_project(tmp_path)
    (tmp_path / "recipes" / "plotter" / "lock.json").unlink()
    context = Context(project=tmp_path, state=tmp_path / "state", console=Console(quiet=True))

    assert policy_problems(context, workspace.recipes_named(context, []), at=AT) == ()


def test_a_broken_policy_is_named_and_nothing_is_judged_by_it(tmp_path: Path) -> None:
    real_project(tmp_path)
    (tmp_path / "trust-policy" / "policy.yaml").write_text("version: [\n")
    context = Context(project=tmp_path, state=tmp_path / "state", console=Console(quiet=True))

    found = policy_problems(context, workspace.recipes_named(context, []), at=AT)

    assert found
    assert {problem.where.file.name for problem in found} == {"policy.yaml"}
    assert all(problem.severity is Severity.ERROR for problem in found)
