# SPDX-License-Identifier: BSD-3-Clause
"""Software for licence holders: told of and passed over, made from a holder's own file, kept from others."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from builder.state import State
from core.console import Console
from core.files import sha256_file
from pansoft import cli, loop, planning, published, workspace
from pansoft.context import Context
from pansoft.planning import Status
from pansoft.policy_check import policy_problems
from tests.builder.conftest import Builds
from tests.packages import tarball
from tests.real_projects import PLOT, add_recipe, lock_recipe, real_project

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
SCRIPT = (
    "mkdir $PREFIX/bin; tar -xf $PANSOFT_SOURCES/plotter-*.tgz --strip-components=1 -C $PREFIX/bin; "
    "chmod 755 $PREFIX/bin/plot"
)
SITE = """\
install: site
site:
  terms: https://plotter.example.org/terms
  registration: https://plotter.example.org/get
  download:
    - file: plotter-*.tgz
commands:
"""
CHANGES = {
    "redistribution: allowed": "redistribution: forbidden",
    "commands:\n": SITE,
}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return a project with a recipe for licence holders and one for everybody."""
    project = real_project(tmp_path / "project", SCRIPT, changes=CHANGES)
    add_recipe(project, "open", PLOT)
    return Context(project=project, state=tmp_path / "state", console=Console(quiet=True))


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Return the file that a holder has downloaded."""
    file = tmp_path / "plotter-5.4.4.tgz"
    file.write_bytes(tarball({"plot": "#!/bin/sh\necho plotted\n"}, top="plotter"))
    return file


def run(context: Context, *words: str | Path) -> int:
    argv = ["--quiet", "--project", context.project, "--state", context.state, *words]
    return cli.invoke([str(word) for word in argv])


def test_a_plan_of_everything_tells_of_it_and_goes_on(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(context, "plan") == 0

    said = capsys.readouterr().out
    assert "1 of 1 packages to bring along" in said
    assert "1 package is installed by each site's licence holder: plotter" in said
    assert run(context, "plan") == 0  # from the plans that were kept
    assert capsys.readouterr().out == said


def test_programs_are_told_the_same(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(context, "plan", "--json") == 0

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["plotter"]["status"] == "site"
    assert "pansoft build plotter --download FILE" in rows["plotter"]["hint"]
    assert rows["open"]["status"] == "new"


def test_bringing_nothing_else_is_no_failure(context: Context) -> None:
    recipes = workspace.recipes_named(context, ["plotter"])

    report = loop.apply(context, recipes, at=AT, jobs=1)

    assert (report.failures, report.brought, report.outcome) == ((), (), None)
    assert loop.as_json(report)["installed_by_sites"] == ["plotter"]


def test_who_asks_for_the_image_is_told_the_way(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(context, "build", "plotter") == 2

    said = capsys.readouterr().err
    assert "plotter is installed by each site that holds a licence" in said
    assert "register at https://plotter.example.org/get" in said


def test_who_applies_it_by_name_is_told_the_way(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(context, "apply", "plotter") == 2

    assert "pansoft build plotter --download FILE" in capsys.readouterr().err


def test_a_missing_lock_is_still_a_fault(context: Context) -> None:
    (context.project / "recipes" / "plotter" / "lock.json").unlink()

    found = planning.plan(context, workspace.recipes_named(context, []), at=AT)

    assert [item.why for item in found.blocked] == ["plotter has no lock"]


def test_the_policy_has_nothing_against_it_where_its_audience_fits(context: Context) -> None:
    recipes = workspace.recipes_named(context, ["plotter"])

    assert policy_problems(context, recipes, at=AT) == ()


@pytest.mark.parametrize("words", [["open", "plotter"], []], ids=["two", "none"])
def test_a_download_is_for_one_recipe(context: Context, download: Path, words: list[str]) -> None:
    assert run(context, "build", *words, "--download", download) == 2


def test_a_confirmed_hash_is_a_hash(context: Context, download: Path) -> None:
    assert run(context, "build", "plotter", "--download", download, "--confirm", "yes") == 2


def test_fetching_for_others_leaves_the_download_out(
    context: Context, builds: Builds, download: Path, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "another").folder
    there = Context(project=context.project, state=state, console=context.console)
    sha256 = sha256_file(download)
    argv = ("build", "plotter", "--download", download, "--confirm", sha256, "--dry-run")
    assert run(there, *argv) == 0

    assert run(there, "fetch", "plotter", "--export", tmp_path / "archive") == 0

    exported = {file.name for file in (tmp_path / "archive").rglob("*") if file.is_file()}
    assert exported
    assert sha256 not in exported
    InputCache(builds.state.inputs).path(sha256).unlink()  # the cache is of all tests


@pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")
def test_a_holder_makes_tests_and_publishes_it_for_the_own_site_only(
    context: Context, builds: Builds, download: Path, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "site")
    here = Context(project=context.project, state=state.folder, console=context.console)
    shutil.rmtree(context.project / "recipes" / "open")
    sha256 = sha256_file(download)
    assert run(here, "build", "plotter", "--download", download) == 2  # the hash is nobody's yet

    assert run(here, "build", "plotter", "--confirm", sha256) == 0
    report = loop.apply(here, workspace.recipes_named(here, []), at=AT, jobs=1)

    assert report.failures == ()
    assert [entry.name for entry in published.entries_in(state, at=AT)] == ["plotter"]
    [item] = planning.plan(here, workspace.recipes_named(here, []), at=AT).planned
    assert item.status is Status.PUBLISHED
    assert [source.sha256 for source in item.plan.sources] == [sha256]
    bill = (state.signed(item.plan.id) / "sbom.spdx.json").read_text()
    assert sha256 in bill
    InputCache(builds.state.inputs).path(sha256).unlink()


def test_in_a_repository_that_everybody_reads_it_is_refused(context: Context) -> None:
    _make_public(context.project)
    recipes = workspace.recipes_named(context, ["plotter"])

    [problem] = [p for p in policy_problems(context, recipes, at=AT) if p.rule == "redistribution"]

    assert "redistribution is forbidden: it may be given to site, local" in problem.message
    assert problem.where.line == 11


def _make_public(project: Path) -> None:
    file = project / "trust-policy" / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    old = '  - name: "*.local"\n    audience: local\n'
    assert old in text
    file.write_text(text.replace(old, old.replace("audience: local", "audience: public")))


def test_locks_of_it_are_checked_like_others(context: Context) -> None:
    lock_recipe(context.project, "plotter", "debian-12")

    assert State(context.state).folder.exists() is False
    assert workspace.plan_from_lock(
        context, workspace.recipes_named(context, ["plotter"])[0]
    ).sources == ()  # fmt: skip


@pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")
def test_the_catalogue_tells_of_what_is_not_distributed(
    context: Context, builds: Builds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = builds.beside(tmp_path / "site")
    here = Context(project=context.project, state=state.folder, console=context.console)

    report = loop.apply(here, workspace.recipes_named(here, []), at=AT, jobs=1)

    assert [entry.name for entry in published.entries_in(state, at=AT)] == ["open"]
    assert [item.name for item in published.held_in(state, at=AT)] == ["plotter"]
    assert run(here, "catalog", "show", "plotter") == 0
    assert "each site with a licence makes it" in capsys.readouterr().out
    again = loop.apply(here, workspace.recipes_named(here, ["open"]), at=AT, jobs=1)
    assert report.outcome is not None
    assert again.outcome is not None
    assert not again.outcome.publication.is_new
    assert [item.name for item in published.held_in(state, at=AT)] == ["plotter"]
