# SPDX-License-Identifier: BSD-3-Clause
"""base-allowed: every base below the image is one that the policy knows."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the base, and each one that it stands on, with the policy's list."""
    base = evidence.base
    if base is None:
        return unknown("the base")
    if not evidence.bases:
        return unknown(f"what the base {base} stands on")
    if evidence.bases[0] != base:
        return Refusal(
            f"the base is {base}, but the layers below it begin with {evidence.bases[0]}"
        )
    for each in evidence.bases:
        if not any(fnmatchcase(each, pattern) for pattern in policy.safety.bases):
            below = f", which is below {base}," if each != base else ""
            return Refusal(f"the base {each}{below} is not one of {', '.join(policy.safety.bases)}")
    return Passed(f"stands on {' on '.join(evidence.bases)}")


RULE = Rule(
    id="base-allowed",
    group=Group.SAFETY,
    purposes=ALWAYS,
    asks="The base is one of those that the policy lists, and so is every base that it stands on.",
    why="A base is in every image that stands on it; each one has to be looked after.",
    fix="use a listed base, or propose the base for `safety.bases` in trust-policy/policy.yaml",
    check=check,
    reads=("evidence.base", "evidence.bases", "policy.safety.bases"),
)
