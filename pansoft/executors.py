# SPDX-License-Identifier: BSD-3-Clause
"""Who builds, as the command line says it: the options of `build` and `apply`."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import click

from builder.executors.executor import Executor
from builder.executors.local import Local
from builder.executors.slurm import Slurm
from builder.executors.slurm_cli import Options
from builder.images.build import DEFAULT, BuildOptions
from builder.recipes.recipe import NO_LIMIT
from core.errors import UserError
from core.event_log import NOWHERE
from pansoft import workspace
from pansoft.context import Context


class Kind(StrEnum):
    """The executors that there are."""

    LOCAL = "local"
    SLURM = "slurm"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of who builds; `jobs` is None where it says nothing."""

    kind: Kind
    jobs: int | None
    slurm: Options

    @property
    def at_once(self) -> int:
        """Return how many things this machine does at once."""
        return self.jobs or os.cpu_count() or 1


def executor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who builds to a click command, which is given one `choice`."""
    options = (
        click.option(
            "--executor",
            type=click.Choice([str(kind) for kind in Kind]),
            default=str(Kind.LOCAL),
            show_default=True,
            help="Who builds: this machine, or the jobs of a SLURM cluster.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(1, 10_000),
            help="How many are built at once: by default as many as there are cores, on a cluster "
            "as many as it lets run.",
        ),
        click.option("--partition", help="SLURM: the partition of the jobs."),
        click.option("--account", help="SLURM: the account that they are charged to."),
        click.option("--time", help="SLURM: how long one build may take, as in 1:30:00."),
        click.option("--cpus", type=click.IntRange(1), help="SLURM: the processors of one build."),
        click.option("--memory", help="SLURM: the memory of one build, as in 8G."),
    )

    @functools.wraps(command)
    def chosen(*args: Any, **given: Any) -> Any:
        slurm = {
            name: given.pop(name) for name in ("partition", "account", "time", "cpus", "memory")
        }
        kind = Kind(given.pop("executor"))
        named = [f"--{name}" for name, value in slurm.items() if value is not None]
        if named and kind is not Kind.SLURM:
            raise click.UsageError(f"{', '.join(named)}: only with --executor slurm")
        return command(*args, choice=Choice(kind, given.pop("jobs"), Options(**slurm)), **given)

    decorated: Callable[..., Any] = chosen
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def executor_of(context: Context, choice: Choice, options: BuildOptions = DEFAULT) -> Executor:
    """Return who builds, and with which options.

    Raises:
        UserError: this machine cannot build and shall.
    """
    state = workspace.state_of(context)
    if choice.kind is Kind.SLURM:
        return slurm_of(context, choice, options)
    user, jobs = workspace.builder_of(context), choice.at_once
    return Local(state, user, context.console, jobs, options, context.events)


def slurm_of(context: Context, choice: Choice, options: BuildOptions = DEFAULT) -> Slurm:
    """Return the executor that submits jobs.

    Raises:
        UserError: another one was chosen.
    """
    if choice.kind is not Kind.SLURM:
        raise UserError("only jobs of a cluster can be cancelled", hint="add --executor slurm")
    return Slurm(
        state=workspace.state_of(context),
        user=workspace.builder_of(context),
        console=context.console,
        program=(
            *(sys.executable, "-m", "pansoft"),
            *("--project", str(context.project.resolve())),
            *("--state", str(context.state.resolve())),
            *(("--local", str(context.local)) if context.local else ()),
            *(("--trace", context.events.trace) if context.events is not NOWHERE else ()),
        ),
        options=choice.slurm,
        at_once=choice.jobs,
        build_arguments=_arguments(options),
        events=context.events,
    )


def _arguments(options: BuildOptions) -> tuple[str, ...]:
    """Return the arguments of `pansoft build` that say these options."""
    caps = asdict(options.ceiling).items()
    return (
        *(["--keep"] if options.keep else []),
        *(f"--max-{name}={value}" for name, value in caps if value != NO_LIMIT),
    )
