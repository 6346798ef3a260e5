# SPDX-License-Identifier: BSD-3-Clause
"""no-freeze: nothing comes out on the days that are kept quiet."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.readers import is_asked
from trust.rules.rule import TIME, Answer, Passed, Refusal, Rule
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Look for a freeze that holds at this moment."""
    for each in policy.release.freezes:
        if each.holds(at) and is_asked(each.scope, policy, evidence):
            return Refusal(
                f"{each.name}: nothing is published from {each.begin} until {each.end}; {each.reason}"
            )
    return Passed(f"no freeze on {at:%Y-%m-%d}")


RULE = Rule(
    id="no-freeze",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="No freeze of `release.freezes` holds for the package, the channel and its readers today.",
    why="In the middle of a beam time nobody wants to find out what is new.",
    fix="publish after the last day of the freeze, or have the rule waived if it cannot wait",
    check=check,
    reads=(
        "evidence.repository",
        "evidence.release.channel",
        "policy.release.freezes",
        "policy.repositories",
        TIME,
    ),
)
