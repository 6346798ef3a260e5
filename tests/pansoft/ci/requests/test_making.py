# SPDX-License-Identifier: BSD-3-Clause
"""The words of a form change their own fields of a recipe, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.facts import Facts
from builder.recipes.new import recipe_text
from builder.recipes.recipe import Recipe
from pansoft.ci.requests import making
from pansoft.ci.requests.form import Form, Origin
from pansoft.ci.requests.making import NotThere
from tests.real_projects import ROOT

FACTS = Facts(
    title="Drawer", version="1.0", summary="Draws.", pip=("drawer==1.0",), module="drawer"
)
FORM = Form(Origin.PYPI, "drawer", None, None, None, "It computes.", None, None)
WORDS = [
    "x\nname: evil",
    'x"\nbuild:\n  script: |\n    id',
    "x\n  script: id",
    "'", '"', "\\", "|", ">", "- x", "? x", "!!x", "&x *x", "%YAML 1.1", "---", "...", "# x", "x #y",
    "a: b", "{x: 1}", "[x]", "true", "null", "~", "0x1f", "1e3", "1:30", "<<", "=", "  x  ", "x:",
]  # fmt: skip


def recipe_of(folder: Path, facts: Facts) -> Recipe:
    folder.mkdir(exist_ok=True)
    return making._read(folder, recipe_text("drawer", facts))[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bases").symlink_to(ROOT / "recipes" / "bases")
    return tmp_path / "drawer"


@pytest.mark.parametrize("words", WORDS)
def test_whatever_they_are_they_are_words(folder: Path, words: str) -> None:
    form = replace(FORM, summary=" ".join(words.split()), purpose=words)
    plain = recipe_of(folder, replace(FACTS, maintainer="Ana"))

    worded = recipe_of(folder, making._worded(FACTS, form, "Ana"))

    making._check_words(plain, worded)
    assert worded.summary == form.summary
    assert worded.description.split() == words.split()
    assert worded.build == plain.build


@pytest.mark.parametrize(
    "change",
    [
        {"name": "evil"},
        {"version": "2"},
        {"source": "https://evil.example.org"},
        {"environment": (("PATH", "/tmp"),)},
        {"retire": "x"},
    ],
    ids=str,
)
def test_more_than_words_is_refused(folder: Path, change: dict[str, Any]) -> None:
    plain = recipe_of(folder, FACTS)

    with pytest.raises(NotThere, match="its words change more of the recipe"):
        making._check_words(plain, replace(plain, **change))
