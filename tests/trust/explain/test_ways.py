# SPDX-License-Identifier: BSD-3-Clause
"""What people can do about a no."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from tests.trust.cases import EVIDENCE, NOON, POLICY
from trust.evidence import Evidence
from trust.explain.ways import PRODUCERS, ways
from trust.judge import judge
from trust.policy import TrustPolicy, WaiverTerms
from trust.rules import RULES

TERMS = WaiverTerms(
    threshold=2, roles=("safety",), facilities=2, longest_days=30, never=("licence-known",)
)
WITH_WAIVERS = replace(POLICY, waivers=TERMS)


def ways_of(
    rule_id: str, evidence: Evidence, policy: TrustPolicy = WITH_WAIVERS
) -> tuple[str, ...]:
    rule = next(each for each in RULES if each.id == rule_id)
    [finding] = judge(policy, evidence, at=NOON, rules=(rule,)).findings
    return ways(policy, evidence, rule, finding, None)


def test_a_waiver_is_offered_with_what_it_needs() -> None:
    assert ways_of("tests-passed", replace(EVIDENCE, tests=None))[-1] == (
        "a waiver of at most 30 days, signed by 2 people with a role of safety, of 2 or more "
        "facilities: pansoft trust waive tests-passed pyfai --reason WHY --days N"
    )


@pytest.mark.parametrize("rule", ["signer-trusted", "licence-known"], ids=["by-rule", "by-policy"])
def test_where_no_waiver_helps_none_is_offered(rule: str) -> None:
    evidence = replace(EVIDENCE, signer=None, licence=None)

    assert ways_of(rule, evidence)[-1] == "no waiver can answer this rule"


def test_a_yes_needs_no_way() -> None:
    assert ways_of("tests-passed", EVIDENCE) == ()


def test_every_fact_has_a_command_that_looks_at_it() -> None:
    facts = {field.name for field in dataclasses.fields(Evidence)}

    assert PRODUCERS.keys() == facts - {"purpose", "name", "version"}
