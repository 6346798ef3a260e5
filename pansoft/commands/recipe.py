# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft recipe`: a recipe as this program understands it."""

from __future__ import annotations

from pathlib import Path

import click

from builder.images.equivalent import equivalent
from builder.images.plan import BuildPlan
from builder.recipes.definition import definition_text
from builder.recipes.recipe import Recipe
from core.canonical import readable_json
from core.errors import UserError
from pansoft import workspace
from pansoft.context import Context


@click.group()
def recipe() -> None:
    """Look at one recipe."""


@recipe.command()
@click.argument("name")
@click.option("--definition", is_flag=True, help="Print a plain Apptainer definition file.")
@click.option(
    "--base",
    type=click.Path(exists=True, path_type=Path),
    metavar="IMAGE",
    help="With --definition: begin from this image, or unpacked folder, of the base.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(
    context: Context, *, name: str, definition: bool, base: Path | None, as_json: bool
) -> None:
    """Show what the recipe NAME comes to: its plan, its base, its inputs.

    With --definition, the definition file for `apptainer build` that gives the same programs, for
    somebody without pansoft.

    Example: pansoft recipe show hdf5-tools --definition
    """
    if definition and as_json:
        raise UserError("--definition prints a definition file, which is not JSON: leave one out")
    if base is not None and not definition:
        raise UserError("--base belongs to --definition", hint=f"pansoft recipe show {name}")
    (wanted,) = workspace.recipes_named(context, [name])
    plan = workspace.plan_of(context, wanted)
    if definition:
        text = definition_text(equivalent(wanted, plan, base=base.absolute() if base else None))
        click.echo(text, nl=False)
    elif as_json:
        click.echo(readable_json(_as_json(wanted, plan)), nl=False)
    else:
        for label, value in _rows(wanted, plan):
            click.echo(f"{label:<12} {value}")


def _as_json(wanted: Recipe, plan: BuildPlan) -> dict[str, object]:
    return {
        "name": wanted.name,
        "version": wanted.version,
        "title": wanted.title,
        "summary": wanted.summary,
        "license": wanted.license.spdx,
        "redistribution": wanted.license.redistribution,
        "base": {"name": plan.base.name, "id": plan.base.id},
        "plan": plan.id,
        "inputs": _counts(plan),
        "commands": [command.name for command in wanted.commands],
        "tests": [{"name": test.name, "kind": test.kind} for test in wanted.tests],
        "environment": dict(plan.environment),
        "channel": wanted.release.channel,
        "delivery": wanted.delivery,
    }


def _counts(plan: BuildPlan) -> dict[str, int]:
    return {
        "debian": len(plan.debian),
        "tools": len(plan.tools),
        "python": len(plan.python),
        "sources": len(plan.sources),
        "files": len(plan.files),
    }


def _rows(wanted: Recipe, plan: BuildPlan) -> list[tuple[str, str]]:
    counts = [f"{count} {kind}" for kind, count in _counts(plan).items() if count]
    rows = [
        ("name", f"{wanted.name} {wanted.version}"),
        ("summary", wanted.summary),
        ("licence", f"{wanted.license.spdx}, redistribution {wanted.license.redistribution}"),
        ("base", f"{plan.base.name} {plan.base.id[:12]}"),
        ("plan", plan.id),
        ("inputs", ", ".join(counts) or "none"),
        ("commands", " ".join(command.name for command in wanted.commands) or "none"),
        *(("test", f"{test.name} ({test.kind})") for test in wanted.tests),
        ("channel", wanted.release.channel),
    ]
    return [(label, str(value)) for label, value in rows]
