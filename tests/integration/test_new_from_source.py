# SPDX-License-Identifier: BSD-3-Clause
"""What `pansoft new --from-source` writes for a simple program builds, and the program runs."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builder.inputs.lock import package_asked, read_base_lock, read_package_lock, write_package_lock
from builder.recipes import load
from tests.builder.recipes.test_from_source import tar, written
from tests.integration.program import ROOT, Demo, pansoft
from tests.integration.test_build import fresh_state

pytestmark = pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs")

MAIN = '#include <stdio.h>\nint main(void) { puts("forty-two"); return 0; }\n'
LICENCE = "// SPDX-License-Identifier: MIT\n"
CMAKE = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(answer VERSION 1.0 LANGUAGES C)\n"
    "add_executable(answer main.c)\ninstall(TARGETS answer)\n",
    "main.c": LICENCE + MAIN,
}
AUTOTOOLS = {
    "configure": '#!/bin/sh\nsed "s|@prefix@|${1#--prefix=}|" Makefile.in > Makefile\n',
    "configure.ac": "AC_INIT([answer], [1.0])\n",
    "Makefile.am": "bin_PROGRAMS = answer\n",
    "Makefile.in": "answer: main.c\n\t$(CC) -o answer main.c\n"
    "install:\n\tinstall -D answer @prefix@/bin/answer\n",
    "main.c": LICENCE + MAIN,
}


@pytest.mark.parametrize("files", [CMAKE, AUTOTOOLS], ids=["cmake", "autotools"])
def test_a_first_recipe_from_sources_builds(
    demo: Demo, tmp_path: Path, files: Mapping[str, str]
) -> None:
    project, content = tmp_path / "project", tar(files, top="answer-1.0/")
    for part in ("recipes", "trust-policy"):
        shutil.copytree(ROOT / part, project / part)
    state = fresh_state(demo, tmp_path / "state")
    archive = written(tmp_path, content, "answer-1.0.tar.gz")
    sha256 = hashlib.sha256(content).hexdigest()
    (state / "inputs" / sha256[:2]).mkdir(exist_ok=True)
    shutil.copyfile(archive, state / "inputs" / sha256[:2] / sha256)

    made = pansoft("--project", project, "new", "answer", "--from-source", archive, state=state)
    _lock(project)
    tested = pansoft("--project", project, "test", "answer", state=state)

    assert made.returncode == 0, made.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "passed  answer 1.0  has answer" in tested.stdout


def _lock(project: Path) -> None:
    """Write the lock of the new recipe with the tools of another that has the same and more."""
    recipe = load.load_recipe(project / "recipes" / "answer")
    other = load.load_recipe(project / "recipes" / "mcpl")
    assert set(recipe.build.tools) <= set(other.build.tools)
    base = read_base_lock(load.load_base(project / "recipes" / "bases" / other.base))
    lock = read_package_lock(other, base)
    own = replace(
        lock,
        name="answer",
        asked=package_asked(recipe, base),
        debian=(),
        sources=recipe.build.sources,
    )
    write_package_lock(own, recipe.lock_file)
