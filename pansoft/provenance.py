# SPDX-License-Identifier: BSD-3-Clause
"""The provenance of an image of this project: its recipe's commit is that of the checkout."""

from __future__ import annotations

from builder.evidence.origin import origin_of
from builder.evidence.provenance import Provenance
from builder.evidence.provenance import provenance_of as make
from builder.images.built import Built
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Recipe
from pansoft import __version__, workspace
from pansoft.context import Context


def provenance_of(context: Context, recipe: Recipe, plan: BuildPlan, made: Built) -> Provenance:
    """Return how an image was made: from which commit of this project, and from what."""
    bases = workspace.bases_of(context, recipe.base)
    return make(
        recipe,
        plan,
        made.image,
        bill=made.findings.bill,
        origin=origin_of(context.project, [recipe.folder, *(base.folder for base in bases)]),
        base_locks=[base.lock_file for base in bases],
        version=__version__,
    )
