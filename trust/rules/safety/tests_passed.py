# SPDX-License-Identifier: BSD-3-Clause
"""tests-passed: the very bytes that are signed have passed the recipe's tests.

A test that could not be run is no passed one: in the channel that users rely on, at least one test of
the recipe has been run.
"""

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
    if not tests.passed and not tests.not_run:
        return Refusal("there is no test", "add a test to the recipe")
    if not tests.passed and (evidence.release is None or evidence.release.channel != "testing"):
        return Refusal(
            f"no test of the recipe was run: {', '.join(tests.not_run)}",
            "pansoft test NAME on a machine that has what the test needs, or the channel testing",
        )
    count = len(tests.passed)
    commands = f", {len(tests.started)} of every package's kind" if tests.started else ""
    return Passed(f"{count} test{'' if count == 1 else 's'} passed on exactly this image{commands}")


RULE = Rule(
    id="tests-passed",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="The recipe has at least one test and none failed on exactly this image; outside the channel "
    "testing, one of the recipe's own tests was run and passed.",
    why="A report about other bytes says nothing about these, and a test that was not run says nothing "
    "at all.",
    fix="pansoft test NAME",
    check=check,
    reads=(
        "evidence.tests",
        "evidence.image_sha256",
        "evidence.release.channel",
    ),
)
