# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft diff`: how two images differ."""

from __future__ import annotations

import re
from pathlib import Path

import click

from builder.evidence import difference as comparing
from builder.evidence.holdings import read_holdings
from builder.images import sandbox
from builder.images.built import read_built
from builder.stages import PlanId
from builder.state import State
from core.canonical import readable_json
from core.errors import UserError
from pansoft import workspace
from pansoft.context import Context

_PLAN = re.compile(r"[0-9a-f]{8,64}")


@click.command("diff")
@click.argument("one")
@click.argument("other")
@click.option("--all", "all_files", is_flag=True, help="Name every file, not the first twenty.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def diff(context: Context, *, one: str, other: str, all_files: bool, as_json: bool) -> None:
    """Say how the image OTHER differs from ONE: packages, files, sizes, environment.

    Each is a .sif file, the folder of a published version, the name of a recipe whose image is
    built, or the beginning of a built plan's id.

    Example: pansoft diff var/images/0f3a91c2 hdf5-tools
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    paths = [_image(context, state, name) for name in (one, other)]
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        first, second = (read_holdings(path, user=user, scratch=scratch) for path in paths)
        found = comparing.difference(first, second, user=user, scratch=scratch)
    if as_json:
        click.echo(readable_json(comparing.as_json(found)), nl=False)
    else:
        click.echo(comparing.text(found, files=None if all_files else 20))


def _image(context: Context, state: State, name: str) -> Path:
    """Return the image that a word of the command line means."""
    path = Path(name)
    if "/" in name or path.suffix == ".sif" or path.is_dir():
        found = sorted(path.glob("*.sif")) if path.is_dir() else [path]
        if len(found) != 1 or not found[0].is_file():
            raise UserError(f"there is no image at {name}", hint="name a .sif file or its folder")
        return found[0].absolute()
    if _PLAN.fullmatch(name):
        folders = sorted((state.folder / "images").glob(f"{name}*/image.json"))
        if len(folders) > 1:
            raise UserError(f"{len(folders)} built plans begin with {name}", hint="give more of it")
        if folders and (made := read_built(PlanId(folders[0].parent.name), state)) is not None:
            return made.image.path
    (recipe,) = workspace.recipes_named(context, [name])
    made = read_built(workspace.plan_of(context, recipe).id, state)
    if made is None:
        raise UserError(
            f"{recipe.name} {recipe.version} is not built as its recipe and lock are now",
            hint=f"pansoft build {recipe.name}",
        )
    return made.image.path
