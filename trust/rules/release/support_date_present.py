# SPDX-License-Identifier: BSD-3-Clause
"""support-date-present: where the policy asks, a release says until when it is supported."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.readers import is_asked
from trust.rules.rule import RELEASING, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for the last day of support."""
    if evidence.release is None:
        return unknown("until when the version is supported")
    if not any(is_asked(scope, policy, evidence) for scope in policy.release.support):
        return NotApplicable("the policy asks for no end of support here")
    until = evidence.release.supported_until
    if until is None:
        return Refusal(f"nobody says until when it is supported in {evidence.release.channel}")
    return Passed(f"says that it is supported until {until}")


RULE = Rule(
    id="support-date-present",
    group=Group.RELEASE,
    purposes=RELEASING,
    asks="In the channels and for the readers that `release.support` names, the recipe says until when "
    "the version is supported.",
    why="Who plans a beam time wants to know whether somebody will answer then.",
    fix="agree on `release.supported_until` with the owner and write it into the recipe",
    check=check,
    reads=(
        "evidence.release",
        "evidence.repository",
        "policy.release.support",
        "policy.repositories",
    ),
)
