# SPDX-License-Identifier: BSD-3-Clause
"""Build an image again from its lock, in a state of its own, and compare it with what is known of it.

Nothing of the first build is taken over but inputs, and of those only what still has the sha256 of its
lock: the bases are built again as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder.evidence.difference import Difference, difference
from builder.evidence.holdings import read_holdings
from builder.images import sandbox
from builder.images.build import build
from builder.images.build_user import BuildUser
from builder.images.built import Built, read_built
from builder.images.plan import BuildPlan
from builder.inputs.cache import InputCache
from builder.inputs.site import FILE as SITE_FILE
from builder.recipes.recipe import Recipe
from builder.state import State
from catalog.entry import image_path
from core.console import Console
from core.errors import UserError
from pansoft import target


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How a rebuild went.

    Args:
        plan: what was built again.
        known: the sha256 that the image was known by, by where: `built`, `published`.
        sha256: of the image that was built now.
        same_bills: whether the bills of materials are the same; None where none were kept.
        difference: how the built image and this one differ; None where they do not, or where the
            image itself is not in this state.
    """

    plan: BuildPlan
    known: Mapping[str, str]
    sha256: str
    same_bills: bool | None
    difference: Difference | None

    @property
    def is_same(self) -> bool:
        """Return whether the bytes are those known before, wherever they were known."""
        return set(self.known.values()) == {self.sha256}


def rebuild(
    recipe: Recipe,
    plan: BuildPlan,
    state: State,
    *,
    user: BuildUser,
    console: Console,
    at: datetime,
) -> Rebuilt:
    """Build the image of a plan in a clean state and compare it; the state is removed afterwards.

    Raises:
        UserError: nothing is known to compare with, or the build fails.
    """
    before = read_built(plan.id, state)
    known = {"built": before.image.sha256} if before else {}
    if (published := _published(recipe, plan, state, at=at)) is not None:
        known["published"] = published
    if not known:
        raise UserError(
            f"{recipe.name} {recipe.version} is neither built nor published as its recipe and lock "
            "are now: there is nothing to compare with",
            hint=f"pansoft build {recipe.name}",
        )
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        clean = _clean_state(scratch / "state", plan, state)
        after = build(plan, clean, user=user, console=console)
        differs = None
        if before is not None and before.image.sha256 != after.image.sha256:
            differs = _compare(before, after, user=user, scratch=scratch)
        same_bills = before.findings.bill == after.findings.bill if before else None
        return Rebuilt(plan, known, after.image.sha256, same_bills, differs)


def _published(recipe: Recipe, plan: BuildPlan, state: State, *, at: datetime) -> str | None:
    """Return the sha256, before its signature, of the published image of exactly this plan."""
    if not target.exists(state):
        return None
    file = f"{image_path(recipe.name, recipe.version)}.statement.json"
    with target.read(state, at=at) as reader:
        if reader.lookup(file) is None:
            return None
        try:
            image = json.loads(reader.read(file))["predicate"]["pansoft"]["statement"]["image"]
            return str(image["sha256"]) if image["plan"] == plan.id else None
        except (ValueError, KeyError, TypeError) as err:
            raise UserError(f"the published {file} is not a statement") from err


def _clean_state(folder: Path, plan: BuildPlan, state: State) -> State:
    """Return a new state that has the inputs of a plan, those that are whole, and nothing else."""
    clean = State(folder)
    old, new = InputCache(state.inputs), InputCache(clean.inputs)
    for item in (*plan.base.lock.inputs, *plan.inputs):
        if not old.is_whole(item.sha256):
            continue  # the build fetches it
        target = new.path(item.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(old.path(item.sha256), target)
            except OSError:  # another file system, or a cache that belongs to somebody else
                shutil.copyfile(old.path(item.sha256), target)
    if (state.folder / SITE_FILE).is_file():
        shutil.copyfile(state.folder / SITE_FILE, folder / SITE_FILE)
    return clean


def _compare(before: Built, after: Built, *, user: BuildUser, scratch: Path) -> Difference:
    folder = user.own(scratch / "compare")
    one, other = (
        read_holdings(each.image.path, user=user, scratch=folder) for each in (before, after)
    )
    return difference(one, other, user=user, scratch=folder)
