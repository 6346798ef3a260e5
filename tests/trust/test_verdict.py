# SPDX-License-Identifier: BSD-3-Clause
"""A verdict as text and as JSON, both ways."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.trust.cases import EVIDENCE, NOON, POLICY
from trust.codec import Undecodable, from_json, to_json
from trust.evidence import Evidence
from trust.judge import judge
from trust.verdict import Verdict, reasons, text

VERDICT = judge(POLICY, replace(EVIDENCE, tests=None), at=NOON)


def test_a_verdict_survives_json() -> None:
    assert from_json(Verdict, json.loads(json.dumps(to_json(VERDICT)))) == VERDICT


def test_evidence_survives_json() -> None:
    for evidence in (EVIDENCE, replace(EVIDENCE, build=None, signer=None, published=None)):
        assert from_json(Evidence, json.loads(json.dumps(to_json(evidence)))) == evidence


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param({"name": None}, "Verdict.name must be str", id="type"),
        pytest.param({"policy_version": True}, "Verdict.policy_version must be int", id="bool"),
        pytest.param({"purpose": "rob"}, "Verdict.purpose must be one of", id="choice"),
        pytest.param({"at": "2026-06-01T12:00:00"}, "Verdict.at must be a time", id="zone"),
        pytest.param({"at": "noon"}, "Verdict.at must be a time", id="time"),
        pytest.param({"findings": {}}, "Verdict.findings must be a list", id="list"),
        pytest.param({"findings": ["x"]}, "Verdict.findings.0 must be a mapping", id="mapping"),
        pytest.param({"extra": 1}, "unknown field 'extra'", id="unknown"),
    ],
)
def test_other_json_is_not_a_verdict(spoil: dict[str, object], message: str) -> None:
    data = to_json(VERDICT)
    assert isinstance(data, dict)

    with pytest.raises(Undecodable, match=message):
        from_json(Verdict, {**data, **spoil})


def test_a_missing_field_is_named() -> None:
    data = to_json(VERDICT)
    assert isinstance(data, dict)
    del data["findings"]

    with pytest.raises(Undecodable, match="lacks the field 'findings'"):
        from_json(Verdict, data)


def test_the_text_says_the_answer_the_reason_and_the_way_out() -> None:
    lines = text(VERDICT).splitlines()

    assert lines[0] == (
        "pyfai 2024.9: refused (asked to publish, 2026-06-01 12:00 UTC, "
        "policy version 7 ffffffffffff)"
    )
    at = next(n for n, line in enumerate(lines) if "tests-passed" in line)
    assert lines[at].split(maxsplit=2) == [
        "NO",
        "tests-passed",
        "could not be checked: how the tests went is not known",
    ]
    assert lines[at + 1].strip() == "to mend it: pansoft test NAME"
    assert reasons(VERDICT).splitlines()[0] == (
        "  tests-passed: could not be checked: how the tests went is not known"
    )
