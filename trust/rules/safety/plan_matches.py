# SPDX-License-Identifier: BSD-3-Clause
"""plan-matches: the image is what the recipe and the lock in git say, and no older or other one."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.rule import Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the image's plan with the one that git gives."""
    if evidence.plan is None:
        return unknown("the plan the image was built from")
    if evidence.expected_plan is None:
        return unknown("the plan that the recipe and its lock give")
    if evidence.plan != evidence.expected_plan:
        return Refusal(
            f"built from plan {evidence.plan[:12]}; the recipe and its lock give "
            f"{evidence.expected_plan[:12]}"
        )
    return Passed(f"built from plan {evidence.plan[:12]}, which the recipe and its lock give")


RULE = Rule(
    id="plan-matches",
    group=Group.SAFETY,
    purposes=frozenset({Purpose.SIGN, Purpose.PUBLISH}),
    asks="The image was built from exactly the plan that the recipe and the lock in git give.",
    why="What is signed is what was reviewed, not what was on the builder's disk.",
    fix="pansoft build NAME",
    check=check,
    reads=(
        "evidence.plan",
        "evidence.expected_plan",
    ),
    waivable=False,
)
