# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft schema`: the JSON Schema of a recipe, for editors, and the manual made from it."""

from __future__ import annotations

from pathlib import Path

import click

from builder.recipes import manual
from core.canonical import readable_json
from pansoft.context import Context


@click.command()
@click.option("--base", is_flag=True, help="The schema of a base, not of a recipe.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the manual and both schemas into this folder instead.",
)
@click.pass_obj
def schema(context: Context, *, base: bool, output: Path | None) -> None:
    """Print the JSON Schema (draft 2020-12) of a recipe.

    Example: pansoft schema > recipe.schema.json
    """
    if output is not None:
        for path in manual.write(context.project, output):
            context.console.say(f"wrote {path}")
        return
    chosen = manual.base_json_schema() if base else manual.recipe_json_schema()
    click.echo(readable_json(chosen), nl=False)
