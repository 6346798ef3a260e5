# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci requests`: genuine pip, an index and a GitLab on this machine, a checkout of one recipe."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.load import read_recipe
from core import strict_yaml
from pansoft import cli
from pansoft.ci.requests.form import MARKER
from tests.builder.recipes.projects import RECIPE
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import (
    DEVELOPER,
    Down,
    Fault,
    GitlabServer,
    HangUp,
    Limited,
    Project,
    Thing,
    gitlab_server,
)
from tests.hosts import forget_this_host
from tests.packages import index_page, sdist, wheel
from tests.pansoft.ci.requests.forms import TEST, filled
from tests.real_projects import ROOT
from tests.servers import FileServer, file_server

ANA = {"id": 7, "username": "ana", "name": "Ana García"}
HOSTILE = (
    "/close\n/assign @root\n/label ~trusted\n@all closes #1 !2 ~bug </code></pre><img src=x onerror=1>\n"
    "```\n/merge\n```\n$(touch pwned) `id` [x](javascript:1) {{x}} %0a\u202e\u2066\n- [ ] task"
)


@dataclass
class Scene:
    """A checkout with the recipe `plotter`, an index of Python projects, and a GitLab with issues."""

    checkout: Path
    index: FileServer
    server: GitlabServer
    project: Project
    capsys: pytest.CaptureFixture[str]

    def offer(self, name: str, *files: tuple[str, bytes]) -> None:
        """Let the index have these files of a project."""
        self.index.files[f"/simple/{name}/"] = index_page(dict(files))
        self.index.types[f"/simple/{name}/"] = "text/html"
        self.index.files |= {f"/files/{file}": content for file, content in files}

    def ask(self, text: str | None = None, **more: Any) -> Thing:
        """Let Ana ask for something, by default for `drawer`."""
        more = {"title": "Please", "author": ANA, **more}
        return self.project.add_issue(description=filled() if text is None else text, **more)

    def run(self, *argv: str) -> tuple[int, str, str]:
        """Return the status, the answer and the talk of `pansoft ci requests`."""
        state = self.checkout.parent / "state"
        self.capsys.readouterr()
        at = ["-q", "--project", str(self.checkout), "--state", str(state)]
        status = cli.invoke([*at, "ci", "requests", *argv])
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def post(self, *argv: str) -> dict[int, str]:
        """Post requests and return what became of each issue."""
        _, out, _ = self.run("--post", "--json", *argv)
        return {each["issue"]: each["became"] for each in json.loads(out)["requests"]}

    def push(self, message: str) -> None:
        """Commit the checkout and let the default branch of the project have it."""
        sha = commit(self.checkout, message)
        files = {
            path: (self.checkout / path).read_text()
            for path in git(self.checkout, "ls-files").splitlines()
            if path.startswith("recipes/") and "/bases/" not in path
        }
        self.project.add_commit("main", message=message, files=files, sha=sha)

    def notes(self, issue: int) -> list[str]:
        return [note["body"] for note in self.project.notes.get(("issues", issue), [])]

    @property
    def note(self) -> str:
        """Return the one note of the first issue."""
        [note] = self.notes(1)
        return note

    @property
    def request(self) -> Thing:
        """Return the one merge request."""
        [request] = self.project.merge_requests.values()
        return request

    @property
    def labels(self) -> list[str]:
        return list(self.project.issues[1]["labels"])

    def file(self, path: str, branch: str = "request/1") -> str:
        return self.project.files[branch][path]

    def requested(self, path: str) -> int:
        """Return how often the index was asked for something."""
        return sum(each.path == path for each in self.index.requests)


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Scene]:
    forget_this_host(monkeypatch)
    checkout = new_checkout(tmp_path / "checkout")
    plotter = checkout / "recipes" / "plotter" / "recipe.yaml"
    plotter.parent.mkdir(parents=True)
    plotter.write_text(RECIPE)
    shutil.copytree(ROOT / "recipes" / "bases", checkout / "recipes" / "bases")
    shutil.copytree(ROOT / "trust-policy", checkout / "trust-policy")
    with file_server() as index, gitlab_server() as server:
        monkeypatch.setenv("PIP_INDEX_URL", index.url("/simple"))
        project = server.add_project("pan/recipes")
        monkeypatch.setenv("CI_SERVER_URL", server.address)
        monkeypatch.setenv("CI_PROJECT_ID", str(project.id))
        monkeypatch.setenv("CI_DEFAULT_BRANCH", "main")
        monkeypatch.setenv("PANSOFT_GITLAB_TOKEN", server.add_token("bot", level=DEVELOPER))
        made = Scene(checkout, index, server, project, capsys)
        made.offer("drawer", wheel("drawer", "1.0"), wheel("drawer", "1.1"))
        made.push("recipes")
        monkeypatch.setenv("CI_COMMIT_SHA", project.branches["main"][-1]["id"])
        yield made


# -- a request becomes a merge request --------------------------------------------------------------


def test_a_form_becomes_a_merge_request_with_the_credit_of_its_author(scene: Scene) -> None:
    scene.ask()

    status, out, _ = scene.run("--post")

    assert status == 0
    assert out.startswith("#1 drawer: merge request opened: ")
    assert scene.request["title"] == "recipes: add drawer 1.1"
    assert scene.request["labels"] == ["package-request"]
    assert scene.request["assignees"] == [{"id": 7}]
    assert "@ana asks for <code>drawer</code>" in scene.request["description"]
    assert "\nCloses #1\n" in scene.request["description"]
    assert unescape(scene.request["description"]).count(TEST) == 1
    [*_, made] = scene.project.branches["request/1"]
    host = re.sub(r"https?://|:\d+", "", scene.server.address)
    assert made["message"] == (
        "recipes: add drawer 1.1\n\nAsked for in #1.\n\n"
        f"Co-authored-by: Ana García <7-ana@users.noreply.{host}>\n"
    )
    recipe = scene.file("recipes/drawer/recipe.yaml")
    assert "- drawer==1.1\n" in recipe
    assert "- name: Ana García\n" in recipe
    lock = json.loads(scene.file("recipes/drawer/lock.json"))
    assert [each["name"] for each in lock["python"]] == ["drawer"]
    assert set(scene.project.files["request/1"]) - set(scene.project.files["main"]) == {
        "recipes/drawer/recipe.yaml",
        "recipes/drawer/lock.json",
    }
    assert git(scene.checkout, "status", "--short") == ""


def test_it_is_done_once(scene: Scene) -> None:
    scene.ask()
    assert scene.post() == {1: "opened"}
    written = (scene.server.count("POST"), scene.server.count("PUT"))
    asked = len(scene.index.requests)

    assert scene.post() == {1: "unchanged"}

    assert (scene.server.count("POST"), scene.server.count("PUT")) == written
    assert len(scene.index.requests) == asked
    assert "Thank you. Merge request !1 adds <code>drawer</code>" in scene.note
    assert scene.labels == ["package-request"]


def test_the_words_of_the_form_stand_in_the_recipe(scene: Scene) -> None:
    cited = "https://doi.org/10.1107/S1600576715004306"
    scene.ask(
        filled(
            Summary='Draws: "lines" # all',
            Purpose="It draws.\n\nname: evil\n- x",
            Home_page="https://drawer.example.org",
            Citation=cited,
            Version="1.0",
        )
    )

    scene.post()

    folder = scene.checkout.parent / "read" / "drawer"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(scene.file("recipes/drawer/recipe.yaml"))
    recipe = read_recipe(folder, bases=scene.checkout / "recipes" / "bases").recipe
    assert recipe is not None
    assert (recipe.name, recipe.version) == ("drawer", "1.0")
    assert recipe.summary == 'Draws: "lines" # all'
    assert recipe.description.strip() == "It draws.\n\nname: evil - x"
    assert (recipe.homepage, recipe.citation) == ("https://drawer.example.org", cited)


def test_what_is_left_to_do_is_said(scene: Scene) -> None:
    scene.ask()

    _, out, _ = scene.run("--post")

    assert [line.strip().partition(":")[0] for line in out.splitlines()[1:]] == [
        "Test",
        "Licence",
        "Home page",
    ]
    assert scene.request["description"].count("- [ ] ") == 3
    assert "licence" in scene.request["description"]


def test_a_debian_package_becomes_one_as_well(scene: Scene) -> None:
    scene.ask(filled("Debian", Name="units"))

    assert scene.post() == {1: "opened"}

    recipe = scene.file("recipes/units/recipe.yaml")
    assert "  apt:\n    - units\n" in recipe


# -- what a stranger writes does nothing ------------------------------------------------------------


def test_hostile_words_are_words(scene: Scene) -> None:
    scene.ask(filled(Purpose=HOSTILE, Test=HOSTILE, Summary='"}\\n: [*x, &y] @all !2 #1 $(id)'))

    assert scene.post() == {1: "opened"}

    assert scene.project.quick_actions == []
    assert scene.project.issues[1]["state"] == "opened"
    description = scene.request["description"]
    for harm in (
        "@all",
        "@root",
        "/close",
        "/merge",
        "</code></pre><img",
        "$(",
        "javascript:",
        "#1 !2",
        "~bug",
    ):
        assert harm not in description
    assert "\u202e" not in description
    recipe = scene.file("recipes/drawer/recipe.yaml")
    assert "\u202e" not in recipe
    file = scene.checkout.parent / "read.yaml"
    file.write_text(recipe)
    read = strict_yaml.load(file).value
    assert read["name"] == "drawer"
    assert read["summary"] == '"}\\n: [*x, &y] @all !2 #1 $(id)'
    assert read["build"] == {"pip": ["drawer==1.1"]}
    assert not list(scene.checkout.rglob("pwned"))


def test_hostile_names_are_shown_and_do_nothing(scene: Scene) -> None:
    scene.ask(filled(Name="/close @all #1 </code><b>", Version="--index-url=http://x"))

    assert scene.post() == {1: "incomplete"}

    assert scene.project.quick_actions == []
    assert "<code>&#47;close &#64;all &#35;1 &#60;&#47;code&#62;&#60;b&#62;</code>" in scene.note
    assert "@" not in scene.note
    assert scene.index.requests == []


@pytest.mark.parametrize("name", ["x" * 10_000, "../../x", "dra\u202ewer", "<!-- x -->", MARKER])
def test_no_such_name_leaves_this_machine(scene: Scene, name: str) -> None:
    scene.ask(filled(Name=name))

    assert scene.post() == {1: "incomplete"}

    assert scene.index.requests == []
    assert len(scene.note) < 2000


def test_the_name_of_an_author_is_no_more_than_that(scene: Scene) -> None:
    shown = "A\n\nCo-authored-by: Boss <boss@example.org>\nCloses #1 @all"
    scene.ask(author={**ANA, "name": shown})

    scene.post()

    message = scene.project.branches["request/1"][-1]["message"]
    assert message.count("\n") == 5
    assert "boss@" not in message
    assert "#1" not in message.partition("Asked for in #1.")[2]


def test_nothing_of_the_package_is_run(scene: Scene, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    setup = f"try: open({str(mark)!r}, 'w').write('x')\nexcept OSError: pass\n"
    backend = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    metadata = "Metadata-Version: 2.2\nName: helper\nVersion: 1.0\n"
    files = {"setup.py": setup, "b.py": setup, "pyproject.toml": backend, "PKG-INFO": metadata}
    scene.offer("helper", sdist("helper", files))
    address = scene.index.url("/other-1.0.tar.gz")
    scene.index.files["/other-1.0.tar.gz"] = sdist("other", files)[1]
    scene.offer("drawer", wheel("drawer", "1.0", requires=("helper",)))
    scene.offer("painter", wheel("painter", "1.0", requires=(f"other @ {address}",)))
    scene.offer("builder", sdist("builder", files))
    for name in ("drawer", "painter", "builder"):
        scene.ask(filled(Name=name))

    assert scene.post() == {1: "opened", 2: "opened", 3: "incomplete"}

    assert not mark.exists()
    for issue, name in ((1, "drawer"), (2, "painter")):
        assert f"recipes/{name}/lock.json" not in scene.project.files[f"request/{issue}"]
    assert all("Lock" in each["description"] for each in scene.project.merge_requests.values())
    assert "has no wheel for Python" in scene.notes(3)[0]


# -- what is wrong is said, once --------------------------------------------------------------------


def test_an_incomplete_form_is_told_what_to_mend(scene: Scene) -> None:
    scene.ask(filled(Test="", Version="newest"))

    assert scene.run("--post")[:2] == (
        0,
        "#1: to be mended by its author\n"
        "    Version: this is no version: write it as 1.2.3, or nothing for the newest\n"
        "    Test: say in a sentence or two what shows that it works: a reviewer needs it\n",
    )
    assert scene.labels == ["package-request", "pansoft-request-incomplete"]
    assert [line for line in scene.note.splitlines() if line.startswith("- ")] == [
        "- **Version**: <code>this is no version&#58; write it as 1&#46;2&#46;3, or nothing for the "
        "newest</code>: <code>newest</code>",
        "- **Test**: <code>say in a sentence or two what shows that it works&#58; a reviewer needs it</code>",
    ]


def test_it_is_told_once_and_the_note_follows(scene: Scene) -> None:
    issue = scene.ask(filled(Test="", Version="newest"))
    scene.post()
    written = (scene.server.count("POST"), scene.server.count("PUT"))
    first = scene.note

    assert scene.post() == {1: "incomplete"}
    assert (scene.server.count("POST"), scene.server.count("PUT")) == written

    issue["description"] = filled(Version="newest")
    assert scene.post() == {1: "incomplete"}
    assert scene.note != first
    assert "Test" not in scene.note

    issue["description"] = filled()
    assert scene.post() == {1: "opened"}
    assert "Merge request !1" in scene.note
    assert scene.labels == ["package-request"]


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ({"Name": "not-there"}, "the Python index has no project of this name"),
        ({"Version": "7"}, "there is no such version; the newest: 1.1, 1.0"),
    ],
)
def test_what_is_not_in_the_index_is_looked_up_once(
    scene: Scene, below: dict[str, str], said: str
) -> None:
    issue = scene.ask(filled(**below))

    assert scene.post() == {1: "incomplete"}
    assert said in unescape(scene.note)
    asked = len(scene.index.requests)
    assert scene.post() == {1: "incomplete"}
    assert len(scene.index.requests) == asked

    issue["description"] = filled()
    assert scene.post() == {1: "opened"}


def test_an_index_that_does_not_answer_is_not_the_authors_fault(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.ask()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    status, out, _ = scene.run("--post")

    assert status == 2
    assert "the Python index could not be asked for drawer" in out
    assert scene.notes(1) == []
    assert scene.project.merge_requests == {}


def test_what_is_not_the_form_is_told_where_it_is(scene: Scene) -> None:
    scene.ask("please make drawer", labels=("package-request",))
    scene.ask("please make drawer")

    assert scene.post() == {1: "incomplete"}
    assert "Package request" in scene.note


# -- what is there already --------------------------------------------------------------------------


def test_a_package_that_is_there_is_shown(scene: Scene) -> None:
    scene.ask(filled("Debian", Name="plotter"))

    assert scene.post() == {1: "known"}

    assert (
        "<code>plotter</code> is there already, in version <code>5&#46;4&#46;4</code>" in scene.note
    )
    assert f"{scene.project.address}/pan/recipes/-/tree/main/recipes/plotter" in unescape(
        scene.note
    )
    assert scene.project.merge_requests == {}


def test_two_who_ask_for_the_same_have_one_merge_request(scene: Scene) -> None:
    scene.ask()
    scene.ask(filled(Name="Drawer", Version="1.0"))

    assert scene.post() == {1: "opened", 2: "asked"}
    assert "merge request !1 is about it" in scene.notes(2)[0]
    assert scene.post() == {1: "unchanged", 2: "asked"}
    assert len(scene.project.merge_requests) == 1


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_one_that_had_its_merge_request_is_not_done_again(scene: Scene, state: str) -> None:
    issue = scene.ask()
    scene.post()
    scene.request["state"] = state
    issue["description"] = filled(Version="1.0")

    assert scene.post() == {1: "ended"}
    assert len(scene.project.merge_requests) == 1


def test_somebody_elses_merge_request_of_that_branch_is_not_ours(scene: Scene) -> None:
    scene.ask()
    made = scene.project.add_merge_request(source="request/1", author=ANA, state="closed")
    made["description"] = "<!-- pansoft:request 1 -->"
    del scene.project.branches["request/1"], scene.project.files["request/1"]

    assert scene.post() == {1: "opened"}


# -- edited forms -----------------------------------------------------------------------------------


def test_an_edited_form_changes_the_merge_request(scene: Scene) -> None:
    issue = scene.ask()
    scene.post()
    issue["description"] = filled(Version="1.0")

    assert scene.post() == {1: "updated"}

    assert scene.request["title"] == "recipes: add drawer 1.0"
    assert "drawer==1.0" in scene.file("recipes/drawer/recipe.yaml")
    assert [each["message"].split("\n")[0] for each in scene.project.branches["request/1"]][-1] == (
        "recipes: add drawer 1.0"
    )


def test_a_branch_that_somebody_works_on_is_left_alone(scene: Scene) -> None:
    issue = scene.ask()
    scene.post()
    scene.project.add_commit("request/1", message="mine", files={"recipes/drawer/x": "x"})
    before = dict(scene.project.files["request/1"])
    issue["description"] = filled(Version="1.0")

    assert scene.post() == {1: "taken"}
    asked = len(scene.index.requests)
    assert scene.post() == {1: "taken"}

    assert len(scene.index.requests) == asked
    assert scene.project.files["request/1"] == before
    assert "Somebody works on merge request !1" in scene.note


def test_a_form_that_is_broken_later_leaves_the_merge_request(scene: Scene) -> None:
    issue = scene.ask()
    scene.post()
    issue["description"] = filled(Name="$(id)")

    assert scene.post() == {1: "incomplete"}

    assert scene.request["state"] == "opened"
    assert "drawer==1.1" in scene.file("recipes/drawer/recipe.yaml")


# -- limits -----------------------------------------------------------------------------------------


def test_confidential_issues_are_left_alone(scene: Scene) -> None:
    scene.ask(confidential=True, labels=("package-request",))

    assert scene.run("--post")[1:] == ("", "nobody asks for anything\n")
    assert scene.notes(1) == []
    assert scene.project.branches.keys() == {"main"}


def test_only_so_many_are_answered_in_a_run(scene: Scene) -> None:
    for name in ("drawer", "$(id)", "not-there", "drawer"):
        scene.ask(filled(Name=name))

    assert scene.post("--most", "2") == {1: "opened", 2: "incomplete", 3: "waiting", 4: "waiting"}
    assert scene.post("--most", "2") == {
        1: "unchanged",
        2: "incomplete",
        3: "incomplete",
        4: "asked",
    }


@pytest.mark.parametrize(
    "fault",
    [
        Limited(path="/issues", after="0"),
        Limited(method="POST", path="/notes", after="0"),
        Limited(method="PUT", path="/issues/1", after="0"),
        Down(method="POST", path="/commits", status=502, done=True),
        HangUp(method="POST", path="/merge_requests", done=True),
        HangUp(method="POST", path="/notes", done=True),
    ],
    ids=str,
)
def test_what_goes_wrong_on_the_way_is_done_once_in_the_end(scene: Scene, fault: Fault) -> None:
    scene.ask()
    scene.server.faults.append(fault)

    assert scene.post() == {1: "opened"}

    assert scene.server.faults == []
    assert len(scene.project.merge_requests) == 1
    assert len(scene.notes(1)) == 1


def test_a_run_that_was_stopped_half_way_is_ended_by_the_next(scene: Scene) -> None:
    scene.ask()
    scene.server.faults.append(Down(method="POST", path="/notes", status=403))

    status, _, err = scene.run("--post")

    assert status == 2
    assert "could not write a note to issue #1" in err
    assert scene.post() == {1: "unchanged"}
    assert "Merge request !1" in scene.note
    assert len(scene.project.merge_requests) == 1


# -- without posting --------------------------------------------------------------------------------


def test_a_look_writes_nothing(scene: Scene) -> None:
    scene.ask()
    scene.ask(filled(Name="$(id)"))
    scene.ask(filled("Debian", Name="plotter"))

    status, out, _ = scene.run("--dry-run")

    assert status == 0
    assert [line for line in out.splitlines() if line[0] == "#"] == [
        "#1 drawer: in order",
        "#2: to be mended by its author",
        "#3 plotter: there already",
    ]
    assert {each.method for each in scene.server.requests} == {"GET"}
    assert scene.index.requests == []


def test_a_form_in_a_file_becomes_a_recipe_here(scene: Scene) -> None:
    file = scene.checkout.parent / "form.md"
    file.write_text(filled())

    status, out, _ = scene.run("--form", str(file))

    assert (status, out.splitlines()[0]) == (0, "drawer: written; look at it with git diff")
    assert git(scene.checkout, "status", "--short") == "?? recipes/drawer/\n"
    assert "- name: Your Name\n" in (scene.checkout / "recipes/drawer/recipe.yaml").read_text()
    assert scene.server.requests == []
    assert scene.run("--form", str(file))[:2] == (0, "drawer: there already\n")


def test_a_form_in_a_file_that_is_not_in_order_is_status_2(scene: Scene) -> None:
    file = scene.checkout.parent / "form.md"
    file.write_text(filled(Test=""))

    status, out, _ = scene.run("--form", str(file))

    assert status == 2
    assert out.startswith("the form: to be mended by its author\n    Test: say in a sentence")


def test_what_is_not_committed_is_not_proposed(scene: Scene) -> None:
    scene.ask()
    (scene.checkout / "recipes" / "plotter" / "recipe.yaml").write_text("x")

    status, _, err = scene.run("--post")

    assert status == 2
    assert "is not as it was committed" in err


@pytest.mark.parametrize("more", [["--dry-run"], ["--form", __file__]])
def test_options_that_contradict_each_other(scene: Scene, more: list[str]) -> None:
    assert scene.run("--post", *more)[0] == 2
    assert scene.server.requests == []
