# SPDX-License-Identifier: BSD-3-Clause
"""`.gitlab-ci.yml` is what GitLab accepts, and its lines are commands that exist here."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import strict_yaml
from pansoft.ci.pipeline import IMAGE, PUSHED_IMAGE, child_pipeline
from pansoft.ci.pipeline import TAG as TAG_OF_BUILDERS
from tests import gitlab_ci_local
from tests.checkouts import commit, new_checkout
from tests.pipelines import complaint_of_schema, faults_of, lines_of

ROOT = Path(__file__).parents[1]
FILE = ROOT / ".gitlab-ci.yml"
TIMES = {("1 hour", "50m"), ("2 hours", "110m")}
"""Of a job, and of its script."""
NOT_JOBS = {"workflow", "stages", "variables", "default"}


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


def test_it_runs_for_merge_requests_the_default_branch_and_protected_tags_of_versions(
    pipeline: Any,
) -> None:
    assert [rule["if"] for rule in pipeline["workflow"]["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event"',
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
        '$CI_COMMIT_TAG =~ /^v[0-9]/ && $CI_COMMIT_REF_PROTECTED == "true"',
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
        if any(verb in line for line in lines_of(job) for verb in (" apply", " repo "))
    }
    # of all that `repo` does, this only looks
    assert [line.split()[4] for line in changing.pop("mirrors")["script"][1:]] == ["status"]

    assert list(changing) == ["apply", "proven", "collect"]
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
    assert "||" not in condition
    for part in filter(None, condition.split(" && ")):
        words = part.split()
        left = variables.get(words[0].removeprefix("$"), "")
        if len(words) == 1:
            met = bool(left)
        elif words[1] == "=~":
            met = re.search(words[2].strip("/"), left) is not None
        else:
            name, quoted = words[2].removeprefix("$"), words[2].strip('"')
            right = variables.get(name, "") if words[2].startswith("$") else quoted
            met = (left == right) is (words[1] == "==")
        if not met:
            return False
    return True


PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_DEFAULT_BRANCH": "main"}
OURS = {
    "PANSOFT_STATE": "/srv/state",
    "PANSOFT_MIRRORS": "http://s1.example.org/cvmfs/x http://s2.example.org/cvmfs/x",
    "PANSOFT_IMAGE_RUNNER": "docker",
}
CLIENT = {
    "PANSOFT_REPOSITORY_URL": "http://s1.example.org/cvmfs/x",
    "PANSOFT_REPOSITORY_KEY": "/tmp/x.pub",
}
AFTER = {"canary", "proven", "canary-alarm"}
TAG = {
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_BRANCH": "",
    "CI_COMMIT_TAG": "v0.2.0",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_DEFAULT_BRANCH": "main",
}


def names(pipeline: Any, **variables: str) -> set[str]:
    return {name for name, job in jobs(pipeline).items() if takes_part(job, **OURS, **variables)}


def test_which_jobs_a_pipeline_has(pipeline: Any) -> None:
    assert names(pipeline, **REQUEST) == {"check", "plan", "packages", "test"}
    of_branch = {"check", "test", "apply", "pages", "ci-image"}
    assert names(pipeline, **PUSH) == of_branch
    assert names(pipeline, **PUSH, PANSOFT_SCHEDULE="tell") == of_branch
    assert names(pipeline, **PUSH, **CLIENT) == {*of_branch, "canary", "proven"}
    alarmed = {**CLIENT, "PANSOFT_GITLAB_TOKEN": "x"}
    assert names(pipeline, **PUSH, **alarmed) == {*of_branch, *AFTER}
    assert names(pipeline, **REQUEST, **alarmed) == names(pipeline, **REQUEST)
    assert names(pipeline, **TAG, **alarmed) == {"check", "test", "release"}


def test_the_canary_is_a_client_and_nothing_of_it_comes_to_the_publisher(pipeline: Any) -> None:
    canary, proven, alarm = (pipeline[name] for name in ("canary", "proven", "canary-alarm"))

    assert canary["tags"] == ["canary"]
    assert not any("STATE" in line or "TOKEN" in line for line in lines_of(canary))
    assert canary["needs"] == ["apply"]  # which says the revision
    assert pipeline["apply"]["artifacts"]["reports"]["dotenv"] == "report/report.env"
    without = {"job": "canary", "artifacts": False}
    assert proven["needs"] == ["apply", without]
    assert alarm["needs"] == [without]
    assert {**without, "optional": True} in pipeline["pages"]["needs"]
    assert "dotenv" not in canary["artifacts"]["reports"]
    assert [rule.get("when") for rule in alarm["rules"]] == ["never", "always"]


def test_a_release_is_made_of_a_tag_that_was_checked(pipeline: Any) -> None:
    release = pipeline["release"]

    assert release["rules"] == pipeline["workflow"]["rules"][2:]
    assert release["release"]["tag_name"] == "$CI_COMMIT_TAG"
    assert release["script"][-1].endswith(f"--output {release['release']['description']}")
    assert "needs" not in release  # so it comes after all stages before it, with their tests


@pytest.mark.needs("git", "node")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {**PUSH, **OURS, **CLIENT, "PANSOFT_GITLAB_TOKEN": "x"},
            {"check", "apply", "pages", *AFTER},
        ),
        ({**TAG, **OURS}, {"check", "release"}),
        ({**TAG, **OURS, "CI_COMMIT_REF_PROTECTED": "false"}, {"check"}),
        ({**TAG, **OURS, "CI_COMMIT_TAG": "veto"}, {"check"}),
        ({**REQUEST, **OURS, **CLIENT, "CI_COMMIT_BRANCH": ""}, {"check", "plan", "packages"}),
    ],
    ids=["branch", "tag", "tag that is not protected", "tag of no version", "merge request"],
)
def test_gitlab_ci_local_finds_the_same_jobs(
    tmp_path: Path, variables: dict[str, str], expected: set[str]
) -> None:
    checkout = new_checkout(tmp_path / "project")
    shutil.copy(FILE, checkout)
    commit(checkout, "pipeline")
    gitlab_ci_local.with_origin(checkout)

    found = gitlab_ci_local.jobs_of(checkout, variables)

    # these hang on what changed, and on a person; `workflow`, which has no such tags, is not asked for a list
    assert found - {"test", "demo", "ci-image"} == expected


@pytest.mark.parametrize(
    "name",
    [
        *("tell", "update", "requests", "alarms", "rebuild", "advisories", "collect", "mirrors"),
        "ci-image",
    ],
)
def test_a_schedule_does_one_thing_and_operators_are_told_of_it(pipeline: Any, name: str) -> None:
    scheduled = {**PUSH, "CI_PIPELINE_SOURCE": "schedule", "PANSOFT_SCHEDULE": name}
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert names(pipeline, **scheduled, **CLIENT) == {name}
    assert f"| `{name}` |" in operations


def test_who_is_told_of_what_fails_is_told_of_what_hangs(pipeline: Any) -> None:
    """GitLab runs no after_script of a job whose own time is over."""
    told = {
        name: job
        for name, job in jobs(pipeline).items()
        if any("ci alarm" in line for line in job.get("after_script", ()))
    }
    scheduled = {
        name
        for name, job in jobs(pipeline).items()
        if any('$CI_PIPELINE_SOURCE == "schedule" &&' in r.get("if", "") for r in job["rules"])
    }

    assert scheduled - set(told) == {"canary", "proven", "canary-alarm", "pages"}
    for name, job in told.items():
        assert f".venv/bin/pansoft ci alarm {name} --post" in job["after_script"]
        own = job.get("variables", {}).get("RUNNER_SCRIPT_TIMEOUT")
        of_all = pipeline["variables"]["RUNNER_SCRIPT_TIMEOUT"]
        assert (job.get("timeout", "1 hour"), own or of_all) in TIMES


def test_the_schedule_that_applies_does_what_follows_as_well(pipeline: Any) -> None:
    scheduled = {**PUSH, "CI_PIPELINE_SOURCE": "schedule", "PANSOFT_SCHEDULE": "apply"}
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert names(pipeline, **scheduled) == {"apply", "pages"}
    assert names(pipeline, **scheduled, **CLIENT) == {"apply", "pages", "canary", "proven"}
    assert "| `apply` |" in operations


def test_the_image_of_jobs_is_made_where_a_runner_is_named_for_it_and_what_is_in_it_changes(
    pipeline: Any,
) -> None:
    job = pipeline["ci-image"]
    without = {**PUSH, "PANSOFT_SCHEDULE": "ci-image"}

    assert not takes_part(job, **without)
    assert not takes_part(job, **{**without, "CI_PIPELINE_SOURCE": "schedule"})
    assert not takes_part(job, **REQUEST, **OURS)
    assert [rule["changes"] for rule in job["rules"] if "changes" in rule] == [
        ["pansoft/ci/image/**/*", "setup/**/*", "requirements.lock"]
    ]


def test_jobs_take_the_image_that_one_of_them_pushes_also_those_of_the_child(pipeline: Any) -> None:
    child = json.loads(child_pipeline(()))

    for each in (pipeline, child):
        assert each["default"]["image"] == f"${IMAGE}"
        assert each["variables"][IMAGE] == PUSHED_IMAGE
    assert f'.venv/bin/pansoft ci image --push "{PUSHED_IMAGE}"' in pipeline["ci-image"]["script"]
    assert pipeline["packages"]["trigger"]["forward"] == {"yaml_variables": False}


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


def test_what_merge_requests_run_on_runs_nothing_else(pipeline: Any) -> None:
    """A job on a machine where a merge request could leave a process has no secrets to lose."""
    [of_request, *of_branch] = pipeline["workflow"]["rules"]
    of_all = pipeline["default"]["tags"]

    assert of_all == ["$PANSOFT_RUNNER"]
    assert of_request["variables"] == {"PANSOFT_RUNNER": TAG_OF_BUILDERS}
    assert pipeline["variables"]["PANSOFT_RUNNER"] == "protected"
    assert not any("variables" in rule for rule in of_branch)
    assert all(TAG_OF_BUILDERS not in job.get("tags", of_all) for job in jobs(pipeline).values())


def test_a_job_that_follows_upstream_has_a_token_and_builds_nothing(pipeline: Any) -> None:
    [line] = [line for line in pipeline["update"]["script"] if " ci update " in line]

    assert "--post" in line
    assert "--test" not in line


def test_what_ci_runs_is_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert lines[-1] == "exec make test"
    assert "```sh\nmake test\n```" in readme
