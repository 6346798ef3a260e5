# SPDX-License-Identifier: BSD-3-Clause
"""sbom-present: a bill of materials says what is in the image."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at what is said of the bills."""
    bill = evidence.bill
    if bill is None:
        return unknown("what the image holds: there is no bill of materials")
    if not bill.components:
        return Refusal("the bill of materials is empty")
    return Passed(
        f"{bill.components} components in SPDX and CycloneDX, the licence of "
        f"{bill.components - bill.unlicensed} known"
    )


RULE = Rule(
    id="sbom-present",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="There is a bill of materials in SPDX and in CycloneDX, made when the image was built.",
    why="When a library turns out to be faulty, a site must know which images carry it.",
    fix="pansoft build NAME makes it",
    check=check,
    reads=("evidence.bill",),
)
