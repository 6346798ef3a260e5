# SPDX-License-Identifier: BSD-3-Clause
"""tests-passed: the very bytes that are signed have passed the recipe's tests."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the report, and at which image it speaks of."""
    tests = evidence.tests
    if tests is None:
        return unknown("how the tests went")
    if evidence.image_sha256 is None:
        return unknown("the sha256 of the image")
    if tests.image_sha256 != evidence.image_sha256:
        return Refusal(
            f"the tests ran on another image ({tests.image_sha256[:12]}, "
            f"this one is {evidence.image_sha256[:12]})"
        )
    if tests.failed:
        return Refusal(f"failed: {', '.join(tests.failed)}", "make the tests pass")
    if not tests.passed:
        return Refusal("there is no test", "add a test to the recipe")
    count = len(tests.passed)
    return Passed(f"{count} test{'' if count == 1 else 's'} passed on exactly this image")


RULE = Rule(
    id="tests-passed",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="The recipe has at least one test and all of them passed on exactly this image.",
    why="A report about other bytes says nothing about these.",
    fix="pansoft test NAME",
    check=check,
)
