# SPDX-License-Identifier: BSD-3-Clause
"""The order of the folders of `cvmfs/`, held: one uses those before it and none behind it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cvmfs

FOLDER = Path(__file__).parents[2] / "cvmfs"
ORDER = [
    "errors",
    *re.findall(r"^    ([a-z]+)/ ", str(cvmfs.__doc__), re.MULTILINE),
]


def test_the_map_names_every_folder() -> None:
    folders = {path.name for path in FOLDER.iterdir() if (path / "__init__.py").exists()}

    assert set(ORDER) == folders | {"errors"}


@pytest.mark.parametrize("folder", ORDER[1:])
def test_a_folder_uses_those_before_it(folder: str) -> None:
    allowed = set(ORDER[: ORDER.index(folder) + 1])
    wrong = {
        f"{file.name}: {used}"
        for file in (FOLDER / folder).glob("*.py")
        for used in _used(file)
        if used not in allowed
    }

    assert wrong == set()


@pytest.mark.parametrize("folder", ORDER[1:])
def test_the_map_of_a_folder_names_every_module(folder: str) -> None:
    text = (FOLDER / folder / "__init__.py").read_text(encoding="utf-8")
    named = set(re.findall(r"^    ([a-z0-9_]+)  +\S", text, re.MULTILINE))

    assert named == {file.stem for file in (FOLDER / folder).glob("*.py")} - {"__init__"}


def _used(file: Path) -> set[str]:
    names = [
        node.module or ""
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]
    return {name.split(".")[1] for name in names if name.startswith("cvmfs.")}
