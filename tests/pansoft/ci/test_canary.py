# SPDX-License-Identifier: BSD-3-Clause
"""The canary on a small published repository, over a socket: what is well, and what makes it red."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from core.console import Console
from core.errors import Refused, UserError
from cvmfs.format.keys import create_keys
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.tagging import add_tag
from pansoft import clock, embedded, loop, workspace
from pansoft.commands.ci.canary import canary
from pansoft.context import Context
from tests.cvmfs.servers import Wrong, misbehaving
from tests.real_projects import PLOT, add_recipe, real_project
from tests.small_images import put_built

pytestmark = pytest.mark.needs("apptainer", "fusermount3", "gpg", "mksquashfs", "setpriv")


class Scene:
    """A publisher with a repository, and a client that has nothing but a checkout."""

    def __init__(self, folder: Path) -> None:
        project = real_project(folder / "project")
        quiet = Console(quiet=True)
        self.folder = folder
        # later than any key that is made for it, however long that takes
        self.at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        self.publisher = Context(project, folder / "publisher", quiet)
        self.client = Context(project, folder / "client", quiet)

    @property
    def repository(self) -> Path:
        return workspace.state_of(self.publisher).repository

    @property
    def key(self) -> Path:
        return embedded.public_key(workspace.state_of(self.publisher))

    def add(self, name: str) -> None:
        """Add another recipe of the command `plot` to the checkout."""
        add_recipe(self.publisher.project, name, PLOT)

    def publish(self, *names: str, program: str = "echo plotted") -> int:
        """Publish packages, whatever their tests would say, and return the revision."""
        self.at += timedelta(seconds=2)
        recipes = workspace.recipes_named(self.publisher, names)
        for recipe in recipes:
            put_built(self.publisher, recipe, program=program)
        report = loop.apply(self.publisher, recipes, at=clock.now(), jobs=1)
        assert report.failures == ()
        assert report.outcome is not None
        assert report.outcome.refused == ()
        return report.outcome.publication.revision

    def name(self, name: str, revision: int) -> None:
        """Give a revision a name."""
        repository, keys = embedded.ensure_repository(
            workspace.state_of(self.publisher), at=clock.now()
        )
        add_tag(repository, keys, name, at=clock.now(), revision=revision)

    def run(self, source: str | Path, *more: str | Path, key: Path | None = None) -> Result:
        """Run the canary of the client."""
        argv = ["--source", source, "--public-key", key or self.key, "--wait", "0", *more]
        return CliRunner().invoke(
            canary, [str(word) for word in argv], obj=self.client, standalone_mode=False
        )

    def seen(self, *more: str | Path, status: int = 0) -> Any:
        """Return what the canary saw by HTTP, as programs read it."""
        with serving(self.repository) as url:
            done = self.run(url, "--json", *more)
        assert done.exception is None, done.exception
        assert done.return_value == status, done.output
        return json.loads(done.stdout)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name in list(os.environ):
        if name.startswith("PANSOFT_"):
            monkeypatch.delenv(name)
    made = Scene(tmp_path)
    monkeypatch.setattr(clock, "now", lambda: made.at)
    yield made
    assert "pansoft-canary-" not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert not (tmp_path / "client" / "canary" / "cache").exists()


def test_what_is_new_is_verified_and_its_tests_run_from_the_mount(scene: Scene) -> None:
    first = scene.publish("plotter")
    scene.name("proven", first)
    scene.add("drawer")
    revision = scene.publish("drawer")

    told = scene.seen("--revision", str(revision), "--output", scene.folder / "out")

    assert (told["revision"], told["since"], told["well"]) == (revision, first, True)
    [drawer] = told["packages"]
    assert (drawer["name"], drawer["well"], drawer["refused"]) == ("drawer", True, None)
    assert [(test["name"], test["outcome"]) for test in drawer["tests"]] == [
        ("plots", "passed"),
        ("command plot: starts", "passed"),
    ]
    assert told["not_looked_at"] == []
    assert json.loads((scene.folder / "out" / "canary.json").read_bytes()) == told
    [suite] = ElementTree.parse(scene.folder / "out" / "junit.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "drawer 5.4.4",
        "3",
        "0",
    )


def test_without_the_name_everything_is_new_and_what_is_too_much_is_named(scene: Scene) -> None:
    scene.publish("plotter")
    scene.add("drawer")
    revision = scene.publish("drawer")

    told = scene.seen("--most", "1")

    assert (told["revision"], told["since"]) == (revision, None)
    assert [each["name"] for each in told["packages"]] == ["drawer"]  # the last that was published
    assert told["not_looked_at"] == ["plotter 5.4.4"]


def test_the_revision_that_was_told_is_looked_at_and_no_newer_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = scene.publish("plotter")
    scene.add("drawer")
    assert scene.publish("drawer") > told
    monkeypatch.setenv("PANSOFT_REVISION", str(told))

    seen = scene.seen()

    assert (seen["revision"], seen["not_looked_at"]) == (told, [])
    assert [each["name"] for each in seen["packages"]] == ["plotter"]


def test_a_test_that_fails_names_package_test_and_revision(scene: Scene) -> None:
    revision = scene.publish("plotter", program="echo broken; exit 3")

    with serving(scene.repository) as url:
        done = scene.run(url, "--output", scene.folder / "out")

    assert done.return_value == 2
    assert f"plotter 5.4.4: revision {revision}: the test 'plots' failed: " in done.stdout
    assert done.stdout.endswith("1 package looked at; 1 not well\n")
    [suite] = ElementTree.parse(scene.folder / "out" / "junit.xml").getroot()
    assert suite.get("failures") == "1"


def test_what_a_failed_canary_saw_is_seen_again(scene: Scene) -> None:
    scene.publish("plotter", program="exit 3")
    scene.add("drawer")
    scene.publish("drawer")

    told = scene.seen(status=2)

    assert {each["name"]: each["well"] for each in told["packages"]} == {
        "plotter": False,
        "drawer": True,
    }


def test_a_byte_that_is_altered_on_the_way_is_not_believed(scene: Scene) -> None:
    revision = scene.publish("plotter")
    with embedded.read_repository(workspace.state_of(scene.publisher), at=clock.now()) as reader:
        entry = reader.entry("images/plotter/5.4.4/plotter.sif")
    hashes = [str(chunk.content_hash) for chunk in entry.chunks] or [str(entry.content_hash)]
    altered = f"data/{hashes[0][:2]}/{hashes[0][2:]}"

    with misbehaving(scene.repository, Wrong(), only=altered) as server:
        done = scene.run(f"{server.address}/cvmfs/{embedded.FQRN}")

    assert done.return_value == 3
    assert f"plotter 5.4.4: revision {revision}: not believed: it cannot be read" in done.stdout
    assert hashes[0][2:] in done.stdout
    assert "the test" not in done.stdout  # nothing of it was run


def test_an_image_that_nobody_listed_signed_is_not_believed(scene: Scene) -> None:
    revision = scene.publish("plotter")
    state = workspace.state_of(scene.publisher)
    repository, keys = embedded.ensure_repository(state, at=clock.now())
    with transaction(repository, keys, at=clock.now()) as tx:
        tx.remove("trust/keys/local.asc")

    told = scene.seen(status=3)

    [plotter] = told["packages"]
    assert told["revision"] == revision + 1
    assert (plotter["well"], plotter["tests"]) == (False, [])
    assert "signed" in plotter["refused"]


def test_a_revision_that_does_not_arrive_is_waited_for_and_no_longer(scene: Scene) -> None:
    revision = scene.publish("plotter")

    with serving(scene.repository) as url:
        done = scene.run(url, "--revision", str(revision + 1), "--wait", "0.3")

    assert isinstance(done.exception, UserError)
    assert done.exception.message == (
        f"revision {revision + 1} of {embedded.FQRN} did not arrive within 0 s: "
        f"{url} has revision {revision}"
    )


def test_a_server_that_does_not_answer_is_waited_for_as_well(scene: Scene) -> None:
    scene.publish("plotter")

    done = scene.run(f"http://127.0.0.1:9/cvmfs/{embedded.FQRN}", "--revision", "2")

    assert isinstance(done.exception, UserError)
    assert "did not arrive" in done.exception.message


def test_another_key_is_refused_at_once(scene: Scene) -> None:
    scene.publish("plotter")
    other = create_keys(scene.folder / "other", embedded.FQRN, at=scene.at).public_key

    with serving(scene.repository) as url:
        done = scene.run(url, "--wait", "600", key=other)

    assert isinstance(done.exception, Refused)


def test_a_tree_is_verified_and_tested_as_well(scene: Scene) -> None:
    recipe = scene.publisher.project / "recipes" / "plotter" / "recipe.yaml"
    with recipe.open("a") as stream:
        stream.write("delivery: tree\n")
    scene.publish("plotter")

    [plotter] = scene.seen()["packages"]

    assert (plotter["well"], plotter["refused"]) == (True, None)
    assert [test["outcome"] for test in plotter["tests"]] == ["passed", "passed"]


def test_a_version_without_a_recipe_is_verified_and_that_is_said(scene: Scene) -> None:
    scene.publish("plotter")
    recipe = scene.publisher.project / "recipes" / "plotter" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("version: 5.4.4", "version: 5.4.5"))

    with serving(scene.repository) as url:
        done = scene.run(url)

    assert done.return_value == 0
    assert "plotter 5.4.4: verified; not tested: the checkout has no recipe of" in done.stdout


def test_nothing_new_is_well(scene: Scene) -> None:
    revision = scene.publish("plotter")
    scene.name("proven", revision)

    told = scene.seen()

    assert (told["packages"], told["well"]) == ([], True)
