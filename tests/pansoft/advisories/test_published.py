# SPDX-License-Identifier: BSD-3-Clause
"""The bill of a package that was really built, signed and published is what is looked through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.inputs.lock import read_base_lock
from builder.recipes import load
from core.console import Console
from pansoft import loop, workspace
from pansoft.advisories import holdings
from pansoft.context import Context
from tests.builder.conftest import Builds
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def test_what_is_published_holds_what_its_lock_names(builds: Builds, tmp_path: Path) -> None:
    project = real_project(tmp_path / "project")
    context = Context(project, builds.beside(tmp_path / "state").folder, Console(quiet=True))
    done = loop.apply(context, workspace.recipes_named(context, []), at=AT, jobs=1)
    assert done.failures == ()

    found = holdings.published(context, [], at=AT + timedelta(minutes=1))

    base = read_base_lock(load.load_base(project / "recipes" / "bases" / "debian-12"))
    libc = next(each for each in found.held if each.name == "libc6")
    assert found.unknown == ()
    assert [str(each) for each in found.holders] == ["plotter 5.4.4"]
    assert {(package.name, package.version) for package in base.packages} <= {
        (each.name, each.version) for each in found.held
    }
    assert (libc.source or "").startswith("glibc ")
    assert libc.purl.endswith("&distro=debian-12")
