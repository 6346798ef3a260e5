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
        if any(verb in line for line in lines_of(job) for verb in (" apply", " repo gc"))
    }

    assert list(changing) == ["apply", "collect"]
    for job in changing.values():
        assert job["resource_group"] == "repository"
        assert job["interruptible"] is False


def takes_part(job: Any, **variables: str) -> bool:
    """Return whether a job is in a pipeline with these variables; `changes` are taken to be there."""
    for rule in job.get("rules", [{}]):
        if holds(rule.get("if", ""), variables):
            return rule.get("when") not in ("never", "manual")
    return False


def holds(condition: str, variables: dict[str, str]) -> bool:
    """Return whether a condition of a rule is met: comparisons and bare variables, all of them needed."""
    for part in filter(None, condition.split(" && ")):
        words = part.split()
        left = variables.get(words[0].removeprefix("$"), "")
        if len(words) == 1:
            met = bool(left)
        else:
            name, quoted = words[2].removeprefix("$"), words[2].strip('"')
            right = variables.get(name, "") if words[2].startswith("$") else quoted
            met = (left == right) is (words[1] == "==")
        if not met:
            return False
    return True


PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_DEFAULT_BRANCH": "main"}
OURS = {"PANSOFT_STATE": "/srv/state", "PANSOFT_MIRRORS": "http://s1.example.org/cvmfs/x"}


def names(pipeline: Any, **variables: str) -> set[str]:
    return {name for name, job in jobs(pipeline).items() if takes_part(job, **OURS, **variables)}


def test_which_jobs_a_pipeline_has(pipeline: Any) -> None:
    assert names(pipeline, **REQUEST) == {"check", "plan", "packages", "test"}
    assert names(pipeline, **PUSH) == {"check", "test", "apply"}
    assert names(pipeline, **PUSH, PANSOFT_SCHEDULE="tell") == {"check", "test", "apply"}


@pytest.mark.parametrize(
    "name", ["apply", "tell", "update", "alarms", "rebuild", "collect", "mirrors"]
)
def test_a_schedule_does_one_thing_and_operators_are_told_of_it(pipeline: Any, name: str) -> None:
    scheduled = {**PUSH, "CI_PIPELINE_SOURCE": "schedule", "PANSOFT_SCHEDULE": name}
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert names(pipeline, **scheduled) == {name}
    assert f"| `{name}` |" in operations


def test_a_schedule_that_says_nothing_does_nothing(pipeline: Any) -> None:
    assert names(pipeline, **{**PUSH, "CI_PIPELINE_SOURCE": "schedule"}) == set()


def test_no_job_of_a_merge_request_has_a_key_a_token_or_the_publishers_state(
    pipeline: Any,
) -> None:
    of_request = [jobs(pipeline)[name] for name in (*names(pipeline, **REQUEST), "demo")]

    for job in of_request:
        assert "id_tokens" not in job
        assert "publisher" not in job.get("tags", [])
        assert not any(
            word in line
            for line in lines_of(job)
            for word in ("PANSOFT_STATE", "TOKEN", "--post", " sign", "ci shown")
        )


def test_what_ci_runs_is_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert lines[-1] == "exec make test"
    assert "```sh\nmake test\n```" in readme
