# SPDX-License-Identifier: BSD-3-Clause
"""Which packages the catalogue tells of without distributing them, before and after an apply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from builder.recipes.recipe import Recipe
from builder.state import State
from catalog.held import PATH, HeldPackage, held_of, write_held
from cvmfs.backends.backend import OpenTransaction
from pansoft import published
from pansoft.planning import Blocked


def held_after(
    state: State, applied: Sequence[Recipe], for_sites: Sequence[Blocked], *, at: datetime
) -> tuple[HeldPackage, ...]:
    """Return what is to be told of: what was and is not applied now, and what is for sites of it."""
    names = {recipe.name for recipe in applied}
    before = [item for item in published.held_in(state, at=at) if item.name not in names]
    return (*before, *(held_of(item.recipe) for item in for_sites))


def put_held(
    tx: OpenTransaction, state: State, held: tuple[HeldPackage, ...] | None, *, at: datetime
) -> tuple[HeldPackage, ...]:
    """Put the file that tells of them and return them; None leaves it as it is."""
    before = published.held_in(state, at=at)
    if held is None or (not held and not before):
        return before
    tx.put_bytes(write_held(held), PATH)
    return held
