# SPDX-License-Identifier: BSD-3-Clause
"""no-dangling-links: symbolic links lead somewhere."""

from __future__ import annotations

from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the links that the scan could not follow."""
    return unexcused(
        policy,
        evidence,
        kind="dangling-link",
        rule="no-dangling-links",
        none="no link that leads nowhere",
        some="leads nowhere",
    )


RULE = Rule(
    id="no-dangling-links",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="Every symbolic link that the package adds leads to something in the image.",
    why="Behind such a link there is often a package that is missing.",
    fix="add the package that has the target under build.apt, or remove the link in the "
    "recipe's script",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
    severity=Severity.WARNING,
)
