# SPDX-License-Identifier: BSD-3-Clause
"""About the version that the program says it has."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pansoft import __version__

ROOT = Path(__file__).parents[2]


def test_the_program_and_the_project_file_have_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["project"]["version"] == __version__
