# SPDX-License-Identifier: BSD-3-Clause
"""A verdict as problems, each at the line of the recipe or of the policy that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from core.problems import Position, Problem, Severity
from core.reports import RuleText
from core.strict_yaml import Document, Path_
from trust.explain.asked import place, sections
from trust.explain.seen import fields
from trust.rules import RULES
from trust.rules.rule import Rule
from trust.verdict import Finding, Outcome, Verdict

_IN_RECIPE: Final[Mapping[str, Path_]] = MappingProxyType(
    {
        "base": ("base",),
        "build": ("build",),
        "bill": ("build",),
        "tests": ("tests",),
        "package": ("tests",),
        "licence": ("license",),
        "licence.spdx": ("license", "spdx"),
        "licence.redistribution": ("license", "redistribution"),
        "release": ("release",),
        "release.channel": ("release", "channel"),
        "release.supported_until": ("release", "supported_until"),
        "published": ("version",),
        "history": ("version",),
    }
)
"""Where a recipe says what a field of the evidence comes from."""

_BY_ID: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in RULES})
_TOLD: Final = (Outcome.REFUSED, Outcome.WARNED, Outcome.WAIVED)


def problems_of(
    verdict: Verdict, *, policy: Document, recipe: Document | None = None
) -> tuple[Problem, ...]:
    """Return what a verdict says no to, and what a waiver lets pass.

    Args:
        verdict: what the judge said.
        policy: the file that was asked.
        recipe: of the package, where it is at hand.
    """
    return tuple(
        _problem(verdict, finding, _BY_ID[finding.rule], policy, recipe)
        for finding in verdict.findings
        if finding.outcome in _TOLD
    )


def recipe_field(rule: str) -> Path_:
    """Return the field of a recipe that a rule looks at first; `()` where it looks at none."""
    for field in fields(_BY_ID[rule]):
        for known in (field, field.partition(".")[0]):
            if known in _IN_RECIPE:
                return _IN_RECIPE[known]
    return ()


def rule_texts(rules: Iterable[Rule] = RULES) -> dict[str, RuleText]:
    """Return what rules ask and why, by their ids."""
    return {rule.id: RuleText(rule.asks, rule.why) for rule in rules}


def _problem(
    verdict: Verdict, finding: Finding, rule: Rule, policy: Document, recipe: Document | None
) -> Problem:
    lines = _policy_lines(rule, policy)
    field = recipe_field(rule.id)
    if recipe is not None and (field or not lines):
        where, related = recipe.where_key(field), lines
    elif lines:
        where, related = lines[0][0], lines[1:]
    else:
        where, related = policy.where(()), ()
    return Problem(
        where,
        finding.rule,
        f"{verdict.name} {verdict.version}: {finding.message}",
        hint=finding.fix,
        field=f"{verdict.name} {verdict.version} {'.'.join(map(str, field))}".strip(),
        severity=Severity.WARNING if finding.outcome is Outcome.WARNED else finding.severity,
        related=tuple(related),
        excused=finding.message if finding.outcome is Outcome.WAIVED else None,
    )


def _policy_lines(rule: Rule, policy: Document) -> Sequence[tuple[Position, str]]:
    """Return the lines of the policy that a rule looks at, and what they are."""
    return tuple(
        (policy.where_key(place(section)), f"the policy's {section}") for section in sections(rule)
    )
