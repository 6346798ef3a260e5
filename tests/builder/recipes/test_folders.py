# SPDX-License-Identifier: BSD-3-Clause
"""Where recipes lie: current versions, and those that are kept beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.check import check
from builder.recipes.folders import key_of, place_of, place_of_key, recipe_folders
from builder.recipes.load import load_recipe
from tests.builder.recipes.projects import RECIPE, make_project


def keep(project: Path, folder: str, version: str) -> Path:
    """Write a version of the recipe into a folder of `versions`, and return that."""
    kept = project / "recipes" / "plotter" / "versions" / folder
    kept.mkdir(parents=True)
    text = RECIPE.replace("version: 5.4.4", f"version: {version}")
    (kept / "recipe.yaml").write_text(text, encoding="utf-8")
    return kept


def test_kept_versions_follow_the_current_one(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    kept = keep(project, "5.4.3", "5.4.3")

    assert [key_of(folder) for folder in recipe_folders(project)] == ["plotter", "plotter@5.4.3"]
    assert [place_of(folder) for folder in recipe_folders(project)] == [
        "recipes/plotter",
        "recipes/plotter/versions/5.4.3",
    ]
    for folder in recipe_folders(project):
        assert place_of_key(key_of(folder)) == place_of(folder)
    recipe = load_recipe(kept)
    assert (recipe.name, recipe.version, recipe.key, recipe.is_kept) == (
        "plotter",
        "5.4.3",
        "plotter@5.4.3",
        True,
    )
    report = check(project)
    assert report.passed
    assert [recipe.key for recipe in check(project, ["plotter@5.4.3"]).recipes] == ["plotter@5.4.3"]


@pytest.mark.parametrize(
    ("version", "has_current", "said"),
    [
        ("5.4.2", True, "the version is '5.4.2', but the folder is '5.4.3'"),
        ("5.4.3", False, "there is no current version of plotter that this one is kept beside"),
    ],
)
def test_a_kept_version_lies_in_its_place(
    tmp_path: Path, *, version: str, has_current: bool, said: str
) -> None:
    project = make_project(tmp_path)
    keep(project, "5.4.3", version)
    if not has_current:
        (project / "recipes" / "plotter" / "recipe.yaml").unlink()

    found = [p for p in check(project, ["plotter@5.4.3"]).problems if p.rule == "recipe-kept"]

    assert [problem.message for problem in found] == [said]
