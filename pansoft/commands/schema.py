# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft schema`: the JSON Schema of a recipe, for editors."""

from __future__ import annotations

import click

from builder.recipes import manual
from core.canonical import readable_json


@click.command()
@click.option("--base", is_flag=True, help="The schema of a base, not of a recipe.")
def schema(*, base: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of a recipe.

    Example: pansoft schema > recipe.schema.json
    """
    chosen = manual.base_json_schema() if base else manual.recipe_json_schema()
    click.echo(readable_json(chosen), nl=False)
