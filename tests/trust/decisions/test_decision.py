# SPDX-License-Identifier: BSD-3-Clause
"""What the log keeps of a verdict, and of what people said for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.canonical import sha256_of
from core.problems import Severity
from tests.trust.cases import EVIDENCE, NOON, PLAN, POLICY
from trust.codec import to_json
from trust.decisions import decision as decisions
from trust.decisions.decision import Kind
from trust.evidence import Approval, Waiver
from trust.judge import judge
from trust.verdict import Finding, Group, Outcome, Verdict

WAIVER = Waiver(
    id="9" * 64,
    rule="tests-passed",
    package="pyfai",
    versions=("2024.9",),
    reason="the GPU is broken",
    approvers=("Ada", "Bob"),
    granted=NOON - timedelta(days=1),
    expires=NOON + timedelta(days=9),
)
APPROVAL = Approval(
    by="pgp:" + "E" * 40,
    name="Ada",
    roles=("release-manager",),
    facility="ESRF",
    subject="pyfai 2024.9",
    plan=PLAN,
    given=NOON - timedelta(hours=2),
)


def waived() -> Verdict:
    """Return a verdict in which a waiver answered one rule."""
    verdict = judge(POLICY, EVIDENCE, at=NOON)
    answered = Finding(
        "tests-passed", Group.SAFETY, Severity.ERROR, Outcome.WAIVED, "failed: x; waived", None
    )
    rest = tuple(each for each in verdict.findings if each.rule != "tests-passed")
    return replace(verdict, findings=(answered, *rest))


def test_a_refusal_is_logged_with_its_rules_and_nobody_stands_for_it() -> None:
    evidence = replace(EVIDENCE, tests=None)
    verdict = judge(POLICY, evidence, at=NOON)

    found = decisions.of_verdict(Kind.SIGN, verdict, evidence, who="pgp:X")

    assert (found.subject, found.accepted, found.at) == ("pyfai 2024.9", False, NOON)
    assert "tests-passed" in found.refused
    assert (found.plan, found.who) == (PLAN, "")
    assert (found.policy_version, found.policy_sha256) == (7, "f" * 64)
    assert found.verdict_sha256 == sha256_of(to_json(verdict))


def test_a_used_waiver_is_in_the_decision_and_one_of_its_own() -> None:
    other = replace(WAIVER, id="8" * 64, rule="no-secrets")
    evidence = replace(EVIDENCE, approvals=None, waivers=(WAIVER, other))

    found = decisions.of_verdict(Kind.PUBLISH, waived(), evidence, who="pgp:X")
    [behind] = decisions.behind(waived(), evidence)

    assert found.waivers == (WAIVER.id,)
    assert behind.kind is Kind.WAIVE
    assert behind.subject == "tests-passed for pyfai 2024.9"
    assert behind.note == "the GPU is broken (until 2026-06-10 12:00 UTC, by Ada, Bob)"


def test_an_approval_of_this_plan_is_a_decision_and_one_of_another_is_not() -> None:
    other = replace(APPROVAL, plan="7" * 64)
    evidence = replace(EVIDENCE, approvals=(APPROVAL, other))

    [behind] = decisions.behind(judge(POLICY, evidence, at=NOON), evidence)

    assert (behind.kind, behind.who, behind.at) == (Kind.APPROVE, APPROVAL.by, APPROVAL.given)
    assert behind.note == "Ada, ESRF, as release-manager"


def test_a_policy_is_one_decision_for_each_text_of_it() -> None:
    first = decisions.of_policy(POLICY, at=NOON)

    assert first.subject == "trust-policy 7"
    assert first.identity == replace(first, at=NOON + timedelta(days=1)).identity
    assert first.identity != replace(first, policy_sha256="0" * 64).identity
