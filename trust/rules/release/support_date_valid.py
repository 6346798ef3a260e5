# SPDX-License-Identifier: BSD-3-Clause
"""support-date-valid: nobody releases what nobody supports any more."""

from __future__ import annotations

from datetime import UTC, datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy, day_of
from trust.rules.rule import RELEASING, TIME, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the last day of support with today; the last day itself still counts."""
    if evidence.release is None:
        return unknown("until when the version is supported")
    text = evidence.release.supported_until
    if text is None:
        return NotApplicable("the recipe names no end of support")
    day = day_of(text)
    if day is None:
        return Refusal(f"'{text}' is not a day like 2027-12-31")
    if day < at.astimezone(UTC).date():
        return Refusal(f"its support ended on {day}")
    return Passed(f"supported until {day}")


RULE = Rule(
    id="support-date-valid",
    group=Group.RELEASE,
    purposes=RELEASING,
    asks="If the recipe says until when the version is supported, that day has not passed.",
    why="A release that its owner has given up gets no security fixes.",
    fix="agree on a new `release.supported_until` with the owner, or retire the version",
    check=check,
    reads=("evidence.release.supported_until", TIME),
)
