# SPDX-License-Identifier: BSD-3-Clause
"""tests-required: what the package has was tested by a test of the right kind."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.readers import is_asked
from trust.rules.rule import ALWAYS, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the kinds of tests with those that the package's traits ask for."""
    asked = [each for each in policy.safety.tests if is_asked(each.scope, policy, evidence)]
    if not asked:
        return NotApplicable("the policy asks for no kind of test here")
    if evidence.package is None:
        return unknown("what the package has")
    kinds = _kinds(evidence)
    if kinds is None:
        return unknown("which kinds of tests were passed")
    told = [
        f"it has {each.trait}, and no test of the kind {' or '.join(each.kinds)}"
        for each in asked
        if each.trait in evidence.package.traits and not set(each.kinds) & set(kinds)
    ]
    if told:
        return Refusal("; ".join(told))
    traits = [each.trait for each in asked if each.trait in evidence.package.traits]
    return Passed(
        f"tested for {', '.join(dict.fromkeys(traits)) or 'nothing that the policy names'}"
    )


def _kinds(evidence: Evidence) -> tuple[str, ...] | None:
    """Return the kinds of the tests that were passed; on a merge request, of those that there are."""
    if evidence.purpose is Purpose.MERGE and evidence.package is not None:
        return evidence.package.tests
    return evidence.tests.kinds if evidence.tests else None


RULE = Rule(
    id="tests-required",
    group=Group.SAFETY,
    purposes=ALWAYS,
    asks="For everything that the package has and `safety.tests` names (a desktop program, a kernel of "
    "Jupyter, the need of a GPU …) a test of one of the kinds that are listed there was passed.",
    why="That a module can be imported does not show that the window opens.",
    fix="add a test of that kind under `tests` in the recipe; see docs/recipe.md",
    check=check,
    reads=(
        "evidence.package",
        "evidence.tests",
        "evidence.repository",
        "evidence.release.channel",
        "policy.safety.tests",
        "policy.repositories",
    ),
)
