# SPDX-License-Identifier: BSD-3-Clause
"""Tests of many recipes run without their programs: who is asked, what is known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder.images import build as building
from builder.images.built import built
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Recipe
from builder.testing import proofs
from builder.testing.proofs import Proof
from builder.testing.prove import known_proof, prove
from builder.testing.run import known_report, test_image
from core.errors import UserError
from core.problems import Problem
from pansoft import workspace
from pansoft.context import Context


@dataclass(frozen=True, slots=True)
class Proving:
    """What was found: the proofs, the tests that are none, who has no image, and who could not be asked."""

    proofs: tuple[Proof, ...]
    problems: tuple[Problem, ...]
    unbuilt: tuple[str, ...]
    failures: tuple[tuple[str, UserError], ...]

    @property
    def holds(self) -> bool:
        """Return whether every test that was asked would notice that its program is broken."""
        return not self.problems and not self.failures


def prove_named(context: Context, names: Sequence[str]) -> Proving:
    """Run the tests of recipes without their programs; of all that are built where none is named.

    What is named is built where that was not done yet. What fails does not hold the others back.
    """
    recipes = workspace.recipes_named(context, names)
    if not names:
        recipes = tuple(recipe for recipe in recipes if recipe.retire is None)
    found: list[Proof] = []
    problems: list[Problem] = []
    unbuilt: list[str] = []
    failures: list[tuple[str, UserError]] = []
    with context.console.board("prove", len(recipes)) as board:
        for recipe in recipes:
            proof = None
            try:
                plan = workspace.plan_of(context, recipe)
                if names or built(plan, workspace.state_of(context)):
                    proof = _proof(context, recipe, plan)
                else:
                    unbuilt.append(recipe.key)
            except UserError as err:
                if names:
                    failures.append((recipe.key, err))
                else:
                    unbuilt.append(recipe.key)
            if proof is not None:
                found.append(proof)
                problems += proofs.problems(proof, recipe)
            board.advance(failed=proof is not None and not proof.holds)
    return Proving(tuple(found), tuple(problems), tuple(unbuilt), tuple(failures))


def _proof(context: Context, recipe: Recipe, plan: BuildPlan) -> Proof:
    """Return what is known of a recipe's tests without their program, or look."""
    state, user = workspace.state_of(context), workspace.builder_of(context)
    image = building.build(plan, state, user=user, console=context.console).image
    if (known := known_proof(recipe, image, state)) is not None:
        return known
    report = known_report(recipe, image, state) or test_image(
        recipe, image, state, user=user, console=context.console
    )
    proof = prove(recipe, plan, image, report, state, user=user, console=context.console)
    weak = sum(result.fault is not None for result in proof.results)
    told = f"{weak} of {len(proof.results)} tests prove nothing" if weak else "every test notices"
    context.console.say(f"{recipe.name} {recipe.version} without its program: {told}")
    return proof
