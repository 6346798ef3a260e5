# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft test`: run a recipe's tests in its image."""

from __future__ import annotations

from pathlib import Path

import click

from builder.executors.executor import named
from builder.images import build as building
from builder.recipes.folders import key_of
from builder.recipes.load import load_recipe
from builder.recipes.recipe import Recipe
from builder.testing import proofs, reports
from builder.testing.run import id_of_tests, test_image
from core import reports as problem_reports
from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_USER, UserError
from core.events import Stage
from core.files import write_atomic
from pansoft import proving, workspace
from pansoft.context import Context
from pansoft.explain import explain
from pansoft.proving import Proving


@click.command()
@click.argument("names", nargs=-1)
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the same as --format json.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write NAME.json and NAME.xml (JUnit) into this folder.",
)
@click.option(
    "--prove",
    is_flag=True,
    help="Run the tests where they have to fail: without the program, and with commands that do "
    "nothing. Without NAMES, those of all images that are built.",
)
@click.pass_obj
def test(
    context: Context,
    *,
    names: tuple[str, ...],
    form: str,
    as_json: bool,
    output: Path | None,
    prove: bool,
) -> int:
    """Run the tests of the recipes NAMES in their images: confined, offline, as an ordinary user.

    Ends with status 2 where a test failed; with --prove, where one passes without its program.

    Example: pansoft test hdf5-tools --prove
    """
    form = "json" if as_json else form
    if prove:
        if form == "junit" or output is not None:
            raise click.UsageError("--prove speaks text and --json, and writes no reports")
        return _tell(proving.prove_named(context, names), as_json=form == "json")
    if not names:
        raise click.UsageError("name the recipes to test; only --prove goes through all of them")
    folders = workspace.folders_named(context, names)
    return max(_outcome(context, folder, len(folders), form, output) for folder in folders)


test.__test__ = False  # type: ignore[attr-defined]  # a verb, not a test


def _outcome(context: Context, folder: Path, count: int, form: str, output: Path | None) -> int:
    """Return the exit code for one recipe of `count`; one that cannot be tested holds no other back."""
    try:
        passed = _test(context, load_recipe(folder), form=form, output=output)
    except UserError as err:
        if count == 1:
            raise
        click.echo(f"{key_of(folder)}: not tested", err=True)
        explain(err)
        return err.exit_code
    return EXIT_DONE if passed else EXIT_USER


def _test(context: Context, recipe: Recipe, *, form: str, output: Path | None) -> bool:
    """Run the tests of one recipe, print and write how they went, and return whether they passed."""
    state, user = workspace.state_of(context), workspace.builder_of(context)
    plan = workspace.plan_of(context, recipe)
    with context.events.stage(Stage.BUILD, *named(plan)) as note:
        made = building.build(plan, state, user=user, console=context.console)
        note.bytes = made.image.delta_size if made.fresh else 0
        note.reused(not made.fresh)
    with context.events.stage(Stage.TEST, *named(plan)) as note:
        report = test_image(recipe, made.image, state, user=user, console=context.console)
        if not report.passed:
            note.failed(reports.summary(report))
    json_text = readable_json(reports.as_json(report, tests=id_of_tests(recipe)))
    if form != "text" and (failures := reports.failures(report)):
        context.console.say(failures)
    if output is not None:
        write_atomic(output / f"{recipe.key}.json", json_text)
        write_atomic(output / f"{recipe.key}.xml", reports.as_junit(report))
    texts = {"text": reports.as_text(report), "json": json_text, "junit": reports.as_junit(report)}
    click.echo(texts[form].rstrip("\n"))
    return report.passed


def _tell(found: Proving, *, as_json: bool) -> int:
    """Print what tests do without their programs, and return the exit status of that."""
    if as_json:
        click.echo(readable_json([proofs.as_json(proof) for proof in found.proofs]), nl=False)
    else:
        if found.proofs:
            click.echo(proofs.as_text(found.proofs))
        if found.problems:
            click.echo(problem_reports.text(found.problems))
    if found.unbuilt:
        count = len(found.unbuilt)
        click.echo(f"{count} not built, so not asked: {', '.join(found.unbuilt)}", err=True)
    for name, err in found.failures:
        click.echo(f"{name}: could not be asked", err=True)
        explain(err)
    return EXIT_DONE if found.holds else EXIT_USER
