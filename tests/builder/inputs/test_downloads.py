# SPDX-License-Identifier: BSD-3-Clause
"""What a licence holder downloads: taken when its hash is known, asked for otherwise, never handed on."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from builder.inputs.downloads import NotHeld, held, is_download, take
from builder.recipes.load import load_recipe
from builder.recipes.recipe import Download, Install, Recipe, Source, SourceKind
from builder.state import State
from core.errors import UserError
from core.files import sha256_file
from tests.builder.recipes.projects import make_project
from tests.builder.recipes.test_rules import by_site

CONTENT = b"what only a licence holder has"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    project = make_project(tmp_path / "project", recipe=by_site())
    return load_recipe(project / "recipes" / "plotter")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def download(tmp_path: Path) -> Path:
    file = tmp_path / "home" / "plotter-5.4.tgz"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    return file


def listing(recipe: Recipe, *files: Path) -> Recipe:
    """Return the recipe as it would be if it listed these files."""
    assert recipe.site is not None
    hashes = tuple(sha256_file(file) for file in files)
    site = replace(recipe.site, download=(Download("plotter-*.tgz", hashes),))
    return replace(recipe, site=site)


def test_what_is_not_here_is_said_with_the_way_to_it(recipe: Recipe, state: State) -> None:
    with pytest.raises(NotHeld) as said:
        held(recipe, state)

    assert "installed by each site that holds a licence, from its own plotter-*.tgz" in str(
        said.value
    )
    assert said.value.hint is not None
    assert "https://plotter.example.org/terms" in said.value.hint
    assert "pansoft build plotter --download FILE" in said.value.hint
    assert not state.folder.exists()


def test_a_listed_file_is_taken(recipe: Recipe, state: State, download: Path) -> None:
    recipe = listing(recipe, download)

    take(recipe, [download], state)

    digest = sha256_file(download)
    assert held(recipe, state) == (Source(SourceKind.DOWNLOAD, download.name, digest),)
    assert InputCache(state.inputs).is_whole(digest)
    assert (state.folder / "downloads").stat().st_mode & 0o077 == 0
    assert download.read_bytes() == CONTENT


def test_a_listed_file_may_be_put_there_by_hand(
    recipe: Recipe, state: State, download: Path
) -> None:
    folder = state.downloads("plotter")
    folder.mkdir(parents=True)
    (folder / download.name).write_bytes(CONTENT)

    [source] = held(listing(recipe, download), state)

    assert source.sha256 == sha256_file(download)


def test_bytes_that_nobody_has_said_are_refused(
    recipe: Recipe, state: State, download: Path
) -> None:
    take(recipe, [download], state)

    with pytest.raises(UserError, match="nobody has said that these are the right bytes") as said:
        held(recipe, state)

    assert said.value.hint is not None
    assert said.value.hint.endswith(f"--confirm {sha256_file(download)}")
    assert not InputCache(state.inputs).has(sha256_file(download))


def test_the_holder_may_say_the_hash(recipe: Recipe, state: State, download: Path) -> None:
    take(recipe, [download], state, confirmed=[sha256_file(download)])

    assert [source.location for source in held(recipe, state)] == [download.name]


def test_a_file_that_changed_is_asked_about_again(
    recipe: Recipe, state: State, download: Path
) -> None:
    take(recipe, [download], state, confirmed=[sha256_file(download)])
    held(recipe, state)
    kept = state.downloads("plotter") / download.name
    kept.write_bytes(CONTENT + b", altered")
    os.utime(kept, ns=(1, 1))

    with pytest.raises(UserError, match="does not list"):
        held(recipe, state)


def test_a_newer_download_takes_the_place_of_an_older_one(
    recipe: Recipe, state: State, download: Path
) -> None:
    newer = download.with_name("plotter-5.5.tgz")
    newer.write_bytes(b"newer")
    recipe = listing(recipe, download, newer)
    take(recipe, [download], state)

    take(recipe, [newer], state)

    assert [source.location for source in held(recipe, state)] == ["plotter-5.5.tgz"]


def test_two_files_for_one_download_are_a_question(
    recipe: Recipe, state: State, download: Path
) -> None:
    take(recipe, [download], state)
    (state.downloads("plotter") / "plotter-6.tgz").write_bytes(b"another")

    with pytest.raises(UserError, match=r"plotter-5.4.tgz, plotter-6.tgz"):
        held(recipe, state)


@pytest.mark.parametrize("name", ["other.tgz", "plotter-5.tar", "plotter-\n.tgz", "plotter- .tgz"])
def test_a_file_of_another_name_is_refused(
    recipe: Recipe, state: State, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(CONTENT)

    with pytest.raises(UserError, match="is no file that plotter is made of"):
        take(recipe, [file], state)

    assert list(state.downloads("plotter").glob("*gz")) == []


def test_other_recipes_take_no_download(recipe: Recipe, state: State, download: Path) -> None:
    ours = replace(recipe, install=Install.PUBLISHER, site=None)

    with pytest.raises(UserError, match="from what its lock names, not from a download of yours"):
        take(ours, [download], state)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"hashes": {"a": 1}, "confirmed": []}', "\0"])
def test_a_damaged_record_is_asked_again(
    recipe: Recipe, state: State, download: Path, content: str
) -> None:
    take(recipe, [download], state, confirmed=[sha256_file(download)])
    (state.downloads("plotter") / ".known.json").write_text(content)

    with pytest.raises(UserError, match="does not list"):
        held(recipe, state)


def test_a_download_is_known_as_one(recipe: Recipe, state: State, download: Path) -> None:
    take(recipe, [download], state, confirmed=[sha256_file(download)])
    [source] = held(recipe, state)

    assert is_download(source)
    assert not is_download(Source(SourceKind.URL, "https://example.org/a.tgz", source.sha256))
    record = json.loads((state.downloads("plotter") / ".known.json").read_bytes())
    assert record["confirmed"] == [source.sha256]
