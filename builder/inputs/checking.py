# SPDX-License-Identifier: BSD-3-Clause
"""Whether locks still hold: against their recipe, their base, and what archives offer today.

Nothing is changed and nothing is fetched but package lists and index pages. Sources and Node
packages are not looked for: `fetch` says when one is gone.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import requests

from builder.inputs import apt_lists, locking, python_index
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import (
    BaseLock,
    Input,
    PackageLock,
    PythonArtefact,
    PythonSdist,
    read_base_lock,
    read_package_lock,
)
from builder.inputs.places import Mirrors
from builder.recipes.recipe import BaseRecipe, Recipe
from builder.state import State
from core.console import Console
from core.errors import InvalidInput, UserError

_PARALLEL = 8


class Against(StrEnum):
    """What a lock does not fit any more."""

    RECIPE = "recipe"
    BASE = "base"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Stale:
    """One reason why a lock no longer holds, and the command that mends it."""

    name: str
    against: Against
    what: str
    mend: str


def stale_locks(
    recipes: Sequence[Recipe],
    bases: Sequence[BaseRecipe],
    state: State,
    *,
    at: datetime,
    console: Console,
) -> tuple[Stale, ...]:
    """Return every reason why a lock of these recipes and bases no longer holds, by name.

    Args:
        recipes: whose locks are checked.
        bases: whose locks are checked, and needed by those of the recipes; each after the one that
            it stands on.
        state: where apt's private state is.
        at: the time, which decides whether package lists are read again.
        console: whom to tell.

    Raises:
        UserError: the host's archives or indexes cannot be asked.
    """
    found: list[Stale] = []
    good_bases: dict[str, BaseLock] = {}
    inputs: dict[str, tuple[Input, ...]] = {}
    for base in bases:
        below = good_bases.get(base.on) if base.on else None
        if base.on and below is None:
            what = f"the lock of {base.on}, which it stands on, does not hold"
            found.append(Stale(base.name, Against.BASE, what, _lock(base.on, base.name)))
            continue
        try:
            good_bases[base.name] = lock = read_base_lock(base, below)
        except UserError as err:
            found.append(Stale(base.name, Against.RECIPE, _words(err), _lock(base.name)))
        else:
            inputs[base.name] = lock.own_inputs
    for recipe in recipes:
        package = _package_lock(recipe, good_bases.get(recipe.base))
        if isinstance(package, Stale):
            found.append(package)
        else:
            of_builds = [wheel for sdist in package.sdists for wheel in sdist.requires]
            python: tuple[Input, ...] = (*package.python, *package.sdists, *of_builds)
            inputs[recipe.name] = (*package.debian, *package.tools, *python)
    found += _gone(inputs, state, at=at, console=console)
    return tuple(sorted(found, key=lambda stale: (stale.name, stale.against, stale.what)))


def _package_lock(recipe: Recipe, base: BaseLock | None) -> PackageLock | Stale:
    """Return the lock of a recipe, or why it does not fit."""
    if base is None:
        what = f"the lock of its base {recipe.base} does not hold"
        return Stale(recipe.name, Against.BASE, what, _lock(recipe.base, recipe.name))
    try:
        return read_package_lock(recipe, base)
    except UserError as err:
        on_another = isinstance(err, InvalidInput) and err.problems[0].rule == "lock-base"
        against = Against.BASE if on_another else Against.RECIPE
        return Stale(recipe.name, against, _words(err), _lock(recipe.name))


def _gone(
    inputs: dict[str, tuple[Input, ...]], state: State, *, at: datetime, console: Console
) -> Iterator[Stale]:
    """Yield the inputs that the host's archives and indexes do not offer any more."""
    every = {item.sha256: item for items in inputs.values() for item in items}
    debs = [item for item in every.values() if isinstance(item, DebianPackage)]
    artefacts = [item for item in every.values() if isinstance(item, PythonArtefact | PythonSdist)]
    reasons = _debs_gone(debs, state, at=at, console=console) | _artefacts_gone(artefacts, console)
    for name, items in inputs.items():
        for item in items:
            if item.sha256 in reasons:
                yield Stale(name, Against.ARCHIVE, reasons[item.sha256], _lock(name))


def _debs_gone(
    debs: Sequence[DebianPackage], state: State, *, at: datetime, console: Console
) -> dict[str, str]:
    """Return why packages cannot be had any more, by their sha256."""
    if not debs:
        return {}
    offer = apt_lists.offer(locking.host_archives(state, at=at, console=console))
    return {deb.sha256: why for deb in debs if (why := offer.lacks(deb)) is not None}


def _artefacts_gone(
    artefacts: Sequence[PythonArtefact | PythonSdist], console: Console
) -> dict[str, str]:
    """Return why wheels and sdists cannot be had or should not be used any more, by their sha256."""
    if not artefacts:
        return {}
    mirrors = Mirrors()

    def why(item: PythonArtefact | PythonSdist) -> str | None:
        try:
            return python_index.fault_of(
                item, indexes=mirrors.indexes(), session=mirrors.session("python")
            )
        except requests.RequestException as err:
            raise UserError(
                f"the Python index could not be asked for {item.name} ({type(err).__name__})",
                hint="check the network and pip's configuration, then run it again",
            ) from err

    with (
        console.progress("ask the Python index", len(artefacts)) as progress,
        concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        reasons = {}
        for item, reason in zip(artefacts, pool.map(why, artefacts), strict=True):
            progress.advance(note=item.name)
            if reason is not None:
                reasons[item.sha256] = reason
    return reasons


def _words(err: UserError) -> str:
    if isinstance(err, InvalidInput):
        return "; ".join(f"the lock {problem.message}" for problem in err.problems)
    return err.message


def _lock(*names: str) -> str:
    return f"pansoft lock {' '.join(names)}"
