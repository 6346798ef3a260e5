# SPDX-License-Identifier: BSD-3-Clause
"""tests-complete: nothing was left out of the tests, and nothing needed a second try."""

from __future__ import annotations

from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for tests that were not run, and for tests that passed at a second try."""
    tests = evidence.tests
    if tests is None:
        return unknown("how the tests went")
    told = []
    if tests.not_run:
        told.append(f"not run: {', '.join(tests.not_run)}")
    if tests.retried:
        told.append(f"passed at the second try: {', '.join(tests.retried)}")
    if told:
        return Refusal("; ".join(told))
    return Passed("every test was run and passed at the first try")


RULE = Rule(
    id="tests-complete",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="Every test was run, and passed at the first try.",
    why="What could not be run, and what passes at times only, is for a person to look at.",
    fix="pansoft test NAME on a machine that has what the test needs; look at why the first try failed",
    check=check,
    reads=("evidence.tests",),
    severity=Severity.WARNING,
)
