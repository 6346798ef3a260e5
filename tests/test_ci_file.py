# SPDX-License-Identifier: BSD-3-Clause
"""`.gitlab-ci.yml` is what GitLab accepts, and its lines are commands that exist here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import strict_yaml
from tests.pipelines import complaint_of_schema, faults_of, lines_of

ROOT = Path(__file__).parents[1]
FILE = ROOT / ".gitlab-ci.yml"
NOT_JOBS = {"workflow", "stages", "default"}


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return strict_yaml.load(FILE).value


def jobs(pipeline: Any) -> dict[str, Any]:
    return {name: job for name, job in pipeline.items() if name not in NOT_JOBS}


def script_lines(pipeline: Any) -> Iterator[str]:
    for job in jobs(pipeline).values():
        yield from lines_of(job)


def test_gitlabs_own_schema_accepts_it() -> None:
    assert complaint_of_schema(FILE) is None


def test_every_job_has_a_stage_that_exists_and_a_script(pipeline: Any) -> None:
    assert all(job.get("script") or job["trigger"] for job in jobs(pipeline).values())
    assert {job["stage"] for job in jobs(pipeline).values()} == set(pipeline["stages"])


def test_it_runs_for_merge_requests_and_the_default_branch_only(pipeline: Any) -> None:
    assert [rule["if"] for rule in pipeline["workflow"]["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event"',
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
    ]


def test_every_line_is_one_command_that_exists(pipeline: Any) -> None:
    assert [fault for line in script_lines(pipeline) for fault in faults_of(line)] == []


def test_what_a_merge_request_changes_is_built_by_a_child_pipeline(pipeline: Any) -> None:
    child, plan = pipeline["packages"], pipeline["plan"]

    assert child["trigger"]["strategy"] == "depend"  # else it is green before its child is
    assert child["trigger"]["include"] == [{"artifact": "child.yml", "job": "plan"}]
    assert plan["artifacts"]["paths"] == ["child.yml"]
    assert any(line.endswith("--output child.yml") for line in plan["script"])
    assert plan["rules"] == child["rules"]


def test_what_changes_the_repository_runs_one_at_a_time_on_the_default_branch(
    pipeline: Any,
) -> None:
    changing = {
        name: job
        for name, job in jobs(pipeline).items()
        if any(" apply" in line for line in lines_of(job))
    }

    assert list(changing) == ["apply"]
    for job in changing.values():
        assert job["resource_group"] == "repository"
        assert job["interruptible"] is False
        assert all("$CI_DEFAULT_BRANCH" in rule["if"] for rule in job["rules"])


def test_what_ci_runs_is_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert lines[-1] == "exec make test"
    assert "```sh\nmake test\n```" in readme
