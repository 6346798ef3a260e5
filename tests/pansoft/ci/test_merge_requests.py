# SPDX-License-Identifier: BSD-3-Clause
"""What pipelines of merge requests left is read with a token they never had, and as a stranger's word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from builder.evidence.difference import Change
from builder.stages import PlanId
from pansoft import cli, shown
from pansoft.ci import kept, merge_requests, posting
from pansoft.ci import preview as previews
from pansoft.ci.gitlab import Gitlab, How
from pansoft.ci.job import job_of
from pansoft.ci.note import PackageNote, Picture, Standing
from tests.builder.recipes.projects import changed, make_project
from tests.checkouts import commit, new_checkout
from tests.gitlab_server import (
    DEVELOPER,
    REPORTER,
    Down,
    GitlabServer,
    Project,
    Thing,
    gitlab_server,
)
from tests.pansoft.ci.test_preview import SERVED

PLAN, SHA = PlanId("a" * 64), "1" * 64
READY = PackageNote("plotter", "1.0", Standing.READY, key="plotter", plan=PLAN, sha256=SHA)
FILE = "report/packages.json"
FACILITIES = "facilities: [ESRF]\nbase:"


def text_with(**values: str) -> bytes:
    """Return the report of a package with these texts of JSON as values of fields."""
    [package] = json.loads(kept.keep([READY]))["packages"]
    marked = {**package, **{name: f"<{name}>" for name in values}}
    text = json.dumps({"schema": kept.SCHEMA, "packages": [marked]})
    for name, value in values.items():
        text = text.replace(json.dumps(f"<{name}>"), value).replace(json.dumps(name), f'"{name}"')
    return text.encode()


@dataclass
class Scene:
    """A GitLab with an open merge request, and the variables of a schedule of the default branch."""

    server: GitlabServer
    project: Project
    request: Thing
    variables: dict[str, str]
    main: Path
    """A checkout of the default branch."""

    def door(self) -> Gitlab:
        return Gitlab(posting.login_of(job_of(self.variables)), sleep=lambda _: None)

    def left(self, *packages: PackageNote, request: Thing | None = None) -> int:
        """Let the pipeline of a merge request have left a report, and return its number."""
        files = {FILE: kept.keep(packages)}
        return self.project.add_pipeline(request or self.request, files)

    def change(self, *paths: str) -> None:
        """Let the merge request change these paths."""
        self.project.diffs[1] = [{"old_path": path, "new_path": path} for path in paths]

    def tell(self) -> list[merge_requests.Told]:
        return list(merge_requests.tell_open(self.door(), job_of(self.variables), self.main))

    def note(self, number: int = 1) -> str:
        [written] = self.project.notes["merge_requests", number]
        return str(written["body"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    main = make_project(tmp_path / "main", recipe=changed("base:", FACILITIES))
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        request = project.add_merge_request(source="plotter")
        variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": "0" * 40,
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        yield Scene(server, project, request, variables, main)


def test_an_open_merge_request_is_told_what_its_pipeline_found(scene: Scene) -> None:
    scene.left(READY)

    [first] = scene.tell()
    [second] = scene.tell()

    assert first.told is not None
    assert first.told.note is not None
    assert first.told.note.how is How.CREATED
    assert second.told is not None
    assert second.told.note is not None
    assert second.told.note.how is How.UNCHANGED
    assert f"{SHA}  plotter" in scene.note()
    assert scene.request["labels"] == ["pansoft::ready"]
    [status] = scene.project.statuses
    assert (status["sha"], status["status"]) == (scene.request["sha"], "success")


def test_a_new_base_under_many_packages_can_be_told(scene: Scene) -> None:
    changes = tuple(Change("package", f"deb:lib{n}", "1.0-1", "1.0-2") for n in range(150))
    changed = replace(READY, before="1.0", changes=changes)
    scene.left(*(replace(changed, name=f"p{n}", key=f"p{n}") for n in range(300)))

    [told] = scene.tell()

    assert told.told is not None
    assert "300 packages" in scene.note()


def test_a_report_of_the_form_before_is_read(scene: Scene) -> None:
    before = json.loads(kept.keep([READY]))
    del before["packages"][0]["moved"], before["packages"][0]["move"]
    before["schema"] = 2
    scene.project.add_pipeline(scene.request, {FILE: json.dumps(before).encode()})

    [told] = scene.tell()

    assert told.told is not None
    assert f"{SHA}  plotter" in scene.note()


def test_one_whose_pipeline_is_not_done_is_left_alone(scene: Scene) -> None:
    assert [each.told for each in scene.tell()] == [None]  # no pipeline yet

    scene.project.add_pipeline(scene.request)

    assert [(each.told, each.why) for each in scene.tell()] == [(None, None)]
    assert scene.project.notes == {}


def test_the_pipeline_of_a_fork_is_in_the_fork(scene: Scene) -> None:
    scene.left(READY)
    scene.request["head_pipeline"]["project_id"] = 999

    assert [each.told for each in scene.tell()] == [None]


def test_a_report_is_a_strangers_word(scene: Scene) -> None:
    hostile = replace(
        READY,
        version="1.0 /close @all",
        licence="<script>alert(1)</script>",
        pictures=(
            Picture("here", f"{scene.server.address}/pan/recipes/-/jobs/1/artifacts/file/a.png"),
            Picture("elsewhere", "https://evil.example/login"),
            Picture("script", "javascript:alert(1)"),
        ),
    )
    scene.left(hostile)

    scene.tell()

    assert scene.project.quick_actions == []
    assert "<script>" not in scene.note()
    assert "evil" not in scene.note()
    assert "javascript:" not in scene.note()
    assert "artifacts" in scene.note()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not what a report keeps"),
        (b'{"schema": 9, "packages": []}', "its schema is 9"),
        (kept.keep([replace(READY, key="x; rm -rf ~")]), "is no name of a package"),
        (b" " * (kept.MOST_BYTES + 1), "more than"),
        (b"[" * 500_000, "nested too deeply"),
        (text_with(size="1" * 400), "size is no number that was measured"),
        (text_with(size="-1"), "size is no number that was measured"),
        (text_with(build_seconds="1e999"), "build_seconds is no number that was measured"),
        (text_with(start_seconds="NaN"), "NaN is not a number"),
        (text_with(tests="1" * 5000), "not JSON"),
        (text_with(sha256='"x"'), "'x' is no sha256"),
        (text_with(**{r"\u001b[2J\u202e": "1"}), "packages.0.: is not a known field"),
    ],
    ids=[
        "damaged",
        "newer",
        "a command",
        "endless",
        "deep",
        "larger than a float",
        "negative",
        "infinite",
        "not a number",
        "many digits",
        "no digest",
        "a terminal's",
    ],
)
def test_one_that_cannot_be_read_does_not_hold_the_others_back(
    scene: Scene, content: bytes, why: str
) -> None:
    scene.project.add_pipeline(scene.request, {FILE: content})
    scene.left(READY, request=scene.project.add_merge_request(source="other"))

    told = scene.tell()

    assert why in (told[0].why or "")
    assert "of merge request !1" in (told[0].why or "")
    assert (told[0].why or "").isprintable()
    assert len(told[0].why or "") < 400
    assert told[1].told is not None
    assert ("merge_requests", 1) not in scene.project.notes
    assert "plotter" in scene.note(2)


ADDRESS = "http://preview.example.org/cvmfs"


@pytest.mark.parametrize(
    ("number", "address", "is_told"),
    [(1, ADDRESS, True), (2, ADDRESS, False), (1, "http://evil.example/cvmfs", False)],
    ids=["its own", "of another merge request", "elsewhere"],
)
def test_a_preview_is_told_where_the_facility_gives_it_out(
    scene: Scene, number: int, address: str, is_told: bool
) -> None:
    name = previews.name_of(number)
    preview = replace(SERVED, fqrn=name, url=f"{address}/{name}")
    scene.project.add_pipeline(scene.request, {FILE: kept.keep([READY], preview)})
    scene.variables["PANSOFT_PREVIEW_URL"] = ADDRESS

    scene.tell()

    assert ("Try it before it is merged" in scene.note()) is is_told
    assert ("repo mount" in scene.note()) is is_told
    assert "evil" not in scene.note()


def test_a_preview_with_a_command_in_it_is_refused(scene: Scene) -> None:
    preview = replace(SERVED, public_key="END\nrm -rf ~\n")
    scene.project.add_pipeline(scene.request, {FILE: kept.keep([READY], preview)})

    [told] = scene.tell()

    assert "its key is not a public key in PEM" in (told.why or "")
    assert scene.project.notes == {}


def test_a_merge_request_that_changes_more_than_recipes_is_marked(scene: Scene) -> None:
    scene.left(READY)
    scene.project.diffs[1] = [
        {"old_path": "recipes/plotter/recipe.yaml", "new_path": "recipes/plotter/recipe.yaml"},
        {"old_path": ".gitlab-ci.yml", "new_path": ".gitlab-ci.yml"},
        {"old_path": "trust-policy/policy.yaml", "new_path": "recipes/x/policy.yaml"},
    ]

    scene.tell()

    assert "Changes more than recipes" in scene.note()
    assert "gitlab-ci" in scene.note()
    assert "trust-policy" in scene.note()
    assert posting.BEYOND in scene.request["labels"]

    scene.project.diffs[1] = scene.project.diffs[1][:1]
    scene.tell()

    assert "Changes more than recipes" not in scene.note()
    assert posting.BEYOND not in scene.request["labels"]


@pytest.mark.parametrize("path", ["recipes/updates.yaml", "recipes/plotter", "recipes/.x", "x"])
def test_a_path_of_no_recipe_is_more_than_recipes(scene: Scene, path: str) -> None:
    """`recipes/plotter` is a link or another repository there, and no folder."""
    scene.left(READY)
    scene.change(path)

    scene.tell()

    assert posting.BEYOND in scene.request["labels"]


@pytest.mark.parametrize("count", ["1000+", "2", "", None])
def test_what_gitlab_does_not_list_is_taken_for_more_than_recipes(
    scene: Scene, count: str | None
) -> None:
    """A thousand files of recipes come before `trust-policy/` in a list that ends."""
    scene.left(READY)
    scene.change("recipes/plotter/recipe.yaml")
    scene.request["changes_count"] = count

    scene.tell()

    assert "what GitLab does not list" in scene.note()
    assert posting.BEYOND in scene.request["labels"]


def test_the_pipeline_of_an_earlier_commit_says_nothing_of_this_one(scene: Scene) -> None:
    """Somebody changes the program, lets it say what it likes, and takes that back without a pipeline."""
    scene.left(READY)
    scene.request["sha"] = scene.project.add_commit("plotter", message="nothing happened")

    assert [each.told for each in scene.tell()] == [None]

    made_by_them = "c" * 40  # a merge of the later commit, pushed before
    scene.project.tries[made_by_them] = ["d" * 40, scene.request["sha"]]
    scene.request["head_pipeline"]["sha"] = made_by_them

    assert [each.told for each in scene.tell()] == [None]


def test_a_pipeline_may_have_tried_to_merge_it(scene: Scene) -> None:
    scene.left(READY)
    tried = "c" * 40
    scene.project.tries[tried] = ["d" * 40, scene.request["sha"]]
    ref = f"refs/merge-requests/{scene.request['iid']}/merge"
    scene.request["head_pipeline"] |= {"sha": tried, "ref": ref}

    [told] = scene.tell()

    assert told.told is not None


# -- whose recipes ----------------------------------------------------------------------------------


def test_whose_recipes_it_changes_is_told_as_the_default_branch_says_it(scene: Scene) -> None:
    scene.left(READY)
    scene.change(
        "recipes/plotter/recipe.yaml",
        "recipes/plotter/versions/1.0/recipe.yaml",
        "recipes/bases/debian-12/base.yaml",
        "recipes/bases/new/base.yaml",
        "recipes/new/recipe.yaml",
    )

    scene.tell()

    assert "Changes recipes that others look after" in scene.note()
    assert (
        "<code>bases&#47;debian-12</code> of <code>Somebody</code>; "
        "<code>plotter</code> of <code>Somebody</code> and <code>ESRF</code>. None"
    ) in scene.note()
    assert posting.OF_OTHERS in scene.request["labels"]
    assert posting.BEYOND not in scene.request["labels"]


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("somebody@example.org", False),
        ("Somebody@Example.org", False),
        ("somebody@example.org.evil.example", True),
        ("", True),
        (None, True),
    ],
)
def test_who_looks_after_a_recipe_is_known_by_an_address_and_not_by_a_name(
    scene: Scene, address: str | None, is_told: bool
) -> None:
    scene.left(READY)
    scene.change("recipes/plotter/recipe.yaml")
    scene.request["author"] = {"id": 77, "username": "somebody", "name": "Somebody"}
    if address is not None:
        scene.server.addresses[77] = address

    scene.tell()

    assert ("others look after" in scene.note()) is is_told
    assert (posting.OF_OTHERS in scene.request["labels"]) is is_told


def test_a_recipe_that_cannot_be_read_is_of_somebody_all_the_same(scene: Scene) -> None:
    scene.left(READY)
    scene.change("recipes/plotter/recipe.yaml")
    (scene.main / "recipes" / "plotter" / "recipe.yaml").write_text("schema: 1\n")

    scene.tell()

    assert "<code>plotter</code> of nobody known" in scene.note()


def test_a_new_recipe_is_nobodys(scene: Scene) -> None:
    scene.left(READY)
    scene.change("recipes/new/recipe.yaml", "recipes/new/lock.json")

    scene.tell()

    assert "others look after" not in scene.note()
    assert scene.request["labels"] == ["pansoft::ready"]
    assert scene.server.count("GET", "/users/") == 0


# -- the commands ---------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *arguments: str) -> int:
    for command in ("post", "shown"):
        monkeypatch.setattr(f"pansoft.commands.ci.{command}.environment", lambda: variables)
    return cli.invoke(arguments)


def test_the_command_posts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.left(READY)
    scene.project.add_merge_request(source="other")

    assert run(monkeypatch, scene.variables, "ci", "post") == 0
    assert capsys.readouterr().out == "!1: note created\n!2: no report yet\n"

    scene.project.jobs.clear()
    scene.project.artifacts.clear()
    assert run(monkeypatch, scene.variables, "ci", "post", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "merge_request": 1,
        "note": None,
        "why": None,
    }


def test_the_command_says_what_it_could_not_tell(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.project.add_pipeline(scene.request, {FILE: b"{"})

    assert run(monkeypatch, scene.variables, "ci", "post") == 2
    assert "!1: not told: report/packages.json of merge request !1" in capsys.readouterr().out


def test_without_a_token_nothing_is_posted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del scene.variables["PANSOFT_GITLAB_TOKEN"]

    assert run(monkeypatch, scene.variables, "ci", "post") == 2
    assert "PANSOFT_GITLAB_TOKEN not set" in capsys.readouterr().err
    assert scene.server.requests == []


@pytest.fixture
def checkout(scene: Scene, tmp_path: Path) -> Path:
    """Return a checkout whose last commit came with the merge request."""
    project = new_checkout(tmp_path / "project")
    (project / "recipes").mkdir()
    (project / "recipes" / "README").write_text("recipes\n")
    sha = commit(project, "first")
    scene.request["state"] = "merged"
    scene.project.merges[sha] = [1]
    return project


def test_what_merged_requests_showed_is_fetched_for_the_publisher(
    scene: Scene,
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene.left(READY)
    scene.variables["PANSOFT_GITLAB_TOKEN"] = scene.server.add_token(
        "reader", level=REPORTER, scopes=("read_api",)
    )
    output = tmp_path / "shown"
    asked = ("--project", str(checkout), "ci", "shown", "--output", str(output))
    scene.server.faults.append(Down(status=503, path="/artifacts/"))

    status = run(monkeypatch, scene.variables, *asked)

    assert status == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"1 image shown: {output}\n"
    assert shown.read(output).images == {PLAN: {SHA}}

    scene.project.artifacts.clear()
    assert run(monkeypatch, scene.variables, *asked) == 0
    assert "!1: no pipeline of it left a report" in capsys.readouterr().err
    assert shown.read(output).images == {}


def test_without_a_token_it_is_said_that_nothing_is_compared(
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "shown"

    status = run(
        monkeypatch, {}, "--project", str(checkout), "ci", "shown", "--output", str(output)
    )

    assert status == 0
    assert "nothing is compared" in capsys.readouterr().err
    assert shown.read(output).images == {}


def test_a_report_that_cannot_be_fetched_stops_the_publisher(
    scene: Scene,
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene.server.tokens.clear()
    asked = ("--project", str(checkout), "ci", "shown", "--output", str(tmp_path / "shown"))

    assert run(monkeypatch, scene.variables, *asked) == 2
    assert "GitLab answers 401" in capsys.readouterr().err
