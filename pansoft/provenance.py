# SPDX-License-Identifier: BSD-3-Clause
"""The provenance of an image of this project: its recipe's commit is that of the checkout.

In a pipeline of GitLab the branch or tag is known, and whether the server protects it. The pipeline
says so of itself: who can change its variables can lie, so the right to publish is a token of the
server and not this (docs/identity.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from builder.evidence.origin import Origin, origin_of
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
        origin=with_pipeline(
            origin_of(context.project, [recipe.folder, *(base.folder for base in bases)]),
            os.environ,
        ),
        base_locks=[base.lock_file for base in bases],
        version=__version__,
    )


def with_pipeline(origin: Origin, environment: Mapping[str, str]) -> Origin:
    """Return an origin with the ref that GitLab's pipeline runs for, if it runs for this commit."""
    ref = environment.get("CI_COMMIT_REF_NAME")
    if not ref or environment.get("CI_COMMIT_SHA") != origin.commit:
        return origin
    protected = {"true": True, "false": False}.get(environment.get("CI_COMMIT_REF_PROTECTED", ""))
    return replace(origin, ref=ref, protected=protected)
