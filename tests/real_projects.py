# SPDX-License-Identifier: BSD-3-Clause
"""Projects that really build: one recipe of a script, on this project's base and under its policy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from builder.inputs.lock import (
    PackageLock,
    package_asked,
    read_base_lock,
    write_base_lock,
    write_package_lock,
)
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
    lock_recipe(root, "plotter", "debian-12")
    return root


def add_recipe(root: Path, name: str, script: str, *, base: str = "debian-12") -> None:
    """Add another recipe of a script, one line, to a real project."""
    recipe = RECIPE.replace("  apt:\n    - gnuplot-nox", f"  script: |\n    {script}")
    folder = root / "recipes" / name
    folder.mkdir()
    recipe = recipe.replace("name: plotter", f"name: {name}").replace("debian-12", base)
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    lock_recipe(root, name, base)


def keep_version(root: Path, name: str, version: str, script: str) -> None:
    """Keep another version beside a recipe of a script, with a script of its own."""
    current = root / "recipes" / name
    text = (current / "recipe.yaml").read_text(encoding="utf-8")
    recipe = load.load_recipe(current)
    text = text.replace(f"version: {recipe.version}", f"version: {version}")
    assert recipe.build.script is not None
    text = text.replace(recipe.build.script.strip(), script)
    folder = current / "versions" / version
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    lock_recipe(root, name, recipe.base, folder=folder)


def add_broken_base(root: Path, name: str) -> None:
    """Add a base that has every input and cannot be made: its lock leaves the C library out."""
    folder = root / "recipes" / "bases" / name
    shutil.copytree(root / "recipes" / "bases" / "debian-12", folder)
    file = folder / "base.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("name: debian-12\n", f"name: {name}\n"), encoding="utf-8")
    lock = read_base_lock(load.load_base(root / "recipes" / "bases" / "debian-12"))
    system = tuple(package for package in lock.system if package.name != "libc6")
    recipe = load.load_base(folder)
    write_base_lock(replace(lock, name=name, system=system), recipe.lock_file)


def lock_recipe(root: Path, name: str, base: str, *, folder: Path | None = None) -> None:
    """Lock a recipe of a script on its base as they stand."""
    recipe = load.load_recipe(folder or root / "recipes" / name)
    lock = read_base_lock(load.load_base(root / "recipes" / "bases" / base))
    write_package_lock(PackageLock(name, package_asked(recipe, lock), lock.id), recipe.lock_file)
