# SPDX-License-Identifier: BSD-3-Clause
"""The judge: pure, total, and no friend of doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence, Waiver
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
    was not seen is refused. A signed exception answers the no of one rule for the versions that it
    names, and stands in the finding. Nothing is read but the arguments.

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
    severity = Severity.ERROR if rule.id in policy.strict else rule.severity
    found = Finding(rule.id, rule.group, severity, Outcome.PASSED, "", None)
    if evidence.purpose not in rule.purposes:
        return replace(
            found, outcome=Outcome.NOT_APPLICABLE, message=f"not asked to {evidence.purpose}"
        )
    match rule.check(policy, evidence, at):
        case Passed(message):
            return replace(found, message=message)
        case NotApplicable(message):
            return replace(found, outcome=Outcome.NOT_APPLICABLE, message=message)
        case Refusal(message, fix):
            no = replace(found, message=message, fix=fix or rule.fix)
            if severity is not Severity.ERROR:
                return replace(no, outcome=Outcome.WARNED)
            waiver = _waiver(rule, evidence, at)
            return _waived(no, waiver) if waiver else replace(no, outcome=Outcome.REFUSED)


def _waiver(rule: Rule, evidence: Evidence, at: datetime) -> Waiver | None:
    """Return the exception that answers a rule, the one that holds longest; None if none does."""
    if not rule.waivable:
        return None
    current = [
        each
        for each in evidence.waivers
        if each.covers(rule.id, evidence.name, evidence.version, at)
    ]
    return max(current, key=lambda each: (each.expires, each.id), default=None)


def _waived(no: Finding, waiver: Waiver) -> Finding:
    """Return a no as answered by an exception; who, why and until when stand in it."""
    return replace(
        no,
        outcome=Outcome.WAIVED,
        message=f"waived until {waiver.expires:%Y-%m-%d %H:%M} UTC by {', '.join(waiver.approvers)}: "
        f"{waiver.reason} (waiver {waiver.id[:12]}); without it: {no.message}",
        waiver=waiver.id,
    )
