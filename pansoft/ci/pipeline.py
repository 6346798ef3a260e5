# SPDX-License-Identifier: BSD-3-Clause
"""The child pipeline that GitLab runs for what a branch changes: bases, packages, a preview, a report.

Each job runs the commands that a person would, with one state folder on each runner: `PANSOFT_BUILDS`, which
holds inputs, bases and images, and no keys. GitLab reads it by `trigger: include: artifact`. It is JSON,
which is YAML as well, so that no name in it can be read as something else.

Source of the form: the reference of `.gitlab-ci.yml`, whose published schema the tests hold it against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from builder.images.plan import BasePlan, BuildPlan
from core.canonical import readable_json
from pansoft.ci import kept

JOBS = 50
"""How many jobs of packages there are at most: beyond that several packages share one."""

TAG = "debian-12"
"""Names the runners that build, where nobody says otherwise."""

STATE = "PANSOFT_BUILDS"
"""The variable that names the state folder of a runner that builds."""

IMAGE = "PANSOFT_CI_IMAGE"
"""The variable that names what jobs run in on Docker executors."""
PUSHED_IMAGE = "$CI_REGISTRY_IMAGE/ci:latest"
"""What `ci-image` pushes. A default here and in the parent: handed on, it would beat the project's own."""

REPORT_JOB = "report"
"""The job that tells what became of all packages."""
_REPORT_FOLDER = "report"
_REPORT_KEPT = (
    "3 months"  # a merge request may wait for its review: `ci shown` reads it after the merge
)
_PREVIEW_FOLDER = "preview"
REPORT_FILE = f"{_REPORT_FOLDER}/{kept.FILE}"
"""What it leaves for whoever holds a token."""

PREVIEW_JOB = "preview"
"""The job that publishes the packages of a merge request where they can be tried."""
_STOP_JOB = "stop_preview"

_PANSOFT = f'.venv/bin/pansoft --state "${STATE}"'
_TESTS_MINUTES = 20  # for the tests of one package, over what its build may take


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the child pipeline: its packages, or the one base that it makes.

    `minutes` is how long it may take, `needs` names the jobs that have to end first.
    """

    name: str
    targets: tuple[str, ...]
    needs: tuple[str, ...]
    minutes: int
    is_base: bool


@dataclass(frozen=True, slots=True)
class Previewed:
    """The packages that the preview of a merge request has, of which one, and for how many days."""

    packages: tuple[str, ...]
    number: int
    days: int


def jobs_of(plans: Sequence[BuildPlan], *, most: int = JOBS) -> tuple[Job, ...]:
    """Return the jobs that build and test these packages: first the bases that they stand on.

    A job of several packages has those of one base, and no job waits for more than one other.
    """
    bases = {layer.name: layer for plan in plans for layer in plan.base.layers}
    by_base: dict[str, list[BuildPlan]] = {}
    for plan in plans:
        by_base.setdefault(plan.base.name, []).append(plan)
    each = _packages_of_a_job([len(group) for group in by_base.values()], most)
    return (
        *(_of_base(base) for base in _lowest_first(bases)),
        *(
            _of_packages(base, group[start : start + each])
            for base, group in by_base.items()
            for start in range(0, len(group), each)
        ),
    )


def child_pipeline(
    jobs: Iterable[Job],
    *,
    tag: str = TAG,
    preview: Previewed | None = None,
    since: str | None = None,
) -> str:
    """Return the text of the child pipeline; without jobs, of one that says that there is nothing to do.

    Args:
        jobs: what is built and tested.
        tag: of the runners that do it.
        preview: what people can try before the merge, if there is something.
        since: the commit that a branch left; then the report tells as well what comes into another channel,
            or in or out of use, for which there is no job.
    """
    jobs = tuple(jobs)
    rendered = {job.name: _rendered(job) for job in jobs}
    if not rendered:
        said = "echo 'no image differs and no test: there is nothing to build'"
        rendered = {"nothing to build": {"stage": "packages", "script": [said]}}
    pipeline = {
        "workflow": {"rules": [{"when": "always"}]},
        "stages": ["bases", "packages", "preview", "report"],
        "variables": {
            STATE: "var",
            IMAGE: PUSHED_IMAGE,
            # what setup installed stays for the next job, and so does the state of a runner without one
            "GIT_CLEAN_FLAGS": "-ffdx -e .venv/ -e var/",
        },
        "default": {
            "image": f"${IMAGE}",
            "tags": [tag],
            "interruptible": True,
            "retry": {
                "max": 2,
                "when": ["runner_system_failure", "stuck_or_timeout_failure", "scheduler_failure"],
            },
        },
        **rendered,
        **(_preview(preview) if preview is not None and preview.packages else {}),
        REPORT_JOB: _report(
            [key for job in jobs if not job.is_base for key in job.targets], since=since
        ),
    }
    return readable_json(pipeline)


def _packages_of_a_job(groups: Sequence[int], most: int) -> int:
    """Return how many packages share a job, so that all groups together have at most `most` jobs.

    Where there are more groups than that, each has one job all the same.
    """
    each = 1
    while sum(ceil(count / each) for count in groups) > max(most, len(groups)):
        each += 1
    return each


def _lowest_first(bases: Mapping[str, BasePlan]) -> list[BasePlan]:
    return sorted(bases.values(), key=lambda base: (len(base.layers), base.name))


def _of_base(base: BasePlan) -> Job:
    below = (_name_of_base(base.below.name),) if base.below else ()
    return Job(_name_of_base(base.name), (base.name,), below, minutes=60, is_base=True)


def _of_packages(base: str, plans: Sequence[BuildPlan]) -> Job:
    keys = tuple(plan.key for plan in plans)
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    minutes = sum(plan.limits.time + _TESTS_MINUTES for plan in plans)
    return Job(
        f"package {keys[0]}{more}", keys, (_name_of_base(base),), minutes=minutes, is_base=False
    )


def _name_of_base(name: str) -> str:
    return f"base {name}"  # of a job: a bare name could be a word of GitLab's, such as `pages`


def _rendered(job: Job) -> dict[str, Any]:
    names = " ".join(job.targets)
    common = {"needs": list(job.needs), "timeout": f"{job.minutes} minutes"}
    if job.is_base:
        return {
            "stage": "bases",
            **common,
            "script": ["make setup", f"{_PANSOFT} build {names}"],
            "resource_group": job.name,  # once, where runners share a state
        }
    return {
        "stage": "packages",
        **common,
        "script": [
            "make setup",
            f"{_PANSOFT} build {names}",
            f"{_PANSOFT} test {names} --output reports",
        ],
        # also where one of them failed; each job has a folder of its own among the artifacts
        "after_script": [f"{_PANSOFT} ci report {names} --output reports/{job.targets[0]}"],
        "artifacts": {
            "when": "always",
            "expire_in": "1 week",
            "paths": ["reports/"],
            "reports": {
                "junit": "reports/*.xml",
                "cyclonedx": "reports/*/gl-sbom-*.cdx.json",
            },
        },
    }


def _preview(preview: Previewed) -> dict[str, Any]:
    """Return the job that makes the preview of those packages that are ready, and the one that removes it.

    It runs unmerged code like every job here, makes keys of its own and throws them away. What it cannot do
    holds no merge back.
    """
    names, days = " ".join(preview.packages), f"{preview.days} days"
    of_request = f"--merge-request {preview.number}"
    environment = {"name": f"preview/{preview.number}"}
    common = {
        "stage": "preview",
        "allow_failure": True,
        "resource_group": f"preview-{preview.number}",  # two pushes in a row: the later one stays
    }
    return {
        PREVIEW_JOB: {
            **common,
            "timeout": "60 minutes",
            "when": "always",
            "script": [
                "make setup",
                f"{_PANSOFT} ci preview {names} {of_request} --days {preview.days} --shown reports "
                f"--output {_PREVIEW_FOLDER}",
            ],
            "environment": {
                **environment,
                "url": "$PREVIEW_URL",
                "on_stop": _STOP_JOB,
                "auto_stop_in": days,
            },
            "artifacts": {
                "expire_in": days,
                "paths": [f"{_PREVIEW_FOLDER}/"],
                "reports": {"dotenv": f"{_PREVIEW_FOLDER}/preview.env"},
            },
        },
        _STOP_JOB: {
            **common,
            "timeout": "20 minutes",
            "needs": [],
            "when": "manual",
            "script": ["make setup", f"{_PANSOFT} ci preview --stop {of_request}"],
            "environment": {**environment, "action": "stop"},
        },
    }


def _report(keys: Sequence[str], *, since: str | None) -> dict[str, Any]:
    """Return the job that tells what became of all packages, of those as well whose job was lost.

    It leaves files. It is the merge request's own code that writes them, which gets no token: a schedule of
    the default branch tells GitLab.
    """
    names = "".join(f"{key} " for key in keys)
    left = f"--since {since} " if since else ""
    return {
        "stage": "report",
        **({"variables": {"GIT_DEPTH": "0"}} if since else {}),  # back to that commit
        "timeout": "20 minutes",
        "when": "always",
        "script": [
            "make setup",
            f"{_PANSOFT} ci report {names}{left}--from reports --preview {_PREVIEW_FOLDER} "
            f"--output {_REPORT_FOLDER}",
        ],
        "artifacts": {
            "when": "always",
            "expire_in": _REPORT_KEPT,
            "paths": ["report/"],
            "reports": {
                "codequality": "report/gl-code-quality.json",
                "metrics": "report/metrics.txt",
                "dotenv": "report/report.env",
            },
        },
    }
