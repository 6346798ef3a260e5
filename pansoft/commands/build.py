# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft build`: recipes become images."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from builder.executors.executor import BaseDone, Executor, Failed, Outcome, PackageDone, Plan
from builder.executors.local import Local
from builder.images.build import BuildOptions
from builder.images.plan import BasePlan
from core.canonical import Json, readable_json
from core.console import Console
from core.errors import EXIT_DONE
from pansoft import workspace
from pansoft.build_options import ceiling, ceiling_options
from pansoft.context import Context
from pansoft.explain import explain


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default="cores",
    help="How many are built at once.",
)
@ceiling_options
@click.option(
    "--keep",
    is_flag=True,
    help="Leave the sandboxes, to look into: pansoft shell NAME --at-failure",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def build(
    context: Context,
    *,
    names: tuple[str, ...],
    jobs: int,
    max_time: int,
    max_memory: int,
    max_disk: int,
    keep: bool,
    as_json: bool,
) -> int:
    """Build the images of the recipes NAMES, offline and as an ordinary user.

    A plan that is built already is left alone. One that fails does not hold the others back, and is
    explained at the end; the name of a base makes that base.

    Example: pansoft build hdf5-tools
    """
    plans = workspace.plans_named(context, names)
    executor: Executor = Local(
        workspace.state_of(context),
        workspace.builder_of(context),
        context.console,
        jobs,
        BuildOptions(keep=keep, ceiling=ceiling(max_time, max_memory, max_disk)),
    )
    outcomes = run(executor, plans, console=context.console, quiet=as_json)
    if as_json:
        click.echo(readable_json([row(outcomes[plan.id]) for plan in plans]), nl=False)
    return status_of(plans, outcomes)


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
                    tell(outcome)
    if not quiet:
        for outcome in outcomes.values():
            if isinstance(outcome, Failed):
                tell(outcome)
    return outcomes


def tell(outcome: Outcome) -> None:
    """Print how one plan went."""
    name = title(outcome.plan)
    match outcome:
        case Failed(stage=stage, error=error):
            click.echo(f"{name}: {stage} failed", err=True)
            explain(error)
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
