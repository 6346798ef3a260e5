# SPDX-License-Identifier: BSD-3-Clause
"""What is to be done: git says what should be published, the repository says what is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from builder.images import built
from builder.plan import BuildPlan
from builder.recipe import Recipe
from builder.state import State
from pansoft import published, workspace
from pansoft.context import Context


class Status(StrEnum):
    """How far a package is on its way."""

    NEW = "new"
    BUILT = "built"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe, its plan, and how far it is already; `why` says it in a sentence."""

    recipe: Recipe
    plan: BuildPlan
    status: Status
    why: str


def plan(context: Context, recipes: Sequence[Recipe], *, at: datetime) -> tuple[Planned, ...]:
    """Return what is to be done for each recipe, from git and the repository; nothing is changed."""
    state = State(context.state)
    entries = published.entries_in(state, at=at)
    by_version = {(entry.name, entry.version): entry for entry in entries}
    result = []
    for recipe in recipes:
        wanted = workspace.plan_of(context, recipe)
        there = by_version.get((recipe.name, recipe.version))
        if there is not None and there.plan == wanted.id:
            status, why = Status.PUBLISHED, f"published on {there.published}"
        elif built(wanted, state) is not None:
            status, why = Status.BUILT, "built, not published"
        elif there is not None:
            status, why = Status.NEW, "its inputs differ from the published build of this version"
        elif any(entry.name == recipe.name for entry in entries):
            status, why = Status.NEW, "a version that is not published"
        else:
            status, why = Status.NEW, "a package that is not published"
        result.append(Planned(recipe, wanted, status, why))
    return tuple(result)
