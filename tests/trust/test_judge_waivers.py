# SPDX-License-Identifier: BSD-3-Clause
"""A signed exception answers the no of one rule, for the versions that it names, while it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.problems import Severity
from tests.trust.cases import EVIDENCE, NOON, POLICY
from trust.evidence import Evidence, Purpose, Waiver
from trust.judge import judge
from trust.policy.schema import WARNINGS
from trust.rules import RULES
from trust.verdict import Finding, Outcome, text

A_DAY = timedelta(days=1)
WAIVER = Waiver(
    id="a" * 64,
    rule="base-allowed",
    package="pyfai",
    versions=("2024.9",),
    reason="debian-13 is on trial at BM29",
    approvers=("Ada", "Bela"),
    granted=NOON - A_DAY,
    expires=NOON + A_DAY,
)
OTHER_BASE = replace(EVIDENCE, base="debian-13", bases=("debian-13",))


def finding(evidence: Evidence, rule: str = "base-allowed") -> Finding:
    return next(each for each in judge(POLICY, evidence, at=NOON).findings if each.rule == rule)


def test_a_waived_no_holds_nothing_back_and_says_so() -> None:
    verdict = judge(POLICY, replace(OTHER_BASE, waivers=(WAIVER,)), at=NOON)

    assert verdict.accepted
    (waived,) = verdict.waived
    assert waived.waiver == WAIVER.id
    assert waived.message.startswith(
        "waived until 2026-06-02 12:00 UTC by Ada, Bela: debian-13 is on trial at BM29 "
        "(waiver aaaaaaaaaaaa); without it: the base debian-13 is not one of"
    )
    assert "waived  base-allowed" in text(verdict)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"rule": "no-secrets"}, id="another rule"),
        pytest.param({"rule": "*"}, id="a pattern of rules"),
        pytest.param({"package": "silx"}, id="another package"),
        pytest.param({"package": "py*"}, id="a pattern of packages"),
        pytest.param({"versions": ("2024.10",)}, id="another version"),
        pytest.param({"versions": ("*",)}, id="a pattern of versions"),
        pytest.param({"versions": ()}, id="no version"),
        pytest.param({"expires": NOON}, id="expired this moment"),
        pytest.param({"granted": NOON + timedelta(seconds=1)}, id="not granted yet"),
    ],
)
def test_an_exception_for_something_else_answers_nothing(changed: dict[str, Any]) -> None:
    evidence = replace(OTHER_BASE, waivers=(replace(WAIVER, **changed),))

    assert finding(evidence).outcome is Outcome.REFUSED


def test_an_exception_that_is_not_needed_is_not_used() -> None:
    assert finding(replace(EVIDENCE, waivers=(WAIVER,))).outcome is Outcome.PASSED


def test_of_two_exceptions_the_one_that_holds_longest_is_told() -> None:
    longer = replace(WAIVER, id="b" * 64, expires=NOON + 2 * A_DAY)

    assert finding(replace(OTHER_BASE, waivers=(longer, WAIVER))).waiver == longer.id
    assert finding(replace(OTHER_BASE, waivers=(WAIVER, longer))).waiver == longer.id


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("rule", [rule.id for rule in RULES if not rule.waivable])
def test_what_may_never_be_waived_stays_a_no(rule: str, purpose: Purpose) -> None:
    nothing = Evidence(purpose=purpose, name="pyfai", version="2024.9")
    plain = finding(nothing, rule)

    assert finding(replace(nothing, waivers=(replace(WAIVER, rule=rule),)), rule) == plain
    assert plain.outcome is not Outcome.WAIVED


def test_who_signs_what_is_built_and_whose_right_it_is_are_never_waived() -> None:
    assert {rule.id for rule in RULES if not rule.waivable} >= {
        "signer-trusted",
        "plan-matches",
        "version-immutable",
        "licence-allowed",
        "redistribution",
    }


def test_a_policy_can_name_every_rule_that_only_warns() -> None:
    assert sorted(WARNINGS) == sorted(r.id for r in RULES if r.severity is Severity.WARNING)


@pytest.mark.parametrize("rule", WARNINGS)
def test_a_stricter_policy_turns_a_warning_into_a_no(rule: str) -> None:
    nothing = replace(EVIDENCE, tests=None, scan=None, bill=None)
    strict = replace(POLICY, strict=(rule,))

    (before,) = (each for each in judge(POLICY, nothing, at=NOON).findings if each.rule == rule)
    (after,) = (each for each in judge(strict, nothing, at=NOON).findings if each.rule == rule)

    assert (before.outcome, after.outcome) == (Outcome.WARNED, Outcome.REFUSED)
    assert after.severity is Severity.ERROR
