# SPDX-License-Identifier: BSD-3-Clause
"""no-build-paths: nothing points into the sandbox of the build."""

from __future__ import annotations

from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for the folders of the sandbox."""
    return unexcused(
        policy,
        evidence,
        kind="build-path",
        rule="no-build-paths",
        none="no path of the build",
        some="names a folder of the build, which is gone",
    )


RULE = Rule(
    id="no-build-paths",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="No text and no search path of a library names a folder that was there during the "
    "build only.",
    why="What looks for its files there does not find them, or finds what somebody else has "
    "put there.",
    fix="configure with the prefix /opt/NAME, or rewrite the file at the end of the recipe's "
    "script",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
    severity=Severity.WARNING,
)
