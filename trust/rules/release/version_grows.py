# SPDX-License-Identifier: BSD-3-Clause
"""version-grows: nothing older is published after something newer."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from core.versions import compare_releases
from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.rule import Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the version with every other one that the channel holds."""
    if any(fnmatchcase(evidence.name, pattern) for pattern in policy.release.may_go_back):
        return NotApplicable("the policy lets older versions of it be published")
    if evidence.history is None:
        return unknown("which versions the repository holds")
    if evidence.release is None:
        return unknown("the channel")
    if evidence.release.kept:
        return Passed("kept beside the current version, which stays the one that users get")
    there = {each.version for each in evidence.history if each.channel == evidence.release.channel}
    if evidence.version in there:
        return Passed("published in this channel already")
    for other in sorted(there):
        order = compare_releases(evidence.version, other)
        if order is None:
            return unknown(f"whether {evidence.version} is newer than {other}")
        if order <= 0:
            return Refusal(
                f"{other} is in the channel {evidence.release.channel} already, and "
                f"{evidence.version} is not newer"
            )
    newer = f"newer than {', '.join(sorted(there)[:5])}" if there else "the first of this channel"
    return Passed(newer)


RULE = Rule(
    id="version-grows",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="The version is newer than every other one of its channel, unless it is kept beside the current "
    "one (`recipes/NAME/versions/VERSION`) or `release.may_go_back` lists the package.",
    why="Users get the newest version of a channel; a typing error or an old branch must not become it.",
    fix="raise `version` in the recipe, keep an older one in recipes/NAME/versions/VERSION, or propose "
    "the package for `release.may_go_back`",
    check=check,
    reads=(
        "evidence.history",
        "evidence.release.channel",
        "evidence.release.kept",
        "policy.release.may_go_back",
    ),
)
