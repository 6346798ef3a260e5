# SPDX-License-Identifier: BSD-3-Clause
"""A rule's answer, explained: what the policy says and where, what was seen, what has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import strict_yaml
from tests.trust.cases import EVIDENCE, NOON, POLICY
from trust.evidence import Evidence, Purpose
from trust.explain.explanation import Explanation, as_json, explanations, text
from trust.judge import judge
from trust.rules import RULES

DOCUMENT = strict_yaml.loads(
    b"""schema: 1
version: 7
repositories:
  - name: software.pan.example.org
    audience: public
  - name: "*.local"
    audience: local
safety:
  bases:
    - debian-12
    - debian-12-*
signers: []
licensing:
  allow: [MIT, Apache-2.0]
  redistribution:
    allowed: [public]
    partners: []
""",
    Path("trust-policy/policy.yaml"),
)


def explained(rule: str, evidence: Evidence, **more: Any) -> Explanation:
    asked = {"at": NOON, "policy": POLICY, **more}
    policy = asked.pop("policy")
    then = judge(POLICY, EVIDENCE, at=NOON)
    chosen = [each for each in RULES if each.id == rule]
    [found] = explanations(policy, DOCUMENT, evidence, then, rules=chosen, **asked)
    return found


def test_a_rule_is_explained_with_the_line_of_the_policy_and_what_was_seen() -> None:
    found = explained("base-allowed", replace(EVIDENCE, base="ubuntu", bases=("ubuntu",)))

    assert text(found).splitlines() == [
        "base-allowed: refused",
        "  asks     The base is one of those that the policy lists, and so is every base that it stands on.",
        "  why      A base is in every image that stands on it; each one has to be looked after.",
        "  policy   safety.bases: debian-12, debian-12-*",
        "           trust-policy/policy.yaml:9",
        "  seen     base: ubuntu",
        "  seen     bases: ubuntu",
        "  then     passed: stands on debian-12-python on debian-12",
        "  now      refused: the base ubuntu is not one of debian-12, debian-12-*",
        "  change   to mend it: use a listed base, or propose the base for `safety.bases` in "
        "trust-policy/policy.yaml",
        "  change   no waiver counts: the policy has no section `waivers`",
    ]


def test_an_answer_that_is_the_same_is_said_once() -> None:
    found = explained("base-allowed", EVIDENCE)

    assert not found.has_changed
    assert "  answer   stands on debian-12-python on debian-12" in text(found)


def test_what_nobody_looked_at_is_said_with_what_looks_at_it() -> None:
    found = explained("tests-passed", replace(EVIDENCE, tests=None))

    assert (found.seen[0].field, found.seen[0].known) == ("tests", False)
    assert "nobody looked at `tests`: pansoft test pyfai" in found.ways


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("bare", [False, True], ids=["all-known", "nothing-known"])
def test_every_rule_can_be_explained_on_one_screen(rule: Any, bare: bool) -> None:
    evidence = Evidence(Purpose.PUBLISH, "pyfai", "1") if bare else EVIDENCE

    found = explained(rule.id, evidence)

    assert all(len(line) < 500 for line in text(found).splitlines())
    assert as_json(found)["rule"] == rule.id
    assert not bare or not any(each.known for each in found.seen)


def test_another_policy_gives_another_answer() -> None:
    strict = replace(POLICY, safety=replace(POLICY.safety, bases=("debian-13",)))

    found = explained("base-allowed", EVIDENCE, policy=strict)

    assert found.has_changed
    assert found.now.outcome == "refused"


def test_a_rule_that_was_not_asked_then_is_said() -> None:
    rule = next(each for each in RULES if each.id == "base-allowed")
    then = replace(judge(POLICY, EVIDENCE, at=NOON), findings=())

    [found] = explanations(
        POLICY, DOCUMENT, EVIDENCE, then, at=NOON + timedelta(days=1), rules=[rule]
    )

    assert "  then     not asked" in text(found)
