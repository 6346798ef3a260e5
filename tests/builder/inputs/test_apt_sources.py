# SPDX-License-Identifier: BSD-3-Clause
"""Upstream's archives of Debian source packages, found by genuine apt on a host without deb-src."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.inputs import locking
from builder.inputs.apt_sources import DebianSourceFile, upstream_files
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import BaseLock
from builder.recipes import load
from builder.recipes.recipe import Build, Source, SourceKind
from builder.state import State
from core.console import Console
from core.errors import UserError
from tests.builder.inputs.small_archive import ARCHIVE, serve
from tests.builder.recipes.projects import make_project
from tests.servers import FileServer

pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUIET = Console(quiet=True)
ORIG = b"upstream's archive"
SHA256 = hashlib.sha256(ORIG).hexdigest()
OTHER = "1" * 64
SOURCES = f"""\
Package: plotter
Binary: gnuplot-nox
Version: 1:5.4.4-1
Format: 3.0 (quilt)
Directory: pool/main/p/plotter
Checksums-Sha256:
 {OTHER} 900 plotter_5.4.4-1.dsc
 {OTHER} 800 plotter_5.4.4.orig-data.tar.xz
 {SHA256} {len(ORIG)} plotter_5.4.4.orig.tar.gz
 {OTHER} 833 plotter_5.4.4.orig.tar.gz.asc
 {OTHER} 700 plotter_5.4.4-1.debian.tar.xz

Package: native
Version: 2.0
Format: 3.0 (native)
Directory: pool/main/n/native
Checksums-Sha256:
 {OTHER} 900 native_2.0.dsc
 {OTHER} 800 native_2.0.tar.xz
"""
MAIN = DebianSourceFile(
    "plotter", "1:5.4.4-1", "pool/main/p/plotter/plotter_5.4.4.orig.tar.gz", len(ORIG), SHA256
)
DATA = replace(
    MAIN, path="pool/main/p/plotter/plotter_5.4.4.orig-data.tar.xz", size=800, sha256=OTHER
)


@pytest.fixture
def state(host: FileServer, tmp_path: Path) -> State:
    """Return a state on a host whose archive has source packages too."""
    serve(host, tmp_path / "archive", ARCHIVE)
    host.files["/debian/dists/bookworm/main/source/Sources"] = SOURCES.encode()
    release = host.files["/debian/dists/bookworm/Release"].decode()
    digest = hashlib.sha256(SOURCES.encode()).hexdigest()
    release += f" {digest} {len(SOURCES)} main/source/Sources\n"
    host.files["/debian/dists/bookworm/Release"] = release.encode()
    host.files[f"/debian/{MAIN.path}"] = ORIG
    return State(tmp_path / "a state")


def found(state: State, name: str, version: str) -> tuple[DebianSourceFile, ...]:
    archives = locking.host_archives(state, at=AT, console=QUIET)
    return upstream_files(name, version, archives, at=AT, console=QUIET)


def test_the_main_archive_comes_first_and_its_parts_follow(state: State) -> None:
    assert found(state, "plotter", "1:5.4.4-1") == (MAIN, DATA)


def test_a_native_package_is_its_own_upstream(state: State) -> None:
    assert [file.filename for file in found(state, "native", "2.0")] == ["native_2.0.tar.xz"]


def test_entries_of_the_newer_form_are_understood(
    state: State, host: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "host" / "sources.list").unlink()
    (tmp_path / "host" / "parts" / "debian.sources").write_text(
        f"# the archive\nTypes: deb\nURIs: {host.url('/debian')}\nSuites: bookworm\n"
        "Components: main\nTrusted: yes\nArchitectures: amd64\n\n"
        f"Types: deb\nEnabled: no\nURIs: {host.url('/gone')}\nSuites: x\nComponents: main\n"
    )

    assert found(state, "plotter", "1:5.4.4-1")[0] == MAIN


def test_a_version_that_is_not_there_is_named_with_those_that_are(state: State) -> None:
    with pytest.raises(UserError) as gone:
        found(state, "plotter", "9")

    assert "plotter 9; they have 1:5.4.4-1" in gone.value.message
    assert "127.0.0.1" not in gone.value.message


class TestLocking:
    """A recipe that names a Debian source."""

    def lock(self, state: State, tmp_path: Path, sha256: str) -> object:
        recipe = load.load_recipe(make_project(tmp_path / "project") / "recipes" / "plotter")
        source = Source(SourceKind.DEBIAN_SOURCE, "plotter=1:5.4.4-1", sha256)
        recipe = replace(recipe, build=Build(sources=(source,), script="make"))
        base = BaseLock("debian-12", "", 0, (), ())
        return locking.lock_package(recipe, base, state, at=AT, console=QUIET).sources

    def test_all_its_archives_are_locked(self, state: State, tmp_path: Path) -> None:
        assert self.lock(state, tmp_path, SHA256) == (MAIN, DATA)

    def test_another_sha256_than_the_recipes_is_refused(self, state: State, tmp_path: Path) -> None:
        with pytest.raises(UserError) as refused:
            self.lock(state, tmp_path, OTHER)

        assert f"expects the sha256 {OTHER} of plotter_5.4.4.orig.tar.gz" in refused.value.message
        assert f"archives have {SHA256}" in refused.value.message

    def test_it_is_fetched_by_its_path(self, state: State) -> None:
        fetch([MAIN], InputCache(state.inputs), console=QUIET)

        assert InputCache(state.inputs).has(SHA256)
