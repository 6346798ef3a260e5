# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft new`: a first recipe."""

from __future__ import annotations

from pathlib import Path

import click

from builder.recipes.new import new_recipe
from core.errors import UserError
from core.files import write_atomic
from pansoft.context import Context


@click.command()
@click.argument("name")
@click.option("--from-pypi", metavar="REQUIREMENT", help="Begin from a Python package.")
@click.option("--from-debian", metavar="PACKAGE", help="Begin from a Debian package.")
@click.option(
    "--from-source", metavar="URL", help="Begin from a source archive: its address, or a file."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of all recipes; by default recipes/ of the project.",
)
@click.pass_obj
def new(
    context: Context,
    *,
    name: str,
    from_pypi: str | None,
    from_debian: str | None,
    from_source: str | None,
    output: Path | None,
) -> None:
    """Write a first recipe that passes `pansoft check`, and print its path.

    Version, licence, home page and commands come from the Python or the Debian package, or from the
    files of a source archive: then with a script that builds it.

    Example: pansoft new fabio --from-pypi fabio
    """
    file = (output or context.recipes) / name / "recipe.yaml"
    if file.exists():
        raise UserError(f"{file} is there already", hint=f"edit it, or run: pansoft check {name}")
    text = new_recipe(name, from_pypi=from_pypi, from_debian=from_debian, from_source=from_source)
    write_atomic(file, text)
    context.console.say(f"edit it, then run: pansoft check {name} && pansoft lock {name}")
    click.echo(str(file))
