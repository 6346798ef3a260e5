# SPDX-License-Identifier: BSD-3-Clause
"""no-world-writable: nobody but its owner may change what is published."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the modes that the scan saw."""
    return unexcused(
        policy,
        evidence,
        kind="world-writable",
        rule="no-world-writable",
        none="no folder that anybody may write to",
        some="anybody may write to",
    )


RULE = Rule(
    id="no-world-writable",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="No folder that the package adds may be written to by everybody, unless it has the sticky bit. "
    "Files are the matter of no-setuid.",
    why="On a machine that unpacks the tree as root, any user could put a program there for "
    "the others to run.",
    fix="chmod o-w at the end of the recipe's script",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
)
