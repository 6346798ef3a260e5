# SPDX-License-Identifier: BSD-3-Clause
"""provenance-present: a signed statement says how the image was made and from what."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import Audience, TrustPolicy
from trust.rules.readers import audience
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at who built it, and from which commit."""
    made = evidence.provenance
    if made is None:
        return unknown("how the image was made: there is no provenance")
    if audience(policy, evidence) is not Audience.LOCAL:
        if made.commit is None:
            return Refusal("its recipe is of no known commit, and others may read the repository")
        if made.changed:
            return Refusal(
                f"its recipe differs from commit {made.commit[:12]}, and others may read the repository"
            )
    if made.commit is None:
        return Passed(f"built by {made.builder} from a recipe of no known commit")
    how = "a changed checkout of " if made.changed else ""
    return Passed(f"built by {made.builder} from {how}commit {made.commit[:12]}")


RULE = Rule(
    id="provenance-present",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="There is a provenance statement (SLSA) that names the builder, every input and the commit of "
    "the recipe. In a repository that others read, that commit is known and was not changed.",
    why="What cannot be traced to a reviewed commit was not reviewed.",
    fix="commit the recipe and its lock, then build and sign from that commit: pansoft apply",
    check=check,
    reads=(
        "evidence.provenance",
        "evidence.repository",
        "policy.repositories",
    ),
)
