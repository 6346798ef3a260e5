# SPDX-License-Identifier: BSD-3-Clause
"""What upstream has newer: asked of an index and an archive on this machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builder.inputs.apt import DebianPackage
from builder.inputs.lock import PackageLock, PythonArtefact, PythonSdist, write_package_lock
from builder.inputs.upstream import Look, Origin, Part, look
from builder.recipes import load
from builder.recipes.recipe import Build, Install, Recipe, Source, SourceKind
from builder.recipes.step import Step
from builder.state import State
from core.console import Console
from core.errors import UserError
from tests.builder.inputs.small_archive import SYSTEM, serve
from tests.builder.recipes.projects import make_project
from tests.packages import Deb, index_page
from tests.servers import FileServer, Status

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SUM = "a" * 64


@pytest.fixture
def plotter(tmp_path: Path) -> Recipe:
    """Return a recipe without a lock."""
    return load.load_recipe(make_project(tmp_path / "project") / "recipes" / "plotter")


def following(recipe: Recipe, version: str, **build: Any) -> Recipe:
    """Return a recipe of these parts, locked."""
    pip = [text.replace("[gui]", "").partition("==") for text in build.get("pip", ())]
    lock = PackageLock(
        recipe.name,
        asked=SUM,
        base=SUM,
        debian=build.pop("debian", ()),
        python=tuple(PythonArtefact(name, v, "some.whl", SUM) for name, _, v in pip),
        sdists=build.pop("sdists", ()),
    )
    made = replace(recipe, version=version, build=Build(**build))
    write_package_lock(lock, made.lock_file)
    return made


def seen(recipe: Recipe, folder: Path) -> Look:
    (found,) = look([recipe], State(folder / "state"), at=AT, console=Console(quiet=True))
    return found


def offer(host: FileServer, project: str, *files: str, extra: bytes = b"") -> None:
    page = index_page({file: file.encode() for file in files})
    host.files[f"/simple/{project}/"] = page.replace(b"</body>", extra + b"</body>")
    host.types[f"/simple/{project}/"] = "text/html"


class TestPython:
    def test_the_newest_release_that_runs_on_the_bases_is_found(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        withdrawn = (
            b'<a href="/f/plot_ter-9.0-py3-none-any.whl#sha256=%s" data-yanked="">' % (SUM.encode())
            + b"plot_ter-9.0-py3-none-any.whl</a>"
        )
        too_new = (
            b'<a href="/f/plot_ter-8.0-py3-none-any.whl#sha256=%s" data-requires-python="'
            % (SUM.encode())
            + b'&gt;=3.12">plot_ter-8.0-py3-none-any.whl</a>'
        )
        offer(
            host,
            "plot-ter",
            "plot_ter-1.9-py3-none-any.whl",
            "plot_ter-1.10-cp311-cp311-manylinux_2_28_x86_64.whl",
            "plot_ter-1.10.tar.gz",
            "plot_ter-1.11-cp312-cp312-manylinux_2_28_x86_64.whl",
            "plot_ter-1.12-cp311-cp311-manylinux_2_39_x86_64.whl",
            "plot_ter-1.13-cp311-cp311-macosx_11_0_arm64.whl",
            "plot_ter-1.14.tar.gz",
            "plot_ter-2.0rc1-py3-none-any.whl",
            "plot_ter-2.0.dev3-py3-none-any.whl",
            "plot_ter-nonsense.whl",
            extra=withdrawn + too_new,
        )
        named = replace(plotter, name="plot-ter")
        recipe = following(named, "1.2", pip=("numpy==1.2", "Plot.Ter[gui]==1.2"))
        offer(host, "numpy", "numpy-1.2-py3-none-any.whl")

        found = seen(recipe, tmp_path)

        assert found.part == Part(Origin.PYTHON, "plot-ter", "1.2")
        assert found.step == Step("1.2", "1.10", ("plot-ter",), "1.2", "1.10")

    def test_what_is_built_of_an_sdist_steps_to_an_sdist(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        offer(host, "fast", "fast-1.0.tar.gz", "fast-1.1.tar.gz", "fast-1.2.zip")
        sdist = PythonSdist("fast", "1.0", "fast-1.0.tar.gz", SUM, ())

        found = seen(following(plotter, "1.0", pip=("fast==1.0",), sdists=(sdist,)), tmp_path)

        assert found.step == Step("1.0", "1.1", ("fast",), "1.0", "1.1")

    def test_an_archive_that_a_script_builds_steps_with_its_sha256(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        offer(host, "fast", "fast-1.1.tar.gz", "fast-1.2-py3-none-any.whl")
        source = Source(SourceKind.PYPI_SDIST, "fast==1.0", SUM)

        found = seen(following(plotter, "1.0+2", sources=(source,)), tmp_path)

        assert found.step is not None
        assert (found.step.old, found.step.new, found.step.pinned) == ("1.0+2", "1.1", "1.0")
        assert found.step.sha256 is not None
        assert found.step.sha256 != SUM

    def test_what_is_released_together_steps_together(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        """gemmi and gemmi-program: pip takes one of them a release behind, and nobody tested that."""
        versions = [f"fast-{number}-py3-none-any.whl" for number in ("1.0", "1.1", "1.2")]
        offer(host, "fast", *versions)
        offer(
            host, "fast-program", *(name.replace("fast", "fast_program") for name in versions[:2])
        )
        offer(host, "faster", "faster-1.0-py3-none-any.whl")
        pins = ("fast==1.0", "fast-program==1.0", "faster==1.0")

        found = seen(following(replace(plotter, name="fast"), "1.0", pip=pins), tmp_path)

        assert found.step == Step("1.0", "1.1", ("fast", "fast-program"), "1.0", "1.1")

    def test_the_newest_steps_nowhere(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        offer(host, "fast", "fast-1.0-py3-none-any.whl", "fast-0.9-py3-none-any.whl")

        found = seen(following(plotter, "1.0", pip=("fast==1.0",)), tmp_path)

        assert (found.step, found.why_not) == (None, None)

    def test_an_index_that_does_not_answer_is_an_error(
        self, host: FileServer, plotter: Recipe, tmp_path: Path
    ) -> None:
        host.files["/simple/fast/"] = b""
        host.faults["/simple/fast/"] = [Status(503)] * 9

        with pytest.raises(UserError, match="could not be asked for fast") as failed:
            seen(following(plotter, "1.0", pip=("fast==1.0",)), tmp_path)

        assert "127.0.0.1" not in failed.value.message


@pytest.mark.needs("apt-get", "dpkg-deb")
@pytest.mark.parametrize(
    ("version", "offered", "new"),
    [
        ("5.4.4", "5.4.4-1", None),
        ("5.4.4", "5.4.4-2", "5.4.4+1"),
        ("5.4.4+1", "5.4.4-2", "5.4.4+2"),
        ("5.4.4", "1:6.0+dfsg-1", "6.0"),
        ("5.4.4", "5.4.3-1", None),
    ],
    ids=["the same", "another build", "one more build", "another version", "an older one"],
)
def test_a_debian_package_steps_with_its_archive(
    host: FileServer, plotter: Recipe, tmp_path: Path, version: str, offered: str, new: str | None
) -> None:
    serve(host, tmp_path / "archive", (*SYSTEM, Deb("gnuplot-nox", offered)))
    locked = DebianPackage("gnuplot-nox", "5.4.4-1", "amd64", "pool/x.deb", 1, SUM)

    found = seen(following(plotter, version, apt=("gnuplot-nox",), debian=(locked,)), tmp_path)

    assert found.step == (Step(version, new) if new else None)


def test_who_follows_nothing_says_why(plotter: Recipe, tmp_path: Path) -> None:
    locked = following(plotter, "2026.11", pip=("fast==1.0",))
    kept = locked.folder / "versions" / "1.0"
    cases = {
        "is retired": replace(locked, retire="Old."),
        "is downloaded by licence holders": replace(locked, install=Install.SITE),
        "is kept as it is": replace(locked, folder=kept),
        "has a version that none of its parts has": locked,
    }

    assert {said: seen(recipe, tmp_path).why_not for said, recipe in cases.items()} == {
        said: said for said in cases
    }
    plotter.lock_file.unlink()
    assert seen(plotter, tmp_path).why_not == "plotter has no lock"
    plotter.lock_file.write_text("{}")
    assert seen(plotter, tmp_path).why_not == "its lock is not a lock of a package with schema 1"
