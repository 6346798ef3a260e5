# SPDX-License-Identifier: BSD-3-Clause
"""channel-passed: a version comes into a channel from the one before it, unchanged."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.readers import is_asked
from trust.rules.release.stays import stays
from trust.rules.rule import Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for the version, of the same plan, in the channels that come before."""
    asked = [each for each in policy.release.promotion if is_asked(each.scope, policy, evidence)]
    if not asked:
        return NotApplicable("the policy asks for no channel before this one")
    if evidence.history is None:
        return unknown("which versions the repository holds")
    if evidence.plan is None:
        return unknown("the plan the image was built from")
    for each in asked:
        if not stays(evidence, each.after):
            return Refusal(
                f"{evidence.name} {evidence.version} of plan {evidence.plan[:12]} has not been in the "
                f"channel {each.after}"
            )
    return Passed(f"was in the channel {', '.join(dict.fromkeys(each.after for each in asked))}")


RULE = Rule(
    id="channel-passed",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="Where `release.promotion` names a channel that comes before this one, the version was published "
    "there, built from the same plan.",
    why="What users rely on has been tried by others first, and is what they tried.",
    fix="publish it with `release.channel` set to the channel before, and let it be used there",
    check=check,
    reads=(
        "evidence.history",
        "evidence.plan",
        "evidence.repository",
        "evidence.release.channel",
        "policy.release.promotion",
        "policy.repositories",
    ),
)
