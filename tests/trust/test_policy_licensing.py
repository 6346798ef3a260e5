# SPDX-License-Identifier: BSD-3-Clause
"""The section `licensing` as it is read: the project's own, what it may leave out, what is wrong in one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from builder.recipes.folders import recipe_folders
from builder.recipes.load import load_recipe
from builder.recipes.recipe import Install
from core.files import sha256_file
from trust.policy import Components, Exceptions, check_policy, load_policy

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "trust-policy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's policy, where it may be changed."""
    return Path(shutil.copytree(FOLDER, tmp_path / "trust-policy"))


def changed(folder: Path, old: str, new: str) -> Path:
    file = folder / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_every_review_of_words_is_about_the_words_beside_the_recipe() -> None:
    reviews = [each for each in load_policy(FOLDER).licensing.reviewed if each.text]

    assert reviews
    for review in reviews:
        recipe = load_recipe(ROOT / "recipes" / review.package)
        assert recipe.licence_text is not None
        assert sha256_file(recipe.folder / recipe.licence_text) == review.text


def test_what_is_held_is_what_holders_install() -> None:
    recipes = [load_recipe(folder) for folder in recipe_folders(ROOT)]
    theirs = [recipe.license.spdx for recipe in recipes if recipe.install is Install.SITE]
    asked = {word for words in theirs for word in re.findall(r"LicenseRef-[\w.-]+", words)}

    assert set(load_policy(FOLDER).licensing.held) == asked


def test_nothing_is_both_allowed_and_held() -> None:
    licensing = load_policy(FOLDER).licensing

    assert not set(licensing.held) & {*licensing.allow, *licensing.deny}


def test_a_policy_that_leaves_the_components_out_is_the_stricter_one(folder: Path) -> None:
    file = folder / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    begins, ends = text.index("  components:\n"), text.index("  # Which audiences a package")
    file.write_text(text[:begins] + text[ends:], encoding="utf-8")

    licensing = load_policy(folder).licensing

    assert licensing.components == Components(unknown="refuse", trusted_origins=(), reviewed=())


def test_a_policy_without_exceptions_accepts_them_all(folder: Path) -> None:
    file = folder / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    begins, ends = text.index("  exceptions:\n"), text.index("  # What was read, by whom")
    file.write_text(text[:begins] + text[ends:], encoding="utf-8")

    assert load_policy(folder).licensing.exceptions == Exceptions(("*",), ())


def test_a_review_of_a_component_is_read(folder: Path) -> None:
    review = (
        "      - component: pypi/nvidia-*-cu12\n"
        "        licence: LicenseRef-restricted\n"
        "        packages: [astra-toolbox]\n"
        "        by: Somebody\n"
        '        on: "2026-11-22"\n'
        "        reason: only the runtime files that its EULA lists\n"
    )
    changed(folder, "    reviewed:\n", f"    reviewed:\n{review}")

    found, *_ = load_policy(folder).licensing.components.reviewed

    assert found.covers("pypi/nvidia-cublas-cu12", "astra-toolbox")
    assert not found.covers("pypi/nvidia-cublas-cu12", "mumott")
    assert not found.covers("pypi/nvidia-cublas-cu11", "astra-toolbox")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        pytest.param("    unknown: warn\n", "    unknown: maybe\n", "schema-value", id="unknown"),
        pytest.param("    unknown: warn\n", "", "schema-required", id="unsaid"),
        pytest.param("origin: debian-main", "origin: debian-sid", "schema-value", id="origin"),
        pytest.param(
            "      text: ac5877c9def6dcd20019f23cd6963bd06829cdbc5c72213d7750978cdb030676\n",
            "      text: ac5877\n",
            "schema-pattern",
            id="half a hash",
        ),
        pytest.param("    - LicenseRef-XDS\n", "    - XDS's own\n", "schema-pattern", id="held"),
        pytest.param(
            "      - LLVM-exception\n", "      - LLVM x\n", "schema-pattern", id="exception"
        ),
        pytest.param("    deny: []\n", "    denied: []\n", "schema-unknown", id="another field"),
    ],
)
def test_what_is_wrong_is_named_at_its_line(folder: Path, old: str, new: str, rule: str) -> None:
    [problem] = check_policy(changed(folder, old, new))

    assert problem.rule == rule
    assert problem.where.file.name == "policy.yaml"
    assert problem.where.line > 1
