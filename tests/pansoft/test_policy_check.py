# SPDX-License-Identifier: BSD-3-Clause
"""What the policy will refuse is said of the recipe, in its place, before anything is built."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.console import Console
from core.files import sha256_file
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


def test_other_words_of_a_licence_need_another_review(tmp_path: Path) -> None:
    real_project(tmp_path)
    folder = tmp_path / "recipes" / "plotter"
    recipe = (folder / "recipe.yaml").read_text(encoding="utf-8")
    words = folder / "WORDS.txt"
    words.write_text("Do what you like with it.\n")
    file = tmp_path / "trust-policy" / "policy.yaml"
    review = (
        "  reviewed:\n    - package: plotter\n      licence: LicenseRef-Ours\n"
        f"      text: {sha256_file(words)}\n"
        '      by: Somebody\n      on: "2026-01-01"\n      reason: says that all is allowed\n'
    )
    policy = file.read_text(encoding="utf-8")
    file.write_text(policy.replace("  reviewed:\n", review, 1), encoding="utf-8")
    asked = recipe.replace("spdx: MIT", "spdx: LicenseRef-Ours\n  text: WORDS.txt")
    (folder / "recipe.yaml").write_text(asked, encoding="utf-8")
    context = Context(project=tmp_path, state=tmp_path / "state", console=Console(quiet=True))

    before = policy_problems(context, workspace.recipes_named(context, []), at=AT)
    words.write_text("Do what you like with it, for money.\n")
    [after] = policy_problems(context, workspace.recipes_named(context, []), at=AT)

    assert before == ()
    assert after.rule == "licence-allowed"
    assert "others than those that Somebody read on 2026-01-01" in after.message
