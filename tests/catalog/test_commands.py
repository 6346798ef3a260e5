# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft catalog` as people and pipelines call it, on samples in place of a repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from catalog.entry import CatalogEntry
from core.console import Console
from core.errors import UserError
from pansoft.commands.catalog import catalog
from pansoft.context import Context
from tests.catalog import samples


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[CatalogEntry]:
    """Stand in for the repository; what is put into the list is published."""
    entries = [samples.entry(), samples.pyfai(), samples.partners_only()]
    module = ModuleType("pansoft.published")
    module.__dict__["published_entries"] = lambda context: tuple(entries)
    module.__dict__["published_held"] = lambda context: (samples.held(),)
    module.__dict__["published_retired"] = lambda context: ()
    monkeypatch.setitem(sys.modules, "pansoft.published", module)
    return entries


def call(*arguments: object) -> Result:
    """Run `pansoft catalog` with these arguments; errors rise as they do in the program."""
    context = Context(Path("/nowhere"), Path("/nowhere"), Console())
    return CliRunner().invoke(
        catalog, [str(a) for a in arguments], obj=context, catch_exceptions=False
    )


def failure(*arguments: object) -> UserError:
    """Run `pansoft catalog`, which must end in an error that a person can mend."""
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.usefixtures("published")
def test_search_lists_what_has_all_the_words() -> None:
    done = call("search", "saxs", "gpu")

    assert done.stdout == (
        "pyfai 2026.9.0  testing  Fast azimuthal integration of two-dimensional detector images\n"
    )


@pytest.mark.usefixtures("published")
def test_search_without_words_lists_everything() -> None:
    assert len(call("search").stdout.splitlines()) == 3


@pytest.mark.usefixtures("published")
def test_search_that_finds_nothing_answers_nothing_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = call("search", "no such thing")

    assert (done.exit_code, done.stdout) == (0, "")
    assert capsys.readouterr().err == "no package has all of these words\n"


@pytest.mark.usefixtures("published")
def test_search_speaks_json() -> None:
    (row,) = json.loads(call("search", "ptychography", "--json").stdout)

    assert (row["name"], row["image"]) == ("phaser", "images/phaser/3.1/phaser.sif")


@pytest.mark.usefixtures("published")
def test_show_tells_what_is_known() -> None:
    told = call("show", "hdf5-tools").stdout

    assert "size:        99.8 MB, of which 4.7 MB are new over debian-12\n" in told
    assert "set up:      . /cvmfs/software.example.org/testing/setup.sh\n" in told
    assert "tests:       2 of 2 passed\n" in told


def test_show_is_about_the_newest_version(published: list[CatalogEntry]) -> None:
    published.insert(0, samples.entry(version="1.8", published="2025-01-01T00:00:00Z"))

    assert json.loads(call("show", "hdf5-tools", "--json").stdout)["version"] == "1.10.8"


@pytest.mark.usefixtures("published")
def test_show_of_an_unknown_name_says_what_is_near() -> None:
    error = failure("show", "pyfa")

    assert str(error) == "no package 'pyfa' is published"
    assert error.hint == "did you mean pyfai?"


@pytest.mark.usefixtures("published")
def test_build_writes_a_site_twice_the_same(tmp_path: Path) -> None:
    first = call("build", "--output", tmp_path / "a site")
    before = {p: p.read_bytes() for p in (tmp_path / "a site").rglob("*") if p.is_file()}
    call("build", "--output", tmp_path / "a site")

    assert first.stdout == f"{tmp_path}/a site/index.html\n"
    assert {p: p.read_bytes() for p in (tmp_path / "a site").rglob("*") if p.is_file()} == before


@pytest.mark.usefixtures("published")
def test_build_does_not_replace_what_is_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    error = failure("build", "--output", tmp_path)

    assert "holds something else than a catalogue" in str(error)
    assert (tmp_path / "thesis.tex").exists()


def test_with_nothing_published_it_says_what_to_do(published: list[CatalogEntry]) -> None:
    published.clear()

    assert failure("search").hint == "run 'pansoft apply' or 'pansoft demo' first"


@pytest.mark.usefixtures("published")
def test_show_tells_of_what_is_not_distributed() -> None:
    done = call("show", "xds")

    assert "Not distributed here: each site with a licence makes it." in done.stdout
    assert "pansoft build xds --download FILE" in done.stdout
    assert (
        json.loads(call("show", "xds", "--json").stdout)["terms"] == "https://xds.example.org/terms"
    )
