# SPDX-License-Identifier: BSD-3-Clause
"""The manual says what the schema says, and is fresh."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from builder.recipes import manual, rules, schema
from builder.recipes.folders import recipe_folders
from core import strict_yaml
from core.errors import UserError
from core.schema import Schema, fields
from pansoft.commands.schema import schema as command

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("document", [schema.RECIPE, schema.BASE], ids=["recipe", "base"])
def test_every_field_has_a_description(document: Schema) -> None:
    bare = [field.path for field in fields(document) if not field.description]

    assert bare == []


@pytest.mark.parametrize("name", manual.pages(ROOT))
def test_the_generated_file_is_fresh(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert committed == manual.pages(ROOT)[name], "run: pansoft docs"


def test_without_the_recipe_that_it_shows_there_is_no_manual(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"recipes/hdf5-tools/recipe\.yaml is not there"):
        manual.pages(tmp_path)


def test_the_json_schema_accepts_every_recipe() -> None:
    validator = jsonschema.Draft202012Validator(manual.recipe_json_schema())
    validator.check_schema(manual.recipe_json_schema())

    for folder in recipe_folders(ROOT):
        value = strict_yaml.load(folder / "recipe.yaml").value
        assert [error.message for error in validator.iter_errors(value)] == [], folder.name


def test_every_rule_that_is_listed_is_used_and_every_used_one_is_listed() -> None:
    source = Path(rules.__file__).read_text(encoding="utf-8")
    head, body = (
        source.split('"""\n', 2)[1:] if source.startswith('"""') else source.split('"""\n', 1)
    )
    listed = {word for word in head.split("`") if word.startswith("recipe-")}
    for module in ("looking", "rules_of_tests"):
        file = Path(rules.__file__).with_name(f"{module}.py")
        body += file.read_text(encoding="utf-8")
    used = {word for word in body.split('"') if word.startswith("recipe-")}

    assert used == listed - {"recipe-missing"}  # that one is builder.load's


def test_the_command_prints_the_schemas() -> None:
    printed = CliRunner().invoke(command, [])
    of_bases = CliRunner().invoke(command, ["--base"])

    assert printed.output == manual.pages(ROOT)["recipe.schema.json"]
    assert of_bases.output == manual.pages(ROOT)["base.schema.json"]
