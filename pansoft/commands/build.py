# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft build`: recipes become images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from builder.executors.executor import (
    BaseDone,
    Executor,
    Failed,
    Outcome,
    PackageDone,
    Plan,
    Stage,
    base_is_built,
)
from builder.images.build import BuildOptions
from builder.images.built import read_built
from builder.images.plan import BasePlan
from builder.inputs.downloads import take as take_downloads
from builder.recipes import schema
from builder.stages import PlanId
from core.canonical import Json, readable_json
from core.console import Console
from core.errors import EXIT_DONE
from pansoft import workspace
from pansoft.build_options import ceiling, ceiling_options
from pansoft.context import Context
from pansoft.executors import Choice, Kind, executor_of, executor_options, slurm_of
from pansoft.explain import explain


@click.command()
@click.argument("names", nargs=-1, required=True)
@executor_options
@ceiling_options
@click.option(
    "--keep",
    is_flag=True,
    help="Leave the sandboxes, to look into: pansoft shell NAME --at-failure",
)
@click.option(
    "--download",
    "downloads",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="install: site: a file that you have downloaded under a licence of yours; it is kept in "
    "the state folder. May be repeated.",
)
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="SHA256",
    help="install: site: the sha256 of a download that the recipe does not list; compare it with "
    "what its makers say first.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be built, and build nothing.")
@click.option("--cancel", is_flag=True, help="SLURM: cancel the jobs that build NAMES.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def build(
    context: Context,
    *,
    names: tuple[str, ...],
    choice: Choice,
    max_time: int,
    max_memory: int,
    max_disk: int,
    keep: bool,
    downloads: tuple[Path, ...],
    confirmed: tuple[str, ...],
    dry_run: bool,
    cancel: bool,
    as_json: bool,
) -> int:
    """Build the images of the recipes NAMES, offline and as an ordinary user.

    A plan that is built already is left alone. One that fails does not hold the others back, and is
    explained at the end; the name of a base makes that base. On a cluster, a command that was stopped
    is run again: it finds its jobs and follows them.

    Example: pansoft build hdf5-tools
    """
    if downloads or confirmed:
        _keep_downloads(context, names, downloads, confirmed)
    plans = workspace.plans_named(context, names)
    if cancel:
        count = slurm_of(context, choice).cancel(plans)
        click.echo(f"cancelled the jobs of {count} of {len(plans)}")
        return EXIT_DONE
    if dry_run:
        tell_dry_run(context, plans, choice)
        return EXIT_DONE
    options = BuildOptions(keep=keep, ceiling=ceiling(max_time, max_memory, max_disk))
    executor = executor_of(context, choice, options)
    outcomes = run(executor, plans, console=context.console, quiet=as_json)
    if as_json:
        click.echo(readable_json([row(outcomes[plan.id]) for plan in plans]), nl=False)
    return status_of(plans, outcomes)


def _keep_downloads(
    context: Context, names: Sequence[str], files: Sequence[Path], confirmed: Sequence[str]
) -> None:
    if len(names) != 1:
        raise click.UsageError("--download and --confirm are about one recipe: name that one")
    if wrong := [text for text in confirmed if not re.fullmatch(schema.SHA256, text)]:
        raise click.UsageError(f"--confirm takes a sha256 of 64 hexadecimal digits, not {wrong[0]}")
    [recipe] = workspace.recipes_named(context, names)
    take_downloads(recipe, files, workspace.state_of(context), confirmed=confirmed)


def run(
    executor: Executor, plans: Sequence[Plan], *, console: Console, quiet: bool
) -> dict[str, Outcome]:
    """Return how each plan went, by its id; tell it as it comes, and what failed at the end."""
    outcomes: dict[str, Outcome] = {}
    with console.board("build", len(plans)) as board:
        for outcome in executor.run(plans):
            outcomes[outcome.plan.id] = outcome
            failed = isinstance(outcome, Failed)
            board.advance(failed=failed)
            if failed and len(plans) > 1:
                console.say(f"{title(outcome.plan)}: failed, told at the end")
            elif not failed and not quiet:
                with console.aside():
                    tell(outcome, told=set())
    told: set[int] = set()
    if not quiet:
        for outcome in outcomes.values():
            if isinstance(outcome, Failed):
                tell(outcome, told=told)
    return outcomes


def tell_dry_run(context: Context, plans: Sequence[Plan], choice: Choice) -> None:
    """Print what would be built; on a cluster, what would be submitted and what it says to that."""
    if choice.kind is Kind.SLURM:
        for line in slurm_of(context, choice).try_out(plans):
            click.echo(line)
        return
    for plan in plans:
        state = workspace.state_of(context)
        is_base = isinstance(plan, BasePlan)
        there = base_is_built(plan.id, state) if is_base else read_built(PlanId(plan.id), state)
        click.echo(f"{title(plan)} {'is built already' if there else 'would be built'}")


def tell(outcome: Outcome, *, told: set[int]) -> None:
    """Print how one plan went; `told` are the errors, by identity, that were explained before."""
    name = title(outcome.plan)
    match outcome:
        case Failed(plan=plan, stage=stage, error=error):
            if stage is Stage.BASE and not isinstance(plan, BasePlan):
                click.echo(f"{name}: held back by its base {plan.base.name}", err=True)
            else:
                click.echo(f"{name}: {stage} failed", err=True)
            if id(error) not in told:  # once, however many plans a base holds back
                explain(error)
                told.add(id(error))
        case PackageDone(built=done):
            word = "built" if done.fresh else "was built already, nothing to do:"
            click.echo(f"{name} {word} {done.image.path}\n    sha256 {done.image.sha256}")
        case BaseDone(base=base):
            word = "built" if outcome.fresh else "was built already, nothing to do:"
            click.echo(f"{name} {word} {base.squashfs}\n    sha256 {base.sha256}")


def title(plan: Plan) -> str:
    """Return a plan's name as people say it."""
    return f"{plan.name} {plan.version}" if not isinstance(plan, BasePlan) else plan.name


def row(outcome: Outcome) -> dict[str, Json]:
    """Return how one plan went as JSON; sizes in bytes."""
    plan = outcome.plan
    common: dict[str, Json] = {"name": plan.name, "plan": plan.id}
    if not isinstance(plan, BasePlan):
        common["version"] = plan.version
    match outcome:
        case Failed(stage=stage, error=error):
            return {**common, "failed": str(stage), "message": error.message, "hint": error.hint}
        case PackageDone(built=done):
            return {
                **common,
                "image": str(done.image.path),
                "sha256": done.image.sha256,
                "size": done.image.size,
                "delta_size": done.image.delta_size,
                "fresh": done.fresh,
            }
        case BaseDone(base=base, fresh=fresh):
            return {
                **common,
                "image": str(base.squashfs),
                "sha256": base.sha256,
                "size": base.size,
                "fresh": fresh,
            }


def status_of(plans: Sequence[Plan], outcomes: dict[str, Outcome]) -> int:
    """Return the exit status that follows from how the plans went."""
    failed = [end for plan in plans if isinstance(end := outcomes[plan.id], Failed)]
    return max((end.error.exit_code for end in failed), default=EXIT_DONE)
