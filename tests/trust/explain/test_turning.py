# SPDX-License-Identifier: BSD-3-Clause
"""The moment at which an answer changes by itself, to the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tests.trust.cases import EVIDENCE, NOON, POLICY, SIGNER
from tests.trust.decisions.test_decision import WAIVER
from trust.evidence import Evidence, ReleaseFacts
from trust.explain.turning import Turn, turning
from trust.rules import RULES
from trust.verdict import Outcome


def turn_of(rule: str, evidence: Evidence, at: datetime = NOON) -> Turn | None:
    return turning(POLICY, evidence, next(each for each in RULES if each.id == rule), at=at)


def test_support_ends_when_its_last_day_does() -> None:
    turn = turn_of("support-date-valid", EVIDENCE)

    assert turn is not None
    assert turn.at == datetime(2028, 1, 1, tzinfo=UTC)
    assert turn.finding.outcome is Outcome.REFUSED


def test_a_key_expires_in_the_middle_of_a_day() -> None:
    expires = datetime(2026, 9, 3, 15, 30, 7, tzinfo=UTC)
    turn = turn_of("signer-trusted", replace(EVIDENCE, signer=replace(SIGNER, expires=expires)))

    assert turn is not None
    assert turn.at == expires


def test_a_no_turns_to_a_yes_when_the_days_of_a_key_begin() -> None:
    turn = turn_of("signer-trusted", EVIDENCE, at=datetime(2025, 12, 24, 18, tzinfo=UTC))

    assert turn is not None
    assert (turn.at, turn.finding.outcome) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        Outcome.PASSED,
    )


def test_a_waiver_ends() -> None:
    evidence = replace(EVIDENCE, tests=None, waivers=(replace(WAIVER),))
    turn = turn_of("tests-passed", evidence)

    assert turn is not None
    assert (turn.at, turn.finding.outcome) == (WAIVER.expires, Outcome.REFUSED)


def test_what_does_not_depend_on_time_does_not_turn() -> None:
    assert turn_of("base-allowed", EVIDENCE) is None


def test_what_holds_for_years_does_not_turn() -> None:
    evidence = replace(EVIDENCE, release=ReleaseFacts("testing", "2040-01-01"))

    assert turn_of("support-date-valid", evidence) is None
