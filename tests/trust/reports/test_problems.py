# SPDX-License-Identifier: BSD-3-Clause
"""One verdict as GitLab's and SARIF's report: each no at its line, with what a waiver lets pass set apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sarif_pydantic import Sarif

from core import strict_yaml
from core.reports import Format, render
from tests.trust.cases import EVIDENCE, NOON, POLICY
from tests.trust.decisions.test_decision import WAIVER
from trust.evidence import Evidence, LicenceFacts
from trust.judge import judge
from trust.reports.problems import problems_of, recipe_field, rule_texts

ROOT = Path("/project")
RECIPE = strict_yaml.loads(
    b"schema: 1\nname: pyfai\nversion: '2024.9'\nlicense:\n  spdx: X\n  redistribution: allowed\nbase: u\n",
    ROOT / "recipes" / "pyfai" / "recipe.yaml",
)
TRUST_POLICY = strict_yaml.loads(
    b"schema: 1\nsafety:\n  bases:\n    - debian-12\nlicensing:\n  allow: [MIT]\n  deny: []\n",
    ROOT / "trust-policy" / "policy.yaml",
)
REFUSED = replace(
    EVIDENCE, base="u", licence=LicenceFacts("SSPL-1.0", "allowed"), tests=None, waivers=(WAIVER,)
)


def report(form: Format, evidence: Evidence = REFUSED, *, recipe: bool = True) -> Any:
    verdict = judge(POLICY, evidence, at=NOON)
    problems = problems_of(verdict, policy=TRUST_POLICY, recipe=RECIPE if recipe else None)
    return json.loads(render(problems, form, root=ROOT, rules=rule_texts()))


def test_gitlab_marks_the_line_of_the_recipe() -> None:
    found = {each["check_name"]: each for each in report(Format.GITLAB)}

    assert found["base-allowed"]["location"] == {
        "path": "recipes/pyfai/recipe.yaml",
        "lines": {"begin": 7},
    }
    assert found["licence-allowed"]["location"]["lines"] == {"begin": 5}
    assert {each: found[each]["severity"] for each in ("base-allowed", "tests-passed")} == {
        "base-allowed": "major",
        "tests-passed": "info",
    }


def test_gitlab_gets_the_fields_that_it_documents_and_no_fingerprint_twice() -> None:
    found = report(Format.GITLAB)

    for each in found:
        assert each.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert each["description"].startswith("pyfai 2024.9: ")
    assert len({each["fingerprint"] for each in found}) == len(found)


def test_without_the_recipe_the_line_of_the_policy_is_marked() -> None:
    found = {each["check_name"]: each for each in report(Format.GITLAB, recipe=False)}

    assert found["base-allowed"]["location"] == {
        "path": "trust-policy/policy.yaml",
        "lines": {"begin": 3},
    }


def test_sarif_is_read_by_others_with_the_rule_and_the_line_of_the_policy() -> None:
    content = report(Format.SARIF)

    [run] = Sarif.model_validate(content).runs
    described = {rule.id: rule for rule in run.tool.driver.rules or ()}
    found = {result.rule_id: result for result in run.results or ()}
    assert found.keys() == described.keys() >= {"base-allowed", "licence-allowed", "tests-passed"}
    asks = described["base-allowed"].short_description
    assert asks is not None
    assert asks.text.startswith("The base is one of those that the policy lists")
    [result] = [r for r in content["runs"][0]["results"] if r["ruleId"] == "base-allowed"]
    [policy_line] = result["relatedLocations"]
    assert policy_line["message"]["text"] == "the policy's safety.bases"
    assert policy_line["physicalLocation"] == {
        "artifactLocation": {"uri": "trust-policy/policy.yaml"},
        "region": {"startLine": 3, "startColumn": 3},
    }


def test_what_a_waiver_lets_pass_is_suppressed_in_sarif_with_the_reason() -> None:
    content = report(Format.SARIF)

    by_rule = {each["ruleId"]: each for each in content["runs"][0]["results"]}
    [suppression] = by_rule["tests-passed"]["suppressions"]
    assert suppression["kind"] == "external"
    assert WAIVER.reason in suppression["justification"]
    assert "suppressions" not in by_rule["base-allowed"]


@pytest.mark.parametrize("form", [Format.SARIF, Format.GITLAB])
def test_the_same_verdict_is_the_same_report(form: Format) -> None:
    assert report(form) == report(form)


def test_a_yes_is_an_empty_report() -> None:
    assert report(Format.GITLAB, EVIDENCE) == []
    [run] = Sarif.model_validate(report(Format.SARIF, EVIDENCE)).runs
    assert run.results == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("base-allowed", ("base",)),
        ("channel-allowed", ("release", "channel")),
        ("inputs-pinned", ("build",)),
        ("licence-allowed", ("license", "spdx")),
        ("redistribution", ("license", "redistribution")),
        ("support-date-valid", ("release", "supported_until")),
        ("signer-trusted", ()),
    ],
)
def test_a_rule_looks_at_a_field_of_the_recipe(rule: str, field: tuple[str, ...]) -> None:
    assert recipe_field(rule) == field
