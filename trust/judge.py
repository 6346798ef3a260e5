# SPDX-License-Identifier: BSD-3-Clause
"""The judge: pure, total, and no friend of doubt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules import RULES
from trust.rules.rule import NotApplicable, Passed, Refusal, Rule
from trust.verdict import Finding, Outcome, Verdict


def judge(
    policy: TrustPolicy,
    evidence: Evidence,
    *,
    at: datetime,
    rules: Sequence[Rule] = RULES,
) -> Verdict:
    """Return what the policy says of the evidence at a moment.

    Every rule is asked and none stops the others, so a packager sees all there is to mend. What
    was not seen is refused. Nothing is read but the arguments.

    Args:
        policy: the policy.
        evidence: what was seen; its `purpose` decides which rules apply.
        at: the moment, with its time zone.
        rules: the rules; all of them unless a test says otherwise.
    """
    if at.tzinfo is None:
        raise ValueError("the moment of a verdict needs a time zone")
    return Verdict(
        name=evidence.name,
        version=evidence.version,
        purpose=evidence.purpose,
        at=at,
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        findings=tuple(_find(rule, policy, evidence, at) for rule in rules),
    )


def _find(rule: Rule, policy: TrustPolicy, evidence: Evidence, at: datetime) -> Finding:
    if evidence.purpose in rule.purposes:
        answer = rule.check(policy, evidence, at)
    else:
        answer = NotApplicable(f"not asked to {evidence.purpose}")
    match answer:
        case Passed():
            outcome, fix = Outcome.PASSED, None
        case NotApplicable():
            outcome, fix = Outcome.NOT_APPLICABLE, None
        case Refusal():
            holds_back = rule.severity is Severity.ERROR
            outcome = Outcome.REFUSED if holds_back else Outcome.WARNED
            fix = answer.fix or rule.fix
        case _:
            assert_never(answer)
    return Finding(rule.id, rule.group, rule.severity, outcome, answer.message, fix)
