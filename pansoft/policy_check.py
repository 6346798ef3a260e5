# SPDX-License-Identifier: BSD-3-Clause
"""What the trust policy says of recipes before anything is built, as problems with their place.

They are warnings: a recipe may be written, built and tried before somebody has read its licence.
What is refused here is refused again, and finally, when the image is to be signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from builder.evidence.gather import gather
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.lock import input_name
from builder.recipes.folders import name_of, recipe_folders
from builder.recipes.recipe import Recipe
from builder.state import State
from core import strict_yaml
from core.errors import InvalidInput, UserError
from core.problems import Problem, Severity
from pansoft import target, workspace
from pansoft.advisories.waived import waiver_problems
from pansoft.consent import Consent, consent_in
from pansoft.context import Context
from pansoft.workspace import BasePlans
from trust.evidence import BuildFacts, Evidence, Input, Purpose
from trust.judge import judge
from trust.policy import TrustPolicy, load_policy, policy_file
from trust.reports.problems import recipe_field
from trust.verdict import Finding


def policy_problems(
    context: Context, recipes: Sequence[Recipe], *, at: datetime
) -> tuple[Problem, ...]:
    """Return what is wrong with the policy itself, and what it would refuse of the recipes."""
    try:
        policy = load_policy(context.policy)
    except InvalidInput as err:
        return err.problems
    document = strict_yaml.load(policy_file(context.policy))
    names = sorted({name_of(folder) for folder in recipe_folders(context.project)})
    ignored = tuple(waiver_problems(policy, document, names, at=at))
    repository = target.fqrn(State(context.state))
    said = consent_in(context.policy, policy, at=at, recipes=recipes)
    bases: dict[str, BasePlan] = {}
    refusals = (
        problem
        for recipe in recipes
        if recipe.retire is None  # nothing of it is signed any more
        for problem in _refusals(context, recipe, policy, said, bases, repository=repository, at=at)
    )
    return (*said.problems, *ignored, *refusals)


def _refusals(
    context: Context,
    recipe: Recipe,
    policy: TrustPolicy,
    said: Consent,
    bases: BasePlans,
    *,
    repository: str,
    at: datetime,
) -> Iterator[Problem]:
    evidence = said.about(merge_evidence(context, recipe, repository=repository, bases=bases))
    verdict = judge(policy, evidence, at=at)
    if not verdict.refusals:
        return
    document = strict_yaml.load(recipe.file)
    for finding in verdict.refusals:
        if finding.rule == "inputs-pinned" and not recipe.lock_file.exists():
            continue  # a recipe is written before it is locked
        yield _problem(finding, document)


def merge_evidence(
    context: Context, recipe: Recipe, *, repository: str, bases: BasePlans | None = None
) -> Evidence:
    """Return what is known of a package before it is built: its recipe and its lock.

    `bases` are plans of bases that were read already; what is read now is added.
    """
    plan = _plan(context, recipe, bases)
    return gather(
        recipe,
        purpose=Purpose.MERGE,
        facts=_lock_facts(plan) if plan else None,
        repository=repository,
        bases=_bases(context, recipe, plan),
    )


def _plan(context: Context, recipe: Recipe, bases: BasePlans | None) -> BuildPlan | None:
    try:
        return workspace.plan_from_lock(context, recipe, bases)
    except UserError:
        return None


def _lock_facts(plan: BuildPlan) -> BuildFacts:
    return BuildFacts(inputs=tuple(Input(input_name(i), i.sha256) for i in plan.inputs))


def _bases(context: Context, recipe: Recipe, plan: BuildPlan | None) -> tuple[str, ...] | None:
    if plan is not None:
        return tuple(base.name for base in reversed(plan.base.layers))
    try:
        chain = workspace.bases_of(context, recipe.base)
    except UserError:
        return None  # its own check says what is wrong with it
    return tuple(base.name for base in reversed(chain))


def _problem(finding: Finding, document: strict_yaml.Document) -> Problem:
    path = recipe_field(finding.rule)
    return Problem(
        document.where(path),
        finding.rule,
        f"the policy will refuse this: {finding.message}",
        hint=finding.fix,
        field=".".join(map(str, path)),
        severity=Severity.WARNING,
    )
