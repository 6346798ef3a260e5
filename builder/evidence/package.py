# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe says that its package has, and of which kinds its tests are; for the judge."""

from __future__ import annotations

from collections.abc import Iterable

from builder.recipes.recipe import Need, Recipe, TestKind
from trust.evidence import PackageFacts


def package_facts(recipe: Recipe) -> PackageFacts:
    """Return the traits of a package, in the words of the policy, and the kinds of its tests."""
    runtime = recipe.runtime
    has = {
        "commands": bool(recipe.commands),
        "gui": runtime.desktop is not None,
        "jupyter": runtime.jupyter is not None,
        "gpu": runtime.gpu is Need.REQUIRED,
        "mpi": runtime.mpi,
        "python": bool(recipe.build.pip),
    }
    return PackageFacts(
        traits=tuple(trait for trait, there in has.items() if there),
        tests=kinds_of(test.kind for test in recipe.tests),
    )


def kinds_of(kinds: Iterable[TestKind]) -> tuple[str, ...]:
    """Return kinds of tests in a fixed order, each once; what every package is tested for is none."""
    there = set(kinds)
    return tuple(str(kind) for kind in TestKind if kind in there and kind is not TestKind.SMOKE)
