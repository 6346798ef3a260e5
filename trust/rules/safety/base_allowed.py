# SPDX-License-Identifier: BSD-3-Clause
"""base-allowed: the image stands on a base that the policy knows."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the base's name with the policy's list."""
    base = evidence.base
    if base is None:
        return unknown("the base")
    if not any(fnmatchcase(base, pattern) for pattern in policy.safety.bases):
        return Refusal(f"the base {base} is not one of {', '.join(policy.safety.bases)}")
    return Passed(f"stands on {base}")


RULE = Rule(
    id="base-allowed",
    group=Group.SAFETY,
    purposes=ALWAYS,
    asks="The base is one of those that the policy lists.",
    why="A base is in every image that stands on it; each one has to be looked after.",
    fix="use a listed base, or propose the base for `safety.bases` in trust-policy/policy.yaml",
    check=check,
    reads=(
        "evidence.base",
        "policy.safety.bases",
    ),
)
