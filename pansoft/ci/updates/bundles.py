# SPDX-License-Identifier: BSD-3-Clause
"""Which steps belong into one merge request, and which are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from builder.inputs.upstream import Look
from builder.recipes.step import Step
from core.errors import UserError
from pansoft.ci.updates.settings import Hold, Settings

BRANCHES = "update/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step that a recipe could make."""

    look: Look
    step: Step

    @property
    def name(self) -> str:
        """Return the name of the package."""
        return self.look.recipe.name

    @property
    def version(self) -> tuple[str, str]:
        """Return the name and the version that is wanted of it."""
        return self.name, self.step.new


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into one merge request: the steps of a group, or of one package."""

    name: str
    wanted: tuple[Wanted, ...]

    @property
    def branch(self) -> str:
        """Return the name of its branch."""
        return f"{BRANCHES}{self.name}"


@dataclass(frozen=True, slots=True)
class Sorted:
    """All bundles by name, and what is held with what holds it."""

    bundles: tuple[Bundle, ...]
    held: tuple[tuple[Wanted, Hold], ...]


def sort_out(looks: Sequence[Look], settings: Settings, on: date) -> Sorted:
    """Return what was seen as bundles, on a day.

    Raises:
        UserError: a group has the name of a package that does not belong to it.
    """
    of: dict[str, list[Wanted]] = {}
    groups = {group.name for group in settings.groups}
    held: list[tuple[Wanted, Hold]] = []
    for look in looks:
        if look.step is None:
            continue
        wanted = Wanted(look, look.step)
        hold = settings.hold_of(wanted.name, wanted.step.new, on)
        if hold is not None:
            held.append((wanted, hold))
            continue
        group = settings.group_of(wanted.name)
        if group is None and wanted.name in groups:
            raise UserError(
                f"the group {wanted.name} has the name of a package that is none of it",
                hint="give the group another name: both would be the same branch",
            )
        of.setdefault(group.name if group else wanted.name, []).append(wanted)
    return Sorted(
        tuple(Bundle(name, tuple(items)) for name, items in sorted(of.items())), tuple(held)
    )
