# SPDX-License-Identifier: BSD-3-Clause
"""What the trust policy says of recipes before anything is built, as problems with their place.

They are warnings: a recipe may be written, built and tried before somebody has read its licence.
What is refused here is refused again, and finally, when the image is to be signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from builder import sign
from builder.inputs.lock import input_name
from builder.recipes.recipe import Recipe
from builder.state import State
from core import strict_yaml
from core.errors import UserError
from core.problems import Problem, Severity
from pansoft import target, workspace
from pansoft.consent import Consent, consent_in
from pansoft.context import Context
from trust.evidence import BuildFacts, Evidence, Input, Purpose
from trust.judge import judge
from trust.policy import TrustPolicy, check_policy, load_policy
from trust.reports.problems import recipe_field
from trust.verdict import Finding


def policy_problems(
    context: Context, recipes: Sequence[Recipe], *, at: datetime
) -> tuple[Problem, ...]:
    """Return what is wrong with the policy itself, and what it would refuse of the recipes."""
    faults = check_policy(context.policy)
    if faults:
        return faults
    policy = load_policy(context.policy)
    repository = target.fqrn(State(context.state))
    said = consent_in(context.policy, policy, at=at, recipes=recipes)
    return said.problems + tuple(
        problem
        for recipe in recipes
        for problem in _refusals(context, recipe, policy, said, repository=repository, at=at)
    )


def _refusals(
    context: Context,
    recipe: Recipe,
    policy: TrustPolicy,
    said: Consent,
    *,
    repository: str,
    at: datetime,
) -> Iterator[Problem]:
    evidence = said.about(merge_evidence(context, recipe, repository=repository))
    verdict = judge(policy, evidence, at=at)
    document = strict_yaml.load(recipe.file)
    for finding in verdict.refusals:
        if finding.rule == "inputs-pinned" and not recipe.lock_file.exists():
            continue  # a recipe is written before it is locked
        yield _problem(finding, document)


def merge_evidence(context: Context, recipe: Recipe, *, repository: str) -> Evidence:
    """Return what is known of a package before it is built: its recipe and its lock."""
    return sign.gather(
        recipe,
        purpose=Purpose.MERGE,
        facts=_lock_facts(context, recipe),
        repository=repository,
        bases=_bases(context, recipe),
    )


def _lock_facts(context: Context, recipe: Recipe) -> BuildFacts | None:
    try:
        plan = workspace.plan_from_lock(context, recipe)
    except UserError:
        return None
    return BuildFacts(inputs=tuple(Input(input_name(i), i.sha256) for i in plan.inputs))


def _bases(context: Context, recipe: Recipe) -> tuple[str, ...] | None:
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
