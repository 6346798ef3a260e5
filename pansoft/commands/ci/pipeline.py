# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci pipeline`: the child pipeline that builds and tests what a branch changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from builder.images.plan import BuildPlan
from builder.recipes.recipe import Install, Recipe
from core.errors import UserError
from core.files import write_atomic
from pansoft import workspace
from pansoft.changes import TRIED, changes_since
from pansoft.ci.pipeline import JOBS, TAG, Previewed, child_pipeline, jobs_of
from pansoft.ci.preview import (
    DAYS,
    DAYS_VARIABLE,
    MOST_DAYS,
    MOST_NUMBER,
    MOST_PACKAGES,
    is_previewable,
)
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    metavar="REV",
    help="The packages whose image or tests differ from where the checkout left this branch.",
)
@click.option(
    "--jobs",
    "most",
    type=click.IntRange(min=1),
    default=JOBS,
    show_default=True,
    help="How many jobs of packages at most; beyond that several packages share one.",
)
@click.option(
    "--merge-request",
    "number",
    envvar="CI_MERGE_REQUEST_IID",
    type=click.IntRange(1, MOST_NUMBER),
    help="The merge request that gets a preview; in a pipeline GitLab says it, without it there is none.",
)
@click.option(
    "--preview-days",
    envvar=DAYS_VARIABLE,
    type=click.IntRange(0, MOST_DAYS),
    default=DAYS,
    show_default=True,
    help="For how long the packages can be tried before they are merged; 0 for no preview.",
)
@click.option("--tag", default=TAG, show_default=True, help="The tag of the runners that build.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default it is printed.",
)
@click.pass_obj
def pipeline(
    context: Context,
    *,
    names: tuple[str, ...],
    since: str | None,
    most: int,
    number: int | None,
    preview_days: int,
    tag: str,
    output: Path | None,
) -> None:
    """Write the pipeline that builds and tests the recipes NAMES, or what a branch changes.

    GitLab starts it with `trigger: include`; each of its lines is a command that can be pasted.

    Example: pansoft ci pipeline --since origin/main --output child.yml
    """
    if bool(names) == bool(since):
        raise UserError(
            "it takes either NAMES or --since REV",
            hint="for a merge request: pansoft ci pipeline --since origin/main",
        )
    found = changes_since(context, since) if since else None
    tried = tuple(item.key for item in found.recipes if item.kind in TRIED) if found else ()
    keys = names or tried
    recipes = workspace.recipes_named(context, keys) if keys else ()
    jobs = jobs_of(_plans(context, recipes), most=most)
    preview = None
    if number is not None and preview_days:
        preview = Previewed(_previewable(recipes), number, preview_days)
    left = found.commit if found else None
    text = child_pipeline(jobs, tag=tag, preview=preview, since=left)
    if output is None:
        click.echo(text, nl=False)
        return
    write_atomic(output, text)
    packages = sum(len(job.targets) for job in jobs if not job.is_base)
    bases = sum(job.is_base for job in jobs)
    counts = ((packages, "package"), (len(jobs) - bases, "job"), (bases, "base"))
    told = [f"{count} {word}{'s' * (count != 1)}" for count, word in counts]
    click.echo("{} in {} on {}: {}".format(*told, output), err=True)


def _previewable(recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """Return the packages that everybody may be given, the first ones where there are many."""
    return tuple(recipe.key for recipe in recipes if is_previewable(recipe))[:MOST_PACKAGES]


def _plans(context: Context, recipes: Sequence[Recipe]) -> tuple[BuildPlan, ...]:
    """Return the plans of recipes; one that only a site can install is passed over.

    Raises:
        UserError: one has no plan, for instance for want of a lock.
    """
    bases: workspace.BasePlans = {}
    return tuple(
        workspace.plan_of(context, recipe, bases)
        for recipe in recipes
        if recipe.install is Install.PUBLISHER and recipe.retire is None
    )
