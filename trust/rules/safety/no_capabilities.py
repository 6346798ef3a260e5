# SPDX-License-Identifier: BSD-3-Clause
"""no-capabilities: no file carries a capability."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the extended attributes that the scan saw before packing."""
    return unexcused(
        policy,
        evidence,
        kind="capability",
        rule="no-capabilities",
        none="no file capability",
        some="carries a capability",
    )


RULE = Rule(
    id="no-capabilities",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="No file of the image or its base carries a file capability (setcap).",
    why="A capability lends rights of root; packing drops it, so a program that needs it "
    "would not work either.",
    fix="setcap -r FILE at the end of the recipe's script, or leave the package out",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
)
