# SPDX-License-Identifier: BSD-3-Clause
"""The child pipeline has every package once, behind its bases, in jobs that GitLab accepts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.lock import BaseLock
from builder.recipes.recipe import Limits
from pansoft.ci.job import TOKEN_VARIABLE
from pansoft.ci.pipeline import REPORT_FILE, STATE, Job, Previewed, child_pipeline, jobs_of
from pansoft.cli import invoke
from tests.checkouts import commit, git, new_checkout
from tests.pipelines import complaint_of_schema, faults_of, lines_of
from tests.real_projects import PLOT, add_recipe, real_project

HASH = "0123456789abcdef" * 4


def base(name: str, below: BasePlan | None = None) -> BasePlan:
    lock = BaseLock(name, HASH, 1, (), (), below=below.lock if below else None)
    return BasePlan(name, None if below else "bookworm", lock, below)


DEBIAN = base("debian-12")
PYTHON = base("debian-12-python", DEBIAN)
SCIENCE = base("debian-12-science", PYTHON)


def package(name: str, on: BasePlan = DEBIAN) -> BuildPlan:
    return BuildPlan(name, "1.0", "MIT", on, (), (), (), (), (), None, ())


def packages(jobs: tuple[Job, ...]) -> list[Job]:
    return [job for job in jobs if not job.is_base]


def test_bases_come_first_each_after_the_one_below() -> None:
    jobs = jobs_of([package("a", SCIENCE), package("b")])

    assert [(job.name, job.needs) for job in jobs] == [
        ("base debian-12", ()),
        ("base debian-12-python", ("base debian-12",)),
        ("base debian-12-science", ("base debian-12-python",)),
        ("package a", ("base debian-12-science",)),
        ("package b", ("base debian-12",)),
    ]


@pytest.mark.parametrize("count", [1, 49, 50, 51, 150, 301])
def test_many_packages_share_jobs_and_none_is_left_out(count: int) -> None:
    bases = (DEBIAN, PYTHON, SCIENCE)
    plans = [package(f"p{number:03}", bases[number % 3]) for number in range(count)]

    jobs = packages(jobs_of(plans))

    assert len(jobs) <= 50
    assert len(jobs) >= min(count, 25)
    assert sorted(key for job in jobs for key in job.targets) == [plan.name for plan in plans]
    of = {plan.name: f"base {plan.base.name}" for plan in plans}
    assert all({of[key] for key in job.targets} == set(job.needs) for job in jobs)
    assert len({job.name for job in jobs}) == len(jobs)


def test_more_bases_than_jobs_have_a_job_each() -> None:
    plans = [package(name, base(f"on-{name}")) for name in "abc"]

    assert len(packages(jobs_of(plans, most=2))) == 3


def test_a_job_may_take_what_its_packages_may_take() -> None:
    long = replace(package("long"), limits=Limits(time=600))

    [job] = packages(jobs_of([long, package("short")], most=1))

    assert job.minutes == 600 + 60 + 2 * 20
    assert job.name == "package long and 1 more"


@pytest.mark.parametrize(
    "plans", [[], [package("a", SCIENCE)], [package("pages"), package("image")]]
)
@pytest.mark.parametrize(
    "preview", [None, Previewed(("a", "b@1.0"), 7, 3)], ids=["none", "preview"]
)
def test_gitlabs_own_schema_accepts_it(
    plans: list[BuildPlan], preview: Previewed | None, tmp_path: Path
) -> None:
    file = tmp_path / "child.yml"
    file.write_text(child_pipeline(jobs_of(plans), preview=preview, since=HASH[:40]))

    assert complaint_of_schema(file) is None


def test_every_line_is_a_command_that_exists_here() -> None:
    plans = [package("a", SCIENCE), package("b", SCIENCE)]
    preview = Previewed(("a", "b"), 7, 5)
    pipeline = json.loads(child_pipeline(jobs_of(plans, most=1), preview=preview, since=HASH[:40]))
    starts = ("base ", "package ", "preview", "stop_preview", "report")
    jobs = [job for name, job in pipeline.items() if name.startswith(starts)]

    assert len(jobs) == 7
    assert [fault for job in jobs for line in lines_of(job) for fault in faults_of(line)] == []


def test_no_job_sees_a_key_or_publishes() -> None:
    text = child_pipeline(jobs_of([package("a", SCIENCE)]), preview=Previewed(("a",), 7, 3))

    assert "id_tokens" not in text
    assert TOKEN_VARIABLE not in text
    assert "--post" not in text
    assert not any(verb in text for verb in (" apply", " sign", " publish", "PANSOFT_STATE"))
    assert json.loads(text)["variables"][STATE] == "var"


def test_the_report_is_about_every_package_and_comes_whatever_became_of_them() -> None:
    pipeline = json.loads(
        child_pipeline(jobs_of([package("a"), package("b"), package("c", PYTHON)]))
    )

    report = pipeline["report"]
    kept = [job["after_script"][0] for name, job in pipeline.items() if name.startswith("package ")]

    assert pipeline["stages"][-1] == report["stage"]
    assert report["when"] == "always"
    assert REPORT_FILE == "report/packages.json"
    assert report["artifacts"]["paths"] == ["report/"]
    assert (
        report["artifacts"]["expire_in"] == "3 months"
    )  # the publisher asks for it after the merge
    assert pipeline["package a"]["artifacts"]["expire_in"] == "1 week"
    assert (
        "ci report a b c --from reports --preview preview --output report" in report["script"][-1]
    )
    assert [line.partition(" ci ")[2] for line in kept] == [
        f"report {name} --output reports/{name}" for name in "abc"
    ]


def test_a_preview_ends_as_its_environment_does_and_holds_nothing_back() -> None:
    pipeline = json.loads(child_pipeline(jobs_of([package("a")]), preview=Previewed(("a",), 7, 5)))

    preview, stop = pipeline["preview"], pipeline["stop_preview"]

    stages = pipeline["stages"]
    assert preview["when"] == "always"  # it asks the reports which packages are ready
    assert stages.index("packages") < stages.index(preview["stage"]) < stages.index("report")
    assert (
        "ci preview a --merge-request 7 --days 5 --shown reports --output preview"
        in preview["script"][-1]
    )
    assert preview["environment"] == {
        "name": "preview/7",
        "url": "$PREVIEW_URL",
        "on_stop": "stop_preview",
        "auto_stop_in": "5 days",
    }
    assert preview["artifacts"] == {
        "expire_in": "5 days",
        "paths": ["preview/"],
        "reports": {"dotenv": "preview/preview.env"},
    }
    assert stop["environment"] == {"name": "preview/7", "action": "stop"}
    assert stop["when"] == "manual"
    assert stop["script"][-1].endswith("ci preview --stop --merge-request 7")
    for job in (preview, stop):
        assert job["allow_failure"] is True
        assert job["resource_group"] == "preview-7"


@pytest.mark.parametrize(
    ("arguments", "change", "is_there"),
    [
        (("--merge-request", "7"), "redistribution: allowed", True),
        (("--merge-request", "7"), "redistribution: partners", False),
        (("--merge-request", "7", "--preview-days", "0"), "redistribution: allowed", False),
        ((), "redistribution: allowed", False),
    ],
    ids=["everybody's", "partners'", "not wanted", "of no merge request"],
)
def test_what_everybody_may_have_is_previewed(
    tmp_path: Path,
    arguments: tuple[str, ...],
    change: str,
    is_there: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = real_project(tmp_path / "project")
    recipe = project / "recipes" / "plotter" / "recipe.yaml"
    text = recipe.read_text()
    assert "redistribution: allowed" in text
    recipe.write_text(text.replace("redistribution: allowed", change))
    first = ["--project", str(project), "--state", str(tmp_path / "state")]
    monkeypatch.delenv("CI_MERGE_REQUEST_IID", raising=False)

    assert invoke([*first, "ci", "pipeline", "plotter", *arguments]) == 0

    pipeline = json.loads(capsys.readouterr().out)
    assert ("preview" in pipeline) is is_there
    assert ("stop_preview" in pipeline) is is_there


def test_the_command_writes_what_a_branch_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = real_project(new_checkout(tmp_path / "project"))
    add_recipe(project, "same", PLOT)
    commit(project, "two recipes")
    git(project, "switch", "-q", "-c", "mine")
    add_recipe(project, "other", PLOT)
    output = tmp_path / "child.yml"

    arguments = ("ci", "pipeline", "--since", "main", "--output", str(output))
    status = invoke(["--project", str(project), "--state", str(tmp_path / "state"), *arguments])

    assert status == 0
    assert "1 package in 1 job on 1 base" in capsys.readouterr().err
    pipeline = json.loads(output.read_text())
    assert set(pipeline) >= {"base debian-12", "package other"}
    left = git(project, "rev-parse", "main").strip()
    assert f"ci report other --since {left} --from reports" in pipeline["report"]["script"][-1]
    assert pipeline["report"]["variables"] == {"GIT_DEPTH": "0"}
    assert "package same" not in output.read_text()


def test_a_branch_that_changes_no_image_has_one_job_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = real_project(new_checkout(tmp_path / "project"))
    commit(project, "one recipe")

    status = invoke(
        ["--project", str(project), "--state", str(tmp_path), "ci", "pipeline", "--since", "main"]
    )

    assert status == 0
    assert "nothing to build" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [(), ("plotter", "--since", "main")])
def test_it_takes_names_or_a_branch(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["ci", "pipeline", *arguments]) == 2
    assert "either NAMES or --since REV" in capsys.readouterr().err
