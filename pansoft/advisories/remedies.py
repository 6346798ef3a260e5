# SPDX-License-Identifier: BSD-3-Clause
"""What to do about a row: the commands that bring packages the version that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from packaging.utils import canonicalize_name

from builder.images.plan import BasePlan
from builder.inputs.upstream import Part, part_of
from builder.recipes.load import load_all
from builder.recipes.recipe import Recipe
from core.errors import UserError
from pansoft import workspace
from pansoft.advisories.holdings import Holder, components_in_git
from pansoft.advisories.scan import Row
from pansoft.advisories.sources.withdrawn import is_withdrawal
from pansoft.context import Context

IGNORE = "nothing mends it yet: ignore it for a time in trust-policy/policy.yaml, or retire"

_Held: TypeAlias = frozenset[tuple[str, str]]
"""Names and versions."""


@dataclass
class Remedies:
    """What mends rows of a project. Locks are read once, and only those of packages in a row."""

    context: Context
    _recipes: dict[tuple[str, str], Recipe] = field(default_factory=dict)
    _layers: dict[str, Sequence[tuple[str, _Held]]] = field(default_factory=dict)
    _locked: dict[str, _Held] = field(default_factory=dict)

    def of(self, row: Row) -> tuple[str, ...]:
        """Return what to do about a row, each thing once; bases first, for others stand on them."""
        found = {self._of(row, holder) for holder in row.holders}
        return tuple(text for _, text in sorted(found))

    def _of(self, row: Row, holder: Holder) -> tuple[int, str]:
        recipe = self._recipe(holder)
        if recipe is None:
            return 3, f"retire {holder}: no recipe makes it any more"
        if holder.is_published and self._is_mended(row, recipe):
            return 2, f"put +1 behind the version of {recipe.key}: its lock is mended already"
        if row.fixed_in is None and not any(is_withdrawal(each.id) for each in row.known):
            return 4, IGNORE
        bad = {(canonicalize_name(each.name), each.version) for each in row.components}
        for layer, held in self._layers_of(recipe.base):
            if bad & held:
                return 0, f"pansoft lock {layer}"
        part = part_of(recipe)
        if isinstance(part, Part) and canonicalize_name(part.name) in {name for name, _ in bad}:
            return 1, f"pansoft ci update {recipe.key}"
        return 1, f"pansoft lock {recipe.key}"

    def _recipe(self, holder: Holder) -> Recipe | None:
        """Return the recipe that makes a version of a package."""
        if not self._recipes:
            self._recipes = {
                (each.name, each.version): each for each in load_all(self.context.project)
            }
        return self._recipes.get((holder.name, holder.version))

    def _is_mended(self, row: Row, recipe: Recipe) -> bool:
        """Return whether the lock in git holds none of it any more: only publishing is left to do."""
        if recipe.key not in self._locked:
            try:
                held = components_in_git(self.context, recipe)
            except UserError:
                return False
            self._locked[recipe.key] = frozenset((each.name, each.version) for each in held)
        bad = {(each.name, each.version) for each in row.components}
        return not bad & self._locked[recipe.key]

    def _layers_of(self, base: str) -> Sequence[tuple[str, _Held]]:
        """Return the layers of a base, each with what it brings, the uppermost first."""
        if base not in self._layers:
            try:
                layers = workspace.base_plan_of(self.context, base).layers
            except UserError:
                layers = ()
            self._layers[base] = [(each.name, _held(each)) for each in reversed(layers)]
        return self._layers[base]


def _held(layer: BasePlan) -> _Held:
    debian = ((item.name, item.version) for item in layer.lock.own)
    python = ((item.name, item.version) for item in layer.lock.python)
    return frozenset((canonicalize_name(name), version) for name, version in (*debian, *python))
