# SPDX-License-Identifier: BSD-3-Clause
"""Whether somebody has made a package already that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import canonicalize_name

from builder.inputs.upstream import Origin as PartOf
from builder.inputs.upstream import Part, part_of
from builder.recipes.recipe import Recipe
from pansoft.ci.requests.form import Form, Origin


def standing(form: Form, recipes: Sequence[Recipe]) -> Recipe | None:
    """Return the recipe that has what is asked for: under its name, or as the part that has its version."""
    by_name = next((each for each in recipes if each.name == form.name), None)
    if by_name is not None:
        return by_name
    return next((each for each in recipes if _has(each, form)), None)


def _has(recipe: Recipe, form: Form) -> bool:
    """Return whether a recipe is about a project or a Debian package, whatever it is called here."""
    asked = (
        *recipe.build.pip,
        *recipe.build.apt,
        *(each.location for each in recipe.build.sources),
    )
    if not any(form.project in text or form.project in canonicalize_name(text) for text in asked):
        return False  # reading its lock takes longer than this
    part = part_of(recipe)
    if not isinstance(part, Part) or (part.origin is PartOf.DEBIAN) is (form.origin is Origin.PYPI):
        return False
    return form.project in (canonicalize_name(part.name), part.name)
