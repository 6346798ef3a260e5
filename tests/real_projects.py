# SPDX-License-Identifier: BSD-3-Clause
"""Projects that really build: one recipe of a script, on this project's base and under its policy."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.inputs.lock import PackageLock, package_asked, read_base_lock, write_package_lock
from builder.recipes import load
from tests.builder.recipes.projects import RECIPE, make_project

ROOT = Path(__file__).parents[1]
PLOT = r"mkdir $PREFIX/bin; printf '#!/bin/sh\necho plotted\n' > $PREFIX/bin/plot; chmod 755 $PREFIX/bin/plot"


def real_project(root: Path, script: str = PLOT, *, changes: dict[str, str] | None = None) -> Path:
    """Write a project with the recipe `plotter`, locked, and return it.

    Args:
        root: its folder; what is there already is overwritten.
        script: the recipe's script, one line.
        changes: texts of the recipe and what to write in their place.
    """
    recipe = RECIPE.replace("  apt:\n    - gnuplot-nox", f"  script: |\n    {script}")
    for old, new in (changes or {}).items():
        assert recipe.count(old) == 1, old
        recipe = recipe.replace(old, new)
    make_project(root, recipe=recipe)
    base_folder = root / "recipes" / "bases" / "debian-12"
    shutil.copytree(ROOT / "recipes" / "bases" / "debian-12", base_folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / "trust-policy", root / "trust-policy", dirs_exist_ok=True)
    loaded = load.load_recipe(root / "recipes" / "plotter")
    base = read_base_lock(load.load_base(base_folder))
    lock = PackageLock("plotter", package_asked(loaded, base), base.id)
    write_package_lock(lock, loaded.lock_file)
    return root
