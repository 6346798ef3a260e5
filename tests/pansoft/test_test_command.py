# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft test` of several recipes: one that cannot be tested holds no other back."""

from __future__ import annotations

from pathlib import Path

import pytest

from pansoft import cli
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, add_recipe, real_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")


def test_each_is_tested_that_can_be(
    builds: Builds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = real_project(tmp_path / "project")
    add_recipe(project, "drawer", PLOT)
    (project / "recipes" / "drawer" / "lock.json").unlink()
    where = ["-q", "--project", str(project), "--state", str(builds.beside(tmp_path / "s").folder)]

    several = cli.invoke([*where, "test", "drawer", "plotter"])
    said = capsys.readouterr()
    alone = cli.invoke([*where, "test", "drawer"])

    assert (several, alone) == (2, 2)
    assert "passed  plotter 5.4.4  plots" in said.out
    assert "drawer: not tested\nerror: drawer has no lock\n" in said.err
    assert "not tested" not in capsys.readouterr().err
