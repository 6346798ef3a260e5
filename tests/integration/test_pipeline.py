# SPDX-License-Identifier: BSD-3-Clause
"""A merge request from its first push to the program on a mount, through the pipeline itself.

A packager adds a recipe, breaks it, mends it and merges it; a canary sees it by HTTP, and the name that
sites follow is moved. Every job is one that GitLab would run, in order, in a small project: two recipes, one
base, and the policy of this project.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import process
from core.process import Completed
from cvmfs.format.keys import create_keys
from cvmfs.mirroring.serve import serving
from pansoft import clock, embedded, shown
from pansoft.ci import preview as previews
from pansoft.ci.pipeline import REPORT_FILE
from tests import gitlab_ci_local
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_ci_local import Ran
from tests.gitlab_server import REPORTER, gitlab_server
from tests.integration.program import ROOT, Demo
from tests.integration.test_build import fresh_state
from tests.real_projects import PLOT, add_recipe

pytestmark = pytest.mark.needs(
    "apptainer", "mksquashfs", "fusermount3", "git", "gpg", "node", "rsync"
)

KEPT = "hdf5-tools"
ADDED = "plotter"
BASE = "debian-12"
BREAKS = "exit 3"
NUMBER = 7
PIPELINE = 90
OF_REQUEST = {"check", "plan", "packages", f"base {BASE}", f"package {ADDED}", "preview", "report"}


@pytest.fixture(scope="module")
def checkout(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of one recipe on `main`; its runner has inputs and bases from other builds."""
    folder = new_checkout(tmp_path_factory.mktemp("pipeline") / "software")
    listed: list[str | Path] = [
        "git",
        "-C",
        ROOT,
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    for name in process.run(listed, reason="list the project").stdout.split("\0"):
        if name and is_of_small_project(Path(name)) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    commit(folder, f"recipes: {KEPT}")
    gitlab_ci_local.with_origin(folder)
    fresh_state(demo, folder / "var")
    return folder


def is_of_small_project(path: Path) -> bool:
    match path.parts:
        case ("recipes", "bases", base, *_):
            return base == BASE
        case ("recipes", name, _, *_):
            return name == KEPT
        case _:
            return True


@pytest.fixture(scope="module")
def publisher(demo: Demo, checkout: Path) -> Path:
    """Return the state of the runner that publishes: inputs and bases, and nothing that others built."""
    return fresh_state(demo, checkout.parent / "publisher")


def of_merge_request(checkout: Path) -> Ran:
    """Run what GitLab runs for a push to a merge request."""
    return gitlab_ci_local.run(
        checkout,
        {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": str(NUMBER),
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(checkout, "merge-base", "main", "HEAD").strip(),
        },
    )


def of_default_branch(checkout: Path, state: Path, **variables: str) -> Ran:
    """Run what GitLab runs for a push to `main`, on the runner that publishes."""
    push = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "PANSOFT_STATE": str(state)}
    return gitlab_ci_local.run(checkout, {**push, **variables})


@contextmanager
def gitlab_that_merged(checkout: Path) -> Iterator[dict[str, str]]:
    """Give the variables of a job of a GitLab that has merged the branch, with what its pipeline left."""
    with gitlab_server() as server:
        project = server.add_project("facility/software")
        request = project.add_merge_request(source=ADDED, state="merged")
        project.merges[git(checkout, "rev-parse", ADDED).strip()] = [request["iid"]]
        report = (checkout / REPORT_FILE).read_bytes()
        project.add_pipeline(request, {REPORT_FILE: report})
        token = server.add_token("reader", level=REPORTER, scopes=("read_api",))
        project.jobs[PIPELINE] = [{"id": 91, "name": "canary", "status": "success"}]
        yield {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_PIPELINE_ID": str(PIPELINE),
            "PANSOFT_GITLAB_TOKEN": token,
        }


def commit_recipes(checkout: Path, message: str) -> None:
    """Commit what was done to recipes, and not what jobs have left in the checkout."""
    git(checkout, "add", "--all", "recipes")
    git(checkout, "commit", "-q", "--message", message)


def note(checkout: Path) -> str:
    return (checkout / "report" / "note.md").read_text(encoding="utf-8")


def pansoft(checkout: Path, state: Path, *arguments: str | Path) -> Completed:
    """Run the program that the pipeline has set up in the checkout."""
    program = checkout / ".venv" / "bin" / "pansoft"
    return process.run([program, "--state", state, *arguments], reason="run pansoft", cwd=checkout)


@contextmanager
def to_partners(checkout: Path, state: Path) -> Iterator[dict[str, str]]:
    """Serve the repository by HTTP and give the variables of a canary."""
    pansoft(checkout, state, "repo", "init")
    with serving(state / "repository") as url:
        key = state / "keys" / "repository" / f"{embedded.FQRN}.pub"
        yield {"PANSOFT_REPOSITORY_URL": url, "PANSOFT_REPOSITORY_KEY": str(key)}


def revisions(checkout: Path, state: Path) -> dict[str, int]:
    """Return the revisions of names."""
    listed = json.loads(pansoft(checkout, state, "repo", "tag", "--list", "--json").stdout)
    return {tag["name"]: tag["revision"] for tag in listed}


@contextmanager
def mounted(checkout: Path, state: Path, *, tag: str) -> Iterator[Path]:
    """Give the place where the published repository is mounted, as a name has it."""
    point = checkout.parent / "mount"
    point.mkdir()
    pansoft(checkout, state, "repo", "mount", point, "--tag", tag)
    try:
        yield point
    finally:
        pansoft(checkout, state, "repo", "unmount", point)


def tried_before_it_is_merged(checkout: Path) -> str:
    """Return what the program says that the merge request's preview has, mounted as its note tells."""
    preview = previews.read(checkout / "preview")
    assert preview is not None
    assert preview.fqrn == previews.name_of(NUMBER)
    folder, point = checkout / "preview" / preview.fqrn, checkout.parent / "preview"
    options = ("--fqrn", preview.fqrn, "--public-key", f"{folder}.pub")
    state = checkout.parent / "reader"
    pansoft(checkout, state, "repo", "mount", point, "--source", folder, *options)
    try:
        script = f". {point}/testing/setup.sh && plot"
        return process.run(["sh", "-c", script], reason="try it").stdout
    finally:
        pansoft(checkout, state, "repo", "unmount", point)


def test_a_recipe_comes_from_its_first_push_to_the_mount(checkout: Path, publisher: Path) -> None:
    git(checkout, "switch", "-q", "-c", ADDED)
    add_recipe(checkout, ADDED, BREAKS)
    commit_recipes(checkout, "recipes: plotter")

    broken = of_merge_request(checkout)

    assert broken.failed == {f"package {ADDED}"}, broken.output
    assert set(broken.passed) == OF_REQUEST
    assert previews.read(checkout / "preview") is None
    assert "Try it before it is merged" not in note(checkout)
    assert "❌ Failed: 1 of 1 package" in note(checkout)
    assert BREAKS in note(checkout)

    shutil.rmtree(checkout / "recipes" / ADDED)
    add_recipe(checkout, ADDED, PLOT)
    commit_recipes(checkout, "recipes: plotter says something")

    mended = of_merge_request(checkout)

    assert mended.failed == set(), mended.output
    assert set(mended.passed) == OF_REQUEST
    assert "✅ Ready: 1 package built and tested" in note(checkout)
    assert "Try it before it is merged" in note(checkout)
    assert tried_before_it_is_merged(checkout) == "plotted\n"
    asked = shown.read(checkout / "report")
    assert set(asked.plans) == {ADDED}

    git(checkout, "switch", "-q", "main")
    git(checkout, "merge", "-q", "--no-ff", "--message", "Merge branch 'plotter'", ADDED)
    gitlab_ci_local.pushed(checkout)

    with gitlab_that_merged(checkout) as variables, to_partners(checkout, publisher) as client:
        merged = of_default_branch(checkout, publisher, **variables, **client)

    assert "1 image shown: shown" in merged.output
    assert variables["PANSOFT_GITLAB_TOKEN"] not in merged.output
    assert merged.failed == set(), merged.output
    assert set(merged.passed) == {"check", "apply", "canary", "proven", "canary-alarm", "pages"}
    canary = json.loads((checkout / "canary" / "canary.json").read_bytes())
    assert {each["name"]: each["well"] for each in canary["packages"]} == {KEPT: True, ADDED: True}
    names = revisions(checkout, publisher)
    assert names["proven"] == names["trunk"] == canary["revision"]
    assert (checkout / "public" / "index.html").is_file()
    [plan] = asked.plans[ADDED]
    built = json.loads((publisher / "images" / plan / "image.json").read_bytes())
    assert asked.images[plan] == {built["sha256"]}
    with mounted(checkout, publisher, tag="proven") as point:
        program = point / "testing" / "bin" / "plot"
        assert process.run([program], reason="run what was merged").stdout == "plotted\n"


def test_a_second_run_publishes_nothing(checkout: Path, publisher: Path) -> None:
    before = pansoft(checkout, publisher, "repo", "info", publisher / "repository").stdout

    again = of_default_branch(checkout, publisher)

    assert again.failed == set(), again.output
    assert "nothing to do: revision" in again.output
    assert pansoft(checkout, publisher, "repo", "info", publisher / "repository").stdout == before


def test_what_a_canary_does_not_believe_leaves_the_name_where_it_was(
    checkout: Path, publisher: Path, tmp_path: Path
) -> None:
    before = revisions(checkout, publisher)
    other = create_keys(tmp_path, embedded.FQRN, at=clock.now()).public_key

    with to_partners(checkout, publisher) as client:
        client["PANSOFT_REPOSITORY_KEY"] = str(other)
        refused = of_default_branch(checkout, publisher, **client)

    assert refused.failed == {"canary"}, refused.output
    assert set(refused.passed) == {"check", "apply", "canary"}
    assert "error: " in refused.output
    assert revisions(checkout, publisher) == before
