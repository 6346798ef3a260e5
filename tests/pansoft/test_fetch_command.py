# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft fetch` from a folder into a cache, and into an archive for others."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from builder.inputs.apt import DebianPackage
from builder.inputs.lock import (
    BaseLock,
    PackageLock,
    base_asked,
    package_asked,
    write_base_lock,
    write_package_lock,
)
from builder.recipes import load
from pansoft import cli
from tests.builder.recipes.projects import make_project
from tests.real_projects import ROOT


def deb(name: str) -> DebianPackage:
    content = name.encode()
    path = f"pool/main/{name}_1.0_amd64.deb"
    digest = hashlib.sha256(content).hexdigest()
    return DebianPackage(name, "1.0", "amd64", path, len(content), digest)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose one recipe has one package, on a base of one."""
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    root = make_project(tmp_path / "project")
    shutil.copytree(ROOT / "trust-policy", root / "trust-policy")
    base_recipe = load.load_base(root / "recipes" / "bases" / "debian-12")
    base = BaseLock("debian-12", base_asked(base_recipe), 0, (deb("libc6"),), ())
    write_base_lock(base, base_recipe.lock_file)
    recipe = load.load_recipe(root / "recipes" / "plotter")
    asked = package_asked(recipe, base)
    write_package_lock(PackageLock("plotter", asked, base.id, (deb("gnuplot"),)), recipe.lock_file)
    return root


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    for name in ("libc6", "gnuplot"):
        (folder / f"{name}_1.0_amd64.deb").write_text(name)
    return folder


def fetch(project: Path, state: Path, *more: str | Path) -> int:
    argv = ["--quiet", "--project", project, "--state", state, "fetch", "plotter", *more]
    return cli.invoke([str(part) for part in argv])


def test_inputs_travel_from_a_folder_through_an_archive_to_another_state(
    project: Path, stick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"

    first = fetch(project, tmp_path / "one", "--from", stick, "--export", archive)
    second = fetch(project, tmp_path / "two", "--from", archive)

    assert (first, second) == (0, 0)
    assert capsys.readouterr().out == (
        "2 inputs are in the cache, 2 of them came just now\n"
        f"2 inputs are in {archive}, 2 of them came just now (12 B)\n"
        "2 inputs are in the cache, 2 of them came just now\n"
    )


@pytest.mark.needs("apt-get")
def test_what_is_wrong_is_named_with_its_lock(
    project: Path,
    stick: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("builder.inputs.apt.archive_urls", lambda: ())
    (stick / "libc6_1.0_amd64.deb").write_text("evil")

    status = fetch(project, tmp_path / "state", "--from", stick)

    assert status == 2
    assert (
        "libc6_1.0_amd64.deb (named by recipes/bases/debian-12/lock.json) is not what the lock says"
        in capsys.readouterr().err
    )


def test_a_location_that_is_none_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = fetch(project, tmp_path / "state", "--from", "debian=somewhere")

    assert status == 2
    assert "'somewhere' is no web address" in capsys.readouterr().err
