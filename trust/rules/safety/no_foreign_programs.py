# SPDX-License-Identifier: BSD-3-Clause
"""no-foreign-programs: programs and libraries are for the processor of the image."""

from __future__ import annotations

from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the machine that each ELF file names."""
    return unexcused(
        policy,
        evidence,
        kind="foreign-program",
        rule="no-foreign-programs",
        none="no program for another processor",
        some="is for another processor",
    )


RULE = Rule(
    id="no-foreign-programs",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="Every ELF file that the package adds is for the architecture of the image.",
    why="It cannot run; often a wrong wheel or an archive of somebody else's machine was taken.",
    fix="take the right artefact, or remove the file in the recipe's script",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
    severity=Severity.WARNING,
)
