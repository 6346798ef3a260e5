# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci report`: from what a state folder and a repository hold to files, and to GitLab."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from builder.images.plan import BuildPlan
from builder.recipes.load import load_recipe
from builder.recipes.recipe import TestKind
from builder.stages import Findings, PlanId, TestOutcome, TestReport, TestResult
from builder.state import State
from builder.testing import reports
from builder.testing.run import id_of_tests
from catalog.entry import PublishedImage, image_path, write_entry
from core.console import Console
from core.errors import UserError
from pansoft import cli, shown, target, workspace
from pansoft.ci import files, gathering, job, kept, posting
from pansoft.ci import preview as previews
from pansoft.ci.gitlab import Gitlab, GitlabFailed, How
from pansoft.ci.job import Job, job_of
from pansoft.ci.note import MARKER, Moved, Standing, render
from pansoft.context import Context
from pansoft.reports import run_report
from pansoft.reports.run_report import Ended, Row, RunReport
from tests.catalog import samples
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import DEVELOPER, GitlabServer, HangUp, Project, gitlab_server
from tests.pansoft.ci.test_preview import SERVED
from tests.real_projects import PLOT, add_recipe, real_project
from trust.codec import to_json

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
PICTURE = b"\x89PNG\r\n\x1a\n..."
PASSED = TestResult("plots", TestKind.COMMAND, TestOutcome.PASSED, 0.7, "plotted\n")
WINDOW = TestResult(
    "opens", TestKind.GUI, TestOutcome.PASSED, 0.2, "", evidence=("tests/1/window | 1.png",)
)
FAILED = TestResult(
    "reads", TestKind.COMMAND, TestOutcome.FAILED, 0.1, "no such file\n", "status 1"
)


def bill(**versions: str) -> dict[str, object]:
    components = [
        {"name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in versions.items()
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}


@dataclass
class Scene:
    """A project, and a state in which images appear without being built."""

    context: Context

    @property
    def state(self) -> State:
        return State(self.context.state)

    def plan(self, name: str = "plotter") -> BuildPlan:
        return workspace.plan_of(self.context, load_recipe(self.context.recipes / name))

    def add_image(self, name: str = "plotter", **versions: str) -> Path:
        """Make the folder that a build leaves, and return it."""
        plan = self.plan(name)
        folder = self.state.image(plan.id)
        folder.mkdir(parents=True)
        facts = {
            "schema": 3,
            "name": plan.name,
            "version": plan.version,
            "base": plan.base.name,
            "sha256": "a" * 64,
            "size": 90_000_000,
            "delta_size": 4_700_000,
            "findings": to_json(Findings((), (), ())),
            "seconds": 41.2,
        }
        (folder / "image.json").write_text(json.dumps(facts))
        (folder / "sbom.cdx.json").write_text(json.dumps(bill(**versions)))
        return folder

    def add_tests(self, *results: TestResult, name: str = "plotter") -> None:
        """Make the report that tests of such an image leave."""
        plan, recipe = self.plan(name), load_recipe(self.context.recipes / name)
        folder = self.state.image(plan.id)
        report = TestReport(plan.id, plan.name, plan.version, "a" * 64, results)
        text = json.dumps(reports.as_json(report, tests=id_of_tests(recipe)))
        (folder / "tests.json").write_text(text)
        for file in report.evidence:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(PICTURE)

    def publish(self, version: str, *, plan: PlanId, scratch: Path, **versions: str) -> None:
        """Put an entry and its bill into the repository of the state."""
        entry = samples.entry("plotter", version)
        image = PublishedImage(image_path("plotter", version), "b" * 64, 80_000_000, 4_000_000)
        entry = replace(entry, plan=plan, image=image)
        scratch.mkdir()
        (scratch / "entry.json").write_bytes(write_entry(entry))
        (scratch / "sbom.cdx.json").write_text(json.dumps(bill(**versions)))
        with target.backend_of(self.state, at=AT).transaction(at=AT, message="one") as tx:
            for file in scratch.iterdir():
                tx.put_file(file, f"images/plotter/{version}/{file.name}")

    def gather(self, *names: str) -> gathering.Gathered:
        return gathering.gather(self.context, names, at=AT)

    def told(self, *names: str) -> list[tuple[str, Standing]]:
        return [(each.package.name, each.package.standing) for each in self.gather(*names).told]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    project = real_project(tmp_path / "project")
    return Scene(Context(project, tmp_path / "state", Console(quiet=True)))


# -- what is known --------------------------------------------------------------------------------


def test_a_package_that_was_built_and_tested_is_ready(scene: Scene) -> None:
    scene.add_image(numpy="2.2")
    scene.add_tests(PASSED, WINDOW)

    [told] = scene.gather("plotter").told

    package = told.package
    assert package.standing is Standing.READY
    assert (package.tests, package.tests_passed, package.start_seconds) == (2, 2, 0.7)
    assert (package.size, package.new_bytes, package.build_seconds) == (90_000_000, 4_700_000, 41.2)
    assert (package.fresh, package.before, package.accepted) == (True, None, None)
    assert package.licence == "MIT"
    assert [file.name for file in told.pictures] == ["window | 1.png"]


def test_what_differs_from_the_published_version_is_told(scene: Scene, tmp_path: Path) -> None:
    other = PlanId("c" * 64)
    scene.publish("5.4.3", plan=other, scratch=tmp_path / "one", numpy="2.1", old="1", same="1")
    scene.add_image(numpy="2.2", new="1", same="1")
    scene.add_tests(PASSED)

    [told] = scene.gather("plotter").told

    assert told.package.before == "5.4.3"
    assert [(each.name, each.before, each.after) for each in told.package.changes] == [
        ("pypi:new", None, "1"),
        ("pypi:numpy", "2.1", "2.2"),
        ("pypi:old", "1", None),
    ]


def test_what_is_published_already_is_ready_without_its_image(scene: Scene, tmp_path: Path) -> None:
    scene.publish("5.4.4", plan=scene.plan().id, scratch=tmp_path / "one")

    [told] = scene.gather("plotter").told

    assert told.package.standing is Standing.READY
    assert (told.package.fresh, told.package.accepted, told.package.before) == (False, True, None)


def test_how_far_each_package_came(scene: Scene) -> None:
    project = scene.context.project
    for name in ("broken", "crashed", "fresh", "lockless", "untested"):
        add_recipe(project, name, PLOT)
    (project / "recipes" / "lockless" / "lock.json").unlink()
    (project / "recipes" / "broken" / "recipe.yaml").write_text("schema: 1\nnmae: broken\n")
    scene.state.logs.mkdir(parents=True)
    scene.state.failed_log(scene.plan("crashed").id).write_text("make: *** [all] Error 2\n")
    scene.add_image("untested")
    scene.add_image()
    scene.add_tests(PASSED, FAILED)

    found = scene.gather("broken", "crashed", "fresh", "lockless", "plotter", "untested")

    assert {each.package.name: each.package.standing.value for each in found.told} == {
        "broken": "failed",
        "crashed": "failed",
        "fresh": "missing",
        "lockless": "failed",
        "plotter": "failed",
        "untested": "missing",
    }
    why = {each.package.name: f"{each.package.why} {each.package.output}" for each in found.told}
    assert "nmae" in why["broken"]
    assert "Error 2" in why["crashed"]
    assert "pansoft build fresh" in why["fresh"]
    assert "has no lock" in why["lockless"]
    assert "1 of 2 passed" in why["plotter"]
    assert "no such file" in why["plotter"]
    assert "pansoft test untested" in why["untested"]


def test_without_names_it_is_about_the_last_run(scene: Scene) -> None:
    for name in ("asleep", "refused", "unsigned"):
        add_recipe(scene.context.project, name, PLOT)
    for name in ("plotter", "refused", "unsigned"):
        scene.add_image(name)
        scene.add_tests(PASSED, name=name)
    plans = {name: scene.plan(name).id for name in ("plotter", "refused", "unsigned")}
    rows = (
        Row("asleep", "5.4.4", Ended.PUBLISHED),
        Row("gone", "1.0", Ended.FAILED, why="its recipe was deleted since"),
        Row("plotter", "5.4.4", Ended.PUBLISHED, fresh=True, plan=plans["plotter"]),
        Row("refused", "5.4.4", Ended.REFUSED, plan=plans["refused"], why="no licence"),
        Row("unsigned", "5.4.4", Ended.FAILED, plan=plans["unsigned"], why="sign: no key"),
    )
    run = RunReport("2026-11-23T04:00:00Z", 60.0, 80.0, 3, 5_000_000, rows)
    run_report.write(run, scene.state.report)

    found = scene.gather()

    assert {each.package.name: each.package.standing.value for each in found.told} == {
        "plotter": "ready",
        "refused": "refused",
        "unsigned": "failed",
    }
    assert (found.others, found.run) == (1, run)
    note = files.note_of(found, scene.state.folder / "out", job=Job())
    assert "PANSOFT_NEW_BYTES=5000000\nPANSOFT_REVISION=3\n" in files.variables(note, 3)
    assert (note.stored, note.seconds, note.began) == (5_000_000, 60.0, "2026-11-23T04:00:00Z")
    assert "run of <code>2026-11-23T04" in render(note)


@pytest.mark.parametrize("content", [None, "", "[]", '{"schema": 99}', '{"schema": 1, "rows": 7}'])
def test_without_names_and_a_run_there_is_nothing_to_tell(
    scene: Scene, content: str | None
) -> None:
    if content is not None:
        scene.state.report.mkdir(parents=True)
        (scene.state.report / "report.json").write_text(content)

    with pytest.raises(UserError, match="no report of a run"):
        scene.gather()


def test_what_is_moved_without_a_build_is_told_as_well(tmp_path: Path) -> None:
    project = real_project(new_checkout(tmp_path / "project"))
    for name in ("back", "old", "removed", "same"):
        add_recipe(project, name, PLOT)
    retire = "retire: It plots no more.\n"
    edit(project, "back", "schema: 1\n", f"schema: 1\n{retire}")
    commit(project, "recipes")
    git(project, "switch", "-q", "-c", "mine")
    edit(project, "back", retire, "")
    edit(project, "old", "schema: 1\n", f"schema: 1\n{retire}")
    stable = 'release:\n  channel: stable\n  supported_until: "2099-12-31"\n'
    edit(project, "plotter", "commands:\n", f"{stable}commands:\n")
    shutil.rmtree(project / "recipes" / "removed")
    context = Context(project, tmp_path / "state", Console(quiet=True))
    scene = Scene(context)
    scene.add_image("back")
    scene.add_tests(PASSED, name="back")

    found = gathering.gather(context, [], since="main", at=AT)
    told = {each.package.name: each.package for each in found.told}

    assert {name: (each.standing, each.moved, each.move) for name, each in told.items()} == {
        "back": (Standing.READY, Moved.RETURNED, "no longer retired"),
        "old": (Standing.READY, Moved.RETIRED, "retired: It plots no more."),
        "plotter": (Standing.READY, Moved.PROMOTED, "channel testing → stable"),
        "removed": (Standing.READY, Moved.REMOVED, "its recipe is gone"),
    }
    assert (told["back"].tests, told["old"].tests) == (1, None)
    note = files.write(found, (), tmp_path / "out", job=Job(), root=tmp_path)
    assert kept.read(tmp_path / "out") == note.packages
    again = gathering.gather(context, ["back"], since="main", kept=tmp_path / "out", at=AT)
    assert {each.package for each in again.told} == set(told.values())


def edit(project: Path, name: str, old: str, new: str) -> None:
    """Change a text of a recipe."""
    file = project / "recipes" / name / "recipe.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_since_names_what_a_branch_changes(tmp_path: Path) -> None:
    project = real_project(new_checkout(tmp_path / "project"))
    commit(project, "one recipe")
    git(project, "switch", "-q", "-c", "mine")
    add_recipe(project, "drawer", PLOT)
    commit(project, "another")
    context = Context(project, tmp_path / "state", Console(quiet=True))

    found = gathering.gather(context, [], since="main", at=AT)

    assert [each.package.name for each in found.told] == ["drawer"]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b'{"components": [{}]}', b"\xff"])
def test_a_bill_that_cannot_be_read_differs_in_nothing(content: bytes | None) -> None:
    assert gathering.changes_of(content, json.dumps(bill(numpy="1")).encode()) == ()


# -- the files ------------------------------------------------------------------------------------


def ready(scene: Scene) -> gathering.Gathered:
    scene.add_image(numpy="2.2")
    scene.add_tests(PASSED, WINDOW)
    return scene.gather("plotter")


def test_the_files_are_those_of_the_widgets(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "checkout" / "out"
    where = Job(link="https://git.example/-/jobs/7", folder=tmp_path / "checkout")

    note = files.write(ready(scene), (), folder, job=where, root=scene.context.project)

    assert sorted(
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()
    ) == [
        "gl-code-quality.json",
        "gl-sbom-plotter-5.4.4.cdx.json",
        "junit.xml",
        "metrics.txt",
        "note.md",
        "packages.json",
        "report.env",
        "screenshots/plotter-5.4.4-1-window___1.png",
    ]
    assert (folder / "note.md").read_text() == render(note)
    [suite] = ElementTree.fromstring((folder / "junit.xml").read_bytes())
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "plotter 5.4.4",
        "2",
        "0",
    )
    assert json.loads((folder / "gl-code-quality.json").read_text()) == []
    assert json.loads((folder / "gl-sbom-plotter-5.4.4.cdx.json").read_text()) == bill(numpy="2.2")
    assert (folder / "report.env").read_text() == (
        "PANSOFT_VERDICT=ready\nPANSOFT_PACKAGES=1\nPANSOFT_READY=1\nPANSOFT_FAILED=0\n"
        "PANSOFT_REFUSED=0\nPANSOFT_MISSING=0\n"
    )
    assert [picture.link for picture in note.packages[0].pictures] == [
        "https://git.example/-/jobs/7/artifacts/file/out/screenshots/plotter-5.4.4-1-window___1.png"
    ]


def test_pictures_that_are_no_artifacts_have_no_link(scene: Scene, tmp_path: Path) -> None:
    where = Job(link="https://git.example/-/jobs/7", folder=tmp_path / "elsewhere")

    note = files.write(ready(scene), (), tmp_path / "out", job=where, root=tmp_path)

    assert [picture.link for picture in note.packages[0].pictures] == [None]


def test_what_an_earlier_report_left_goes(scene: Scene, tmp_path: Path) -> None:
    gathered = ready(scene)
    files.write(gathered, (), tmp_path / "out", job=Job(), root=tmp_path)
    (tmp_path / "out" / "mine.txt").write_text("kept")
    shutil.rmtree(scene.state.image(scene.plan().id))

    files.write(scene.gather("plotter"), (), tmp_path / "out", job=Job(), root=tmp_path)

    left = {file.name for file in (tmp_path / "out").iterdir()}
    assert "mine.txt" in left
    assert not {name for name in left if name.startswith("gl-sbom") or name == "screenshots"}


def test_metrics_are_openmetrics_that_gitlab_can_compare(scene: Scene) -> None:
    note = files.note_of(ready(scene), scene.context.state / "out", job=Job())
    again = replace(note.packages[0], version="6.0", name="two\n words")

    text = files.metrics(replace(note, packages=(*note.packages, again)))
    both = files.metrics(replace(note, packages=(note.packages[0], replace(again, name="plotter"))))

    assert 'pansoft_new_bytes{package="plotter"} 4700000\n' in text
    assert 'pansoft_new_bytes{package="two__words"} 4700000\n' in text
    assert 'pansoft_new_bytes{package="plotter-6.0"} 4700000\n' in both
    assert text.endswith("# EOF\n")
    for line in text.splitlines():
        assert line.startswith("# ") or len(line.split(" ")) == 2, line


def test_another_job_tells_what_this_one_kept(scene: Scene, tmp_path: Path) -> None:
    add_recipe(scene.context.project, "lost", PLOT)
    where = Job(link="https://git.example/-/jobs/7", folder=tmp_path)
    before = files.write(ready(scene), (), tmp_path / "kept" / "one", job=where, root=tmp_path)
    there = replace(scene.context, state=tmp_path / "another state")

    found = gathering.gather(there, ["plotter", "lost"], kept=tmp_path / "kept", at=AT)
    note = files.write(found, (), tmp_path / "out", job=Job(), root=tmp_path)

    assert note.packages[0] == before.packages[0]
    assert [each.standing for each in note.packages] == [Standing.READY, Standing.MISSING]
    assert "https://git.example/-/jobs/7/artifacts/file/kept/one/screenshots" in (
        note.packages[0].pictures[0].link or ""
    )


def test_the_note_shows_which_bytes_have_to_be_published(scene: Scene, tmp_path: Path) -> None:
    note = files.write(ready(scene), (), tmp_path / "out", job=Job(), root=tmp_path)

    [package] = note.packages
    assert package.sha256 is not None
    assert f"{package.sha256}  plotter" in render(note)
    found = shown.read(tmp_path / "out")
    assert found.images == {package.plan: {package.sha256}}
    assert found.plans == {"plotter": {package.plan}}


def test_a_long_log_is_kept_by_its_end(scene: Scene, tmp_path: Path) -> None:
    told = scene.gather("plotter").told[0]
    long = replace(told, package=replace(told.package, output="x" * 10**6 + "\nthe end\n"))

    (tmp_path / kept.FILE).write_bytes(kept.keep([long.package]))

    [read] = gathering.gather(scene.context, [], kept=tmp_path, at=AT).told
    assert read.package.output.endswith("the end")
    assert len(read.package.output) <= 20_000


def test_where_no_job_kept_anything_no_package_changes(scene: Scene, tmp_path: Path) -> None:
    found = gathering.gather(scene.context, [], kept=tmp_path / "none", at=AT)

    assert found.told == ()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 4, "packages": [{"name": 1}]}', '{"schema": 5}']
)
def test_what_another_job_kept_is_refused_where_it_is_something_else(
    scene: Scene, tmp_path: Path, content: str
) -> None:
    (tmp_path / kept.FILE).write_text(content)

    with pytest.raises(UserError, match=r"packages\.json is not what a report keeps"):
        gathering.gather(scene.context, [], kept=tmp_path, at=AT)


def test_what_was_kept_before_there_were_previews_is_read(scene: Scene, tmp_path: Path) -> None:
    package = scene.gather("plotter").told[0].package
    content = json.loads(kept.keep([package]))
    del content["preview"]
    (tmp_path / kept.FILE).write_text(json.dumps({**content, "schema": 2}))

    [read] = gathering.gather(scene.context, [], kept=tmp_path, at=AT).told

    assert read.package == package


def test_a_preview_that_a_job_left_is_told(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add_image()
    preview = tmp_path / "preview"
    preview.mkdir()
    options = ("plotter", "--preview", str(preview), "--output", str(tmp_path / "out"))

    assert run(scene, monkeypatch, {}, options) == 0
    without = (tmp_path / "out" / files.NOTE).read_text()
    (preview / previews.FILE).write_bytes(previews.as_bytes(SERVED))
    assert run(scene, monkeypatch, {}, options) == 0

    assert "Try it before it is merged" not in without
    assert "Try it before it is merged" in (tmp_path / "out" / files.NOTE).read_text()
    content = (tmp_path / "out" / kept.FILE).read_bytes()
    assert kept.parse(content, whence="here").preview == SERVED


def test_what_a_newer_program_kept_is_refused(scene: Scene, tmp_path: Path) -> None:
    content = kept.keep([scene.gather("plotter").told[0].package]).replace(
        b'"schema": 4', b'"schema": 5'
    )
    (tmp_path / kept.FILE).write_bytes(content)

    with pytest.raises(UserError, match="its schema is 5, this program reads 2, 3, 4"):
        gathering.gather(scene.context, [], kept=tmp_path, at=AT)


# -- the job and GitLab ---------------------------------------------------------------------------

VARIABLES = {
    "CI_SERVER_URL": "https://git.example",
    "CI_PROJECT_ID": "41",
    "CI_COMMIT_SHA": "merged",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "pushed",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "40",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "41",
    "CI_PIPELINE_URL": "https://git.example/9",
    "CI_JOB_URL": "https://git.example/-/jobs/1",
    "CI_PROJECT_DIR": "/builds/pan",
    "CI_SERVER_TLS_CA_FILE": "/builds/ca.pem",
    "PANSOFT_GITLAB_TOKEN": "glpat-secret",
}


def test_a_job_is_read_from_gitlabs_variables() -> None:
    found = job_of(VARIABLES)

    assert found == Job(
        server="https://git.example",
        project="40",
        commit="pushed",
        merge_request=7,
        of_fork=True,
        pipeline_link="https://git.example/9",
        link="https://git.example/-/jobs/1",
        folder=Path("/builds/pan"),
        ca_file=Path("/builds/ca.pem"),
        token=found.token,
    )
    assert "glpat-secret" not in repr(found)
    assert job_of({}) == Job()
    assert job_of({"CI_MERGE_REQUEST_IID": "x"}) == Job()


@pytest.mark.parametrize(
    "missing", ["CI_SERVER_URL", "CI_PROJECT_ID", "CI_COMMIT_SHA", "PANSOFT_GITLAB_TOKEN"]
)
def test_what_is_missing_for_posting_is_named(missing: str) -> None:
    variables = {name: VARIABLES[name] for name in job._NEEDED if name != missing}

    with pytest.raises(UserError, match=f"posted: {missing} not set") as caught:
        job.check_can_post(job_of(variables), variables)

    assert "glpat-secret" not in caught.value.message


@dataclass
class Posting:
    """A GitLab with a merge request, and the variables of a job in its pipeline."""

    server: GitlabServer
    project: Project
    variables: dict[str, str]

    @property
    def job(self) -> Job:
        return job_of(self.variables)

    def door(self) -> Gitlab:
        return Gitlab(posting.login_of(self.job), sleep=lambda _: None)


@pytest.fixture
def there() -> Iterator[Posting]:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        opened = project.add_merge_request(source="change")
        variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": opened["sha"],
            "CI_MERGE_REQUEST_IID": "1",
            "CI_JOB_URL": "https://git.example/-/jobs/1",
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        yield Posting(server, project, variables)


def test_gitlab_is_told_once(scene: Scene, there: Posting, tmp_path: Path) -> None:
    note = files.note_of(ready(scene), tmp_path, job=there.job)
    worse = replace(note, packages=(replace(note.packages[0], standing=Standing.FAILED),))

    first = posting.post(worse, there.job, gitlab=there.door())
    there.server.faults.append(HangUp(method="PUT", path="/notes/", done=True))
    second = posting.post(note, there.job, gitlab=there.door())
    third = posting.post(note, there.job, gitlab=there.door())

    assert [each.note.how for each in (first, second, third) if each.note] == [
        How.CREATED,
        How.UPDATED,
        How.UNCHANGED,
    ]
    [written] = there.project.notes["merge_requests", 1]
    assert written["body"] == render(note)
    assert written["body"].startswith(MARKER)
    assert there.project.merge_requests[1]["labels"] == ["pansoft::ready"]
    assert [(each["status"], each["description"]) for each in there.project.statuses] == [
        ("failed", "❌ Failed: 1 of 1 package"),
        ("success", "✅ Ready: 1 package built and tested"),
    ]


def test_the_commit_of_a_fork_has_no_status_here(
    scene: Scene, there: Posting, tmp_path: Path
) -> None:
    there.variables |= {
        "CI_MERGE_REQUEST_PROJECT_ID": str(there.project.id),
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "999",
    }
    note = files.note_of(ready(scene), tmp_path, job=there.job)

    told = posting.post(note, there.job, gitlab=there.door())

    assert told.note is not None
    assert told.status is None


def run(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    arguments: Sequence[str],
) -> int:
    """Return the exit status of `pansoft ci report` in an environment."""
    monkeypatch.setattr("pansoft.commands.ci.report.environment", lambda: variables)
    where = ["--project", str(scene.context.project), "--state", str(scene.context.state)]
    return cli.invoke([*where, "ci", "report", *arguments])


def test_the_command_writes_and_sends_nothing_unless_it_is_told_to(
    scene: Scene,
    there: Posting,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ready(scene)

    status = run(scene, monkeypatch, there.variables, ["plotter"])

    assert status == 0
    said = capsys.readouterr().out
    assert said.startswith("✅ Ready: 1 package built and tested\n")
    assert (scene.context.state / "report" / "gitlab" / "note.md").is_file()
    assert there.server.requests == []


def test_the_command_posts(
    scene: Scene,
    there: Posting,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ready(scene)

    status = run(scene, monkeypatch, there.variables, ["plotter", "--post", "--json"])
    said = capsys.readouterr()

    assert status == 0
    assert json.loads(said.out)["posted"] == {
        "note": "created",
        "labels": ["pansoft::ready"],
        "status": "created",
    }
    assert "the note of merge request !1: created" in said.err
    assert there.variables["PANSOFT_GITLAB_TOKEN"] not in said.out + said.err


def test_a_refusal_of_gitlab_is_told_and_the_files_are_there(
    scene: Scene,
    there: Posting,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ready(scene)
    there.server.tokens.clear()

    status = run(scene, monkeypatch, there.variables, ["plotter", "--post"])
    said = capsys.readouterr().err

    assert status == GitlabFailed.exit_code
    assert "GitLab answers 401" in said
    assert "hint: PANSOFT_GITLAB_TOKEN needs" in said
    assert there.variables["PANSOFT_GITLAB_TOKEN"] not in said
    assert (scene.context.state / "report" / "gitlab" / "note.md").is_file()


QUALITY = {
    "type": "array",
    "minItems": 1,
    "items": {
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
    },
}


def test_problems_of_the_recipes_are_in_the_report_on_quality(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = scene.context.recipes / "plotter" / "recipe.yaml"
    file.write_text(file.read_text().replace("version: 5.4.4", "version: 5.4.4\nnmae: x"))

    status = run(scene, monkeypatch, {}, ["plotter", "--output", str(tmp_path / "out")])

    quality = json.loads((tmp_path / "out" / "gl-code-quality.json").read_text())
    jsonschema.validate(quality, QUALITY)
    assert status == 0
    assert quality[0]["location"]["path"] == "recipes/plotter/recipe.yaml"
