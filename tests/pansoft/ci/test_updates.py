# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci update`: genuine pip, an index and a GitLab on this machine, a checkout of two recipes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from builder.images import build as building
from builder.inputs.lock import BaseLock, base_asked, write_base_lock
from builder.inputs.upstream import Look
from builder.recipes import load
from builder.recipes.step import Step
from core.errors import InvalidInput, UserError
from pansoft import cli
from pansoft.ci.updates import making, settings, text
from pansoft.ci.updates.bundles import Bundle, Wanted, sort_out
from pansoft.ci.updates.making import Made, Trial
from pansoft.ci.updates.settings import Group, Hold, Settings
from tests.builder.recipes.projects import changed, make_project
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import (
    DEVELOPER,
    Down,
    GitlabServer,
    HangUp,
    Project,
    Thing,
    gitlab_server,
)
from tests.hosts import forget_this_host
from tests.packages import index_page, wheel
from tests.real_projects import ROOT
from tests.servers import FileServer, file_server

PIP = "  pip:\n    - NAME==1.0  # the program\n"


@dataclass
class Scene:
    """A checkout of the recipes `drawer` and `plotter`, an index of their projects, and a GitLab."""

    checkout: Path
    index: FileServer
    server: GitlabServer
    project: Project
    capsys: pytest.CaptureFixture[str]

    def offer(self, name: str, *versions: str, requires: tuple[str, ...] = ()) -> None:
        """Let the index have these versions of a project; the last has these requirements."""
        made = [wheel(name, each) for each in versions[:-1]]
        made.append(wheel(name, versions[-1], requires=requires))
        self.index.files[f"/simple/{name}/"] = index_page(dict(made))
        self.index.types[f"/simple/{name}/"] = "text/html"
        self.index.files |= {f"/files/{file}": content for file, content in made}

    def run(self, *argv: str) -> tuple[int, str, str]:
        """Return the status, the answer and the talk of `pansoft ci update`."""
        state = self.checkout.parent / "state"
        self.capsys.readouterr()
        status = cli.invoke(
            ["-q", "--project", str(self.checkout), "--state", str(state), "ci", "update", *argv]
        )
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def post(self, *argv: str) -> dict[str, str]:
        """Post updates and return what became of each."""
        _, out, _ = self.run("--post", "--json", *argv)
        return {each["name"]: each["became"] for each in json.loads(out)["updates"]}

    def push(self, message: str = "pushed") -> None:
        """Commit the checkout and let the default branch of the project have it."""
        sha = commit(self.checkout, message)
        files = {
            path: (self.checkout / path).read_text()
            for path in git(self.checkout, "ls-files").splitlines()
            if path.startswith("recipes/")
        }
        self.project.add_commit("main", message=message, files=files, sha=sha)

    def request(self, name: str) -> Thing:
        """Return the last merge request of an update."""
        found = [
            each
            for each in self.project.merge_requests.values()
            if each["source_branch"] == f"update/{name}"
        ]
        return found[-1]

    def recipe(self, name: str, *, branch: str | None = None) -> str:
        path = f"recipes/{name}/recipe.yaml"
        if branch is None:
            return (self.checkout / path).read_text()
        return self.project.files[branch][path]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Scene]:
    forget_this_host(monkeypatch)
    checkout = new_checkout(tmp_path / "checkout")
    for name in ("drawer", "plotter"):
        recipe = changed("  apt:\n    - gnuplot-nox\n", PIP.replace("NAME", name))
        recipe = recipe.replace("name: plotter", f"name: {name}")
        make_project(checkout, name=name, recipe=recipe.replace("version: 5.4.4", "version: 1.0"))
    shutil.copytree(ROOT / "trust-policy", checkout / "trust-policy")
    base = load.load_base(checkout / "recipes" / "bases" / "debian-12")
    write_base_lock(
        BaseLock(base.name, base_asked(base), epoch=0, system=(), debian=()), base.lock_file
    )
    with file_server() as index, gitlab_server() as server:
        monkeypatch.setenv("PIP_INDEX_URL", index.url("/simple"))
        project = server.add_project("pan/recipes")
        monkeypatch.setenv("CI_SERVER_URL", server.address)
        monkeypatch.setenv("CI_PROJECT_ID", str(project.id))
        monkeypatch.setenv("CI_DEFAULT_BRANCH", "main")
        monkeypatch.setenv("PANSOFT_GITLAB_TOKEN", server.add_token("bot", level=DEVELOPER))
        made = Scene(checkout, index, server, project, capsys)
        made.offer("drawer", "1.0")
        made.offer("plotter", "1.0")
        state = tmp_path / "state"
        locked = ["-q", "--project", str(checkout), "--state", str(state), "lock"]
        assert cli.invoke([*locked, "drawer", "plotter"]) == 0
        made.push("recipes")
        monkeypatch.setenv("CI_COMMIT_SHA", project.branches["main"][-1]["id"])
        made.offer("plotter", "1.0", "1.1", requires=("numpy",))
        made.offer("numpy", "2.0")
        yield made


# -- in the checkout ------------------------------------------------------------------------------


def test_a_look_changes_nothing(scene: Scene) -> None:
    assert scene.run("--dry-run") == (0, "plotter 1.0 → 1.1: found\n", "")

    assert git(scene.checkout, "status", "--short") == ""
    assert scene.server.requests == []


def test_a_step_is_written_into_the_checkout(scene: Scene) -> None:
    before = scene.recipe("plotter")

    assert scene.run() == (
        0,
        "plotter 1.0 → 1.1: written; look at it with git diff\n"
        "    python numpy: added 2.0\n"
        "    python plotter: 1.0 → 1.1\n",
        "",
    )

    assert scene.recipe("plotter") == before.replace("version: 1.0", "version: 1.1").replace(
        "plotter==1.0  # the", "plotter==1.1  # the"
    )
    assert git(scene.checkout, "status", "--short").split() == [
        *("M", "recipes/plotter/lock.json"),
        *("M", "recipes/plotter/recipe.yaml"),
    ]
    assert scene.run("plotter") == (0, "", "nothing is newer\n")


def test_one_that_cannot_be_made_holds_no_other_back(scene: Scene) -> None:
    scene.offer("drawer", "1.0", "1.2", requires=("not-there",))

    status, out, _ = scene.run()

    assert status == 2
    assert out.startswith("drawer 1.0 → 1.2: cannot be made\n    pip cannot resolve drawer==1.2")
    assert "plotter 1.0 → 1.1: written" in out
    assert "version: 1.0\n" in scene.recipe("drawer")


def test_what_follows_nothing_says_so_where_it_is_asked_for(scene: Scene) -> None:
    file = scene.checkout / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text().replace("version: 1.0", "version: 2026.1"))

    status, out, err = scene.run("plotter")

    assert (status, out) == (0, "")
    assert err.startswith("plotter has a version that none of its parts has, so nothing is looked")


# -- in GitLab ------------------------------------------------------------------------------------


def test_an_update_is_proposed_once(scene: Scene) -> None:
    assert scene.post() == {"plotter": "opened"}
    request = dict(scene.request("plotter"))
    posts = scene.server.count("POST")
    assert scene.post() == {"plotter": "unchanged"}

    assert scene.server.count("POST") == posts
    assert scene.server.count("PUT") == 0
    assert scene.request("plotter") == request
    assert (request["title"], request["target_branch"], request["labels"]) == (
        "plotter 1.0 → 1.1",
        "main",
        ["update"],
    )
    assert request["description"] == (
        "<!-- pansoft:update plotter -->\n<!-- pansoft:versions plotter=1.1 -->\n\n"
        "### <code>plotter</code> <code>1&#46;0</code> → <code>1&#46;1</code>\n\n"
        '<code>Plotter</code>: <a href="https&#58;&#47;&#47;plotter&#46;example&#46;org">'
        "<code>home page</code></a>. What changes in the image:\n\n"
        "| part | name | was | is |\n|---|---|---|---|\n"
        "| <code>python</code> | <code>numpy</code> |  | <code>2&#46;0</code> |\n"
        "| <code>python</code> | <code>plotter</code> | <code>1&#46;0</code> | <code>1&#46;1</code> |\n\n"
        "It was not built yet: the pipeline of this merge request builds and tests it.\n\n"
        "---\n\nClose it and these versions are not proposed again. Commit to its branch and nobody else "
        "writes to it. What is not to be proposed at all stands in "
        "<code>recipes&#47;updates&#46;yaml</code>.\n"
    )
    assert scene.project.files["update/plotter"].keys() == scene.project.files["main"].keys()
    assert "plotter==1.1  # the program" in scene.recipe("plotter", branch="update/plotter")
    assert git(scene.checkout, "status", "--short") == ""


def test_a_newer_version_updates_the_merge_request(scene: Scene) -> None:
    scene.post()
    scene.offer("plotter", "1.0", "1.1", "1.2")

    assert scene.post() == {"plotter": "updated"}

    assert len(scene.project.merge_requests) == 1
    assert scene.request("plotter")["title"] == "plotter 1.0 → 1.2"
    assert [each["message"] for each in scene.project.branches["update/plotter"]] == [
        "first",
        "recipes",
        "recipes: plotter 1.0 → 1.2\n",
    ]


def test_a_recipe_that_changed_meanwhile_is_taken_into_account(scene: Scene) -> None:
    scene.post()
    file = scene.checkout / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text().replace("Plots things.", "Plots many things."))
    scene.push()

    assert scene.post() == {"plotter": "updated"}
    assert "Plots many things." in scene.recipe("plotter", branch="update/plotter")


def test_what_somebody_closed_is_not_opened_again(scene: Scene) -> None:
    scene.post()
    scene.request("plotter").update(state="closed", closed_by={"id": 1, "username": "ada"})

    assert scene.post() == {"plotter": "dismissed"}
    assert len(scene.project.merge_requests) == 1

    scene.offer("plotter", "1.0", "1.1", "1.2")
    assert scene.post() == {"plotter": "opened"}
    assert scene.request("plotter")["title"] == "plotter 1.0 → 1.2"


def test_what_has_no_update_any_more_is_closed(scene: Scene) -> None:
    scene.post()
    scene.offer("plotter", "1.0")

    assert scene.post("drawer") == {}  # it says nothing about others
    assert scene.request("plotter")["state"] == "opened"
    assert scene.post() == {"plotter": "closed"}

    assert scene.request("plotter")["state"] == "closed"
    assert "update/plotter" not in scene.project.branches
    [note] = scene.project.notes["merge_requests", 1]
    assert "nothing left to update" in note["body"]
    scene.offer("plotter", "1.0", "1.1")
    assert scene.post() == {"plotter": "opened"}


def test_a_mirror_that_has_nothing_closes_nothing(scene: Scene) -> None:
    scene.post()
    del scene.index.files["/simple/plotter/"]

    assert scene.post() == {}

    assert scene.request("plotter")["state"] == "opened"
    assert scene.run("plotter")[2].startswith("plotter follows plotter, which no index has, so")


def test_only_so_many_are_open_at_a_time(scene: Scene) -> None:
    scene.offer("drawer", "1.0", "1.3")

    assert scene.post("--most", "1") == {"drawer": "opened", "plotter": "waiting"}
    assert scene.post("--most", "1") == {"drawer": "unchanged", "plotter": "waiting"}
    assert scene.post() == {"drawer": "unchanged", "plotter": "opened"}


@pytest.mark.parametrize("versions", [("1.0", "1.1", "1.2"), ("1.0",)], ids=["newer", "gone"])
def test_a_branch_that_somebody_works_on_is_left_alone(
    scene: Scene, versions: tuple[str, ...]
) -> None:
    scene.post()
    ada = scene.server.tokens[scene.server.add_token("ada")]
    scene.project.add_commit("update/plotter", message="mended", author=ada)
    scene.offer("plotter", *versions)
    before = dict(scene.request("plotter"))

    status, out, _ = scene.run("--post")

    assert status == 0
    assert "left alone" in out
    assert "ada@git.example" in out or "has commits of others" in out
    assert scene.request("plotter") == before
    assert scene.project.branches["update/plotter"][-1]["message"] == "mended"


@pytest.mark.parametrize(
    "path", ["/repository/commits", "/merge_requests"], ids=["commit", "merge request"]
)
def test_nothing_is_posted_twice_when_an_answer_is_lost(
    scene: Scene, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    scene.server.faults += [
        HangUp(method="POST", path=path, done=True),
        Down(method="GET", path="/user"),
    ]

    scene.post()

    assert scene.post() == {"plotter": "unchanged"}
    assert len(scene.project.merge_requests) == 1
    assert len(scene.project.branches["update/plotter"]) == 3


def test_one_that_fails_its_tests_is_a_draft(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [Trial(passed=False, said="plots: exit status 1\n/close @all"), Trial(passed=True)]
    monkeypatch.setattr(making, "_tried", lambda *_: trials.pop(0))

    _, out, _ = scene.run("--post", "--test")
    draft = dict(scene.request("plotter"))
    scene.offer("plotter", "1.0", "1.1", "1.2")
    scene.post("--test")

    assert "    it does not pass its tests\n" in out
    assert draft["title"] == "Draft: plotter 1.0 → 1.1"
    assert "&#64;all" in draft["description"]
    assert scene.project.quick_actions == []
    assert scene.request("plotter")["title"] == "plotter 1.0 → 1.2"
    assert "its tests passed" in scene.request("plotter")["description"]


def test_groups_and_holds_are_heeded(scene: Scene) -> None:
    scene.offer("drawer", "1.0", "1.3")
    (scene.checkout / settings.FILE).write_text(
        "schema: 1\ngroups:\n  - name: drawing\n    packages: ['*er']\n"
    )
    scene.push()
    assert scene.post() == {"drawing": "opened"}
    title = scene.request("drawing")["title"]
    (scene.checkout / settings.FILE).write_text(
        "schema: 1\nholds:\n  - package: plot*\n    versions: '>=1.1'\n    reason: Its windows are gone.\n"
    )
    scene.push()

    assert scene.post() == {"plotter": "held", "drawing": "closed", "drawer": "opened"}
    assert title == "drawing: drawer 1.0 → 1.3, plotter 1.0 → 1.1"


def test_what_is_not_committed_goes_into_no_merge_request(scene: Scene) -> None:
    (scene.checkout / "recipes" / "plotter" / "note.txt").write_text("mine\n")

    status, _, err = scene.run("--post")

    assert status == 2
    assert "recipes/plotter/note.txt is not as it was committed" in err
    assert scene.server.requests == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--post", "--dry-run"), "contradict"),
        (("--most", "2"), "--most belongs to --post"),
        (("nothing-like-it",), "there is no recipe named"),
    ],
    ids=["both", "most", "unknown"],
)
def test_what_makes_no_sense_is_refused(scene: Scene, argv: tuple[str, ...], said: str) -> None:
    status, _, err = scene.run(*argv)

    assert status == 2
    assert said in err


def test_without_a_token_it_says_what_is_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PANSOFT_GITLAB_TOKEN")

    status, _, err = scene.run("--post")

    assert status == 2
    assert "PANSOFT_GITLAB_TOKEN not set" in err
    assert scene.server.requests == []


# -- what is decided without anybody --------------------------------------------------------------


def wanted(project: Path, new: str = "1.1", **fields: Any) -> Wanted:
    recipe = load.load_recipe(make_project(project, **fields) / "recipes" / "plotter")
    step = Step(recipe.version, new)
    return Wanted(Look(recipe, step=step), step)


@pytest.mark.parametrize(
    ("hold", "holds"),
    [
        (Hold("plot*", "no"), True),
        (Hold("draw*", "no"), False),
        (Hold("plotter", "no", until=date(2026, 6, 1)), True),
        (Hold("plotter", "no", until=date(2026, 5, 31)), False),
        (Hold("plotter", "no", versions=SpecifierSet("<1.1")), False),
        (Hold("plotter", "no", versions=SpecifierSet(">=1.1,<2")), True),
    ],
    ids=["all", "another", "last day", "over", "other versions", "these versions"],
)
def test_a_hold_ends_and_has_versions(tmp_path: Path, hold: Hold, holds: bool) -> None:
    found = sort_out([wanted(tmp_path).look], Settings(holds=(hold,)), date(2026, 6, 1))

    assert len(found.held) == holds
    assert len(found.bundles) == (not holds)


def test_a_hold_of_a_version_that_has_no_order_holds() -> None:
    hold = Hold("plotter", "no", versions=SpecifierSet(">=3"))

    assert hold.holds("plotter", "1a2b-nonsense", date(2026, 6, 1))


def test_a_group_has_no_name_of_a_stranger(tmp_path: Path) -> None:
    groups = (Group("plotter", ("drawer",)),)

    with pytest.raises(UserError, match="has the name of a package that is none of it"):
        sort_out([wanted(tmp_path).look], Settings(groups=groups), date(2026, 6, 1))


def test_settings_with_faults_name_them_all(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / settings.FILE).write_text(
        "schema: 1\nmost: 0\ngroups:\n  - {name: a, packages: [b]}\n  - {name: a, packages: []}\n"
        "holds:\n  - {package: b, versions: some, until: 2026-02-30, reason: x}\n  - {package: c}\n"
    )

    with pytest.raises(InvalidInput) as caught:
        settings.load(tmp_path)

    assert {(each.where.line, each.rule) for each in caught.value.problems} == {
        (2, "schema-value"),
        (5, "updates-group"),
        (5, "schema-value"),
        (7, "updates-versions"),
        (7, "policy-day"),
        (8, "schema-required"),
    }


def test_check_looks_at_the_settings(scene: Scene) -> None:
    file = scene.checkout / settings.FILE
    check = ["-q", "--project", str(scene.checkout), "check"]
    file.write_text(
        "schema: 1\ngroups:\n  - {name: a, packages: [plottr, 'draw*']}\n"
        "holds: [{package: nobody, reason: x}]\n"
    )

    warned = cli.invoke(check)
    said = scene.capsys.readouterr().out
    file.write_text("schema: 1\nmost: none\n")

    assert warned == 0
    assert f"{file}:3:26: warning: updates-nobody: there is no recipe that 'plottr' fits" in said
    assert "did you mean plotter?" in said
    assert f"{file}:4:19: warning: updates-nobody: there is no recipe that 'nobody' fits" in said
    assert said.count("updates-nobody") == 2
    assert cli.invoke(check) == 2
    assert f"{file}:2:7: schema-type: 'most' must be" in scene.capsys.readouterr().out
    assert cli.invoke([*check, "plotter"]) == 0


def test_a_version_that_is_kept_is_not_made_current_by_itself(scene: Scene) -> None:
    kept = scene.checkout / "recipes" / "plotter" / "versions" / "1.1"
    shutil.copytree(scene.checkout / "recipes" / "plotter", kept)
    file = kept / "recipe.yaml"
    file.write_text(file.read_text().replace("1.0", "1.1"))

    status, out, _ = scene.run("plotter")

    assert status == 2
    assert "plotter 1.1 is kept beside the current version" in out


def test_words_of_strangers_stay_text(tmp_path: Path) -> None:
    hostile = changed("title: Plotter", 'title: "<img src=x> @all --> !1"')
    step = wanted(tmp_path, recipe=hostile)
    made = Made(step, (), (), (3, 9), None)

    said = text.text_of(Bundle("plotter", (step,)), [made]).description

    assert "@all" not in said
    assert "<img" not in said
    assert "in lines 3, 9 of the recipe" in said
    assert text.versions_in(said) == {("plotter", "1.1")}


@pytest.mark.parametrize(
    "version", ["1.1", "2026.9.0", "5.4.4+1", "1.0-2~rc", "2022.5"], ids=lambda version: version
)
def test_versions_are_read_as_they_were_written(tmp_path: Path, version: str) -> None:
    step = wanted(tmp_path, version)

    said = text.text_of(Bundle("plotter", (step,)), [Made(step, (), (), (), None)]).description

    assert text.versions_in(said) == {("plotter", version)}
    assert text.versions_in(said.replace("\n", "\r\n")) == {("plotter", version)}
    assert text.versions_in("<!-- pansoft:update plotter -->") == frozenset()


def test_one_that_cannot_be_built_says_why(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UserError("line 3 of the script failed", hint="pansoft log plotter")

    monkeypatch.setattr(building, "build", fail)

    status, out, _ = scene.run("--test", "plotter")

    assert status == 0
    assert "    line 3 of the script failed\n    pansoft log plotter\n    it does not pass" in out
    assert "version: 1.1\n" in scene.recipe("plotter")
