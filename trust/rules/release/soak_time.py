# SPDX-License-Identifier: BSD-3-Clause
"""soak-time: a version was used for a while in the channel before."""

from __future__ import annotations

from datetime import datetime, timedelta

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.readers import is_asked
from trust.rules.release.stays import stays
from trust.rules.rule import TIME, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Compare the days in the channel before with those that the policy wants."""
    asked = [
        each
        for each in policy.release.promotion
        if each.soak_days and is_asked(each.scope, policy, evidence)
    ]
    if not asked:
        return NotApplicable("the policy asks for no time in another channel")
    if evidence.history is None:
        return unknown("which versions the repository holds")
    for each in asked:
        since = stays(evidence, each.after)
        if not since:
            return unknown(f"since when it is in the channel {each.after}")
        if at - since[0] < timedelta(days=each.soak_days):
            return Refusal(
                f"in the channel {each.after} since {since[0]:%Y-%m-%d %H:%M} UTC, "
                f"for fewer than {each.soak_days} days"
            )
    return Passed(f"{max(each.soak_days for each in asked)} days in the channel before are over")


RULE = Rule(
    id="soak-time",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="The version has been in the channel before for as many days as `release.promotion` wants.",
    why="What goes wrong with a new version shows when people use it, and not on the first day.",
    fix="wait until those days are over, or have the rule waived if it cannot wait",
    check=check,
    reads=(
        "evidence.history",
        "evidence.plan",
        "evidence.repository",
        "evidence.release.channel",
        "policy.release.promotion",
        "policy.repositories",
        TIME,
    ),
)
