# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft test`: run a recipe's tests in its image."""

from __future__ import annotations

from pathlib import Path

import click

from builder.images import build as building
from builder.testing import reports
from builder.testing.run import id_of_tests, test_image
from core.canonical import readable_json
from core.errors import EXIT_USER
from core.files import write_atomic
from pansoft import workspace
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write NAME.json and NAME.xml (JUnit) into this folder.",
)
@click.pass_obj
def test(context: Context, *, names: tuple[str, ...], form: str, output: Path | None) -> int:
    """Run the tests of the recipes NAMES in their images: confined, offline, as an ordinary user.

    Ends with status 2 where a test failed.

    Example: pansoft test hdf5-tools
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    passed = True
    for recipe in workspace.recipes_named(context, names):
        plan = workspace.plan_of(context, recipe)
        made = building.build(plan, state, user=user, console=context.console)
        report = test_image(recipe, made.image, state, user=user, console=context.console)
        passed = passed and report.passed
        json_text = readable_json(reports.as_json(report, tests=id_of_tests(recipe)))
        if form != "text" and (failures := reports.failures(report)):
            context.console.say(failures)
        if output is not None:
            write_atomic(output / f"{recipe.name}.json", json_text)
            write_atomic(output / f"{recipe.name}.xml", reports.as_junit(report))
        texts = {
            "text": reports.as_text(report),
            "json": json_text,
            "junit": reports.as_junit(report),
        }
        click.echo(texts[form].rstrip("\n"))
    return 0 if passed else EXIT_USER


test.__test__ = False  # type: ignore[attr-defined]  # a verb, not a test
