# SPDX-License-Identifier: BSD-3-Clause
"""channel-allowed: the version goes to a channel that exists."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import RELEASING, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the channel with the policy's list."""
    if evidence.release is None:
        return unknown("the channel")
    channel = evidence.release.channel
    if channel not in policy.release.channels:
        return Refusal(f"the channel {channel} is not one of {', '.join(policy.release.channels)}")
    return Passed(f"goes to the channel {channel}")


RULE = Rule(
    id="channel-allowed",
    group=Group.RELEASE,
    purposes=RELEASING,
    asks="The release channel is one of those that the policy lists.",
    why="Users choose how new they want their software by the channel; each one is a promise.",
    fix="set `release.channel` in the recipe to a listed channel",
    check=check,
    reads=(
        "evidence.release.channel",
        "policy.release.channels",
    ),
)
