# SPDX-License-Identifier: BSD-3-Clause
"""One run of updates: look, sort out, and make of it what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from builder.inputs.upstream import Look, look
from builder.recipes.recipe import Install
from core.errors import UserError
from core.files import write_atomic
from pansoft import workspace
from pansoft.ci.job import Job
from pansoft.ci.updates import making, settings
from pansoft.ci.updates.bundles import Sorted, Wanted, sort_out
from pansoft.ci.updates.outcome import Became, Outcome, failed, steps_of
from pansoft.context import Context


class Way(Enum):
    """What is made of what is newer."""

    LOOK = auto()
    WRITE = auto()
    """Into the checkout."""
    POST = auto()
    """Merge requests; the checkout stays as it is."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of updates, and which packages follow nothing and why."""

    outcomes: tuple[Outcome, ...]
    not_followed: tuple[tuple[str, str], ...]


def run(
    context: Context,
    names: Sequence[str],
    way: Way,
    job: Job,
    *,
    most: int | None,
    test: bool,
    at: datetime,
) -> Ran:
    """Find what is newer for some recipes, or for all, and make of it what is asked for.

    Args:
        context: the project and where its run state is.
        names: the recipes; all of them where there are none.
        way: what is made of it.
        job: where merge requests go.
        most: how many of them are open at a time, where the settings do not decide.
        test: whether new versions are built and tested.
        at: the time: of package lists, and for holds that end.

    Raises:
        UserError: nothing can be looked for; what cannot be made of one package is an outcome.
    """
    said = settings.load(context.project)
    recipes = workspace.recipes_named(context, names)
    looks = look(recipes, workspace.state_of(context), at=at, console=context.console)
    found = sort_out(looks, said, at.date())
    outcomes = [
        Outcome(wanted.name, Became.HELD, steps_of([wanted]), why=hold.reason)
        for wanted, hold in found.held
    ]
    match way:
        case Way.LOOK:
            outcomes += [
                Outcome(each.name, Became.FOUND, steps_of(each.wanted)) for each in found.bundles
            ]
        case Way.WRITE:
            for bundle in found.bundles:
                outcomes += [_write(context, each, at=at, test=test) for each in bundle.wanted]
        case Way.POST:
            most = said.most if most is None else most
            unsure = None if names else _unsure(looks)
            outcomes += _post(context, found, job, most=most, test=test, at=at, unsure=unsure)
    not_followed = ((each.recipe.key, each.why_not) for each in looks if each.why_not)
    return Ran(tuple(outcomes), tuple(not_followed))


def _unsure(looks: Sequence[Look]) -> frozenset[str]:
    """Return the packages that are to be followed and of which nobody knows whether something is newer."""
    return frozenset(
        each.recipe.name
        for each in looks
        if each.why_not is not None
        and each.recipe.retire is None
        and each.recipe.install is Install.PUBLISHER
        and not each.recipe.is_kept
    )


def _write(context: Context, wanted: Wanted, *, at: datetime, test: bool) -> Outcome:
    """Let the checkout have a step."""
    try:
        made = making.make(context, wanted, at=at, test=test)
    except UserError as err:
        return failed(wanted, making.words_of(err))
    for path, text in made.files:
        write_atomic(context.project / path, text)
    why = made.trial.said if made.trial and not made.trial.passed else None
    passed = made.trial.passed if made.trial else None
    return Outcome(
        wanted.name,
        Became.WRITTEN,
        steps_of([wanted]),
        why=why,
        changes=made.changes,
        passed=passed,
    )


def _post(
    context: Context,
    found: Sorted,
    job: Job,
    *,
    most: int,
    test: bool,
    at: datetime,
    unsure: frozenset[str] | None,
) -> tuple[Outcome, ...]:
    """Let every bundle have its merge request; `unsure` is None where not all packages were looked at.

    Raises:
        UserError: the checkout is not as it was committed, or GitLab does not do what it is asked.
    """
    # the library behind it takes longer to load than most verbs take
    from pansoft.ci.gitlab import Gitlab
    from pansoft.ci.posting import login_of
    from pansoft.ci.proposals import place_of
    from pansoft.ci.updates.proposing import Terms, propose

    terms = Terms(
        place=place_of(context, job),
        most=most,
        test=test,
        is_all=unsure is not None,
        unsure=unsure or frozenset(),
        at=at,
    )
    return propose(context, found.bundles, terms, gitlab=Gitlab(login_of(job)))
