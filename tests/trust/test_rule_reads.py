# SPDX-License-Identifier: BSD-3-Clause
"""What a rule says that it reads is what it reads: every field is watched while the cases are judged."""

from __future__ import annotations

import dataclasses
import types
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.trust.cases import EVIDENCE, NOON, POLICY
from tests.trust.tables import evidence_of
from tests.trust.test_judge import CASES
from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules import RULES
from trust.rules.rule import TIME, Rule

ALWAYS_READ = {"evidence.name", "evidence.version", "evidence.purpose"}


class Watched:
    """Stands for a frozen dataclass and notes which of its fields are read, in dotted names."""

    def __init__(self, real: Any, path: str, seen: set[str]) -> None:
        self._real, self._path, self._seen = real, path, seen

    def __getattr__(self, name: str) -> Any:
        member: Any = getattr(type(self._real), name, None)
        if isinstance(member, property):
            return member.__get__(self)
        if isinstance(member, types.FunctionType):
            return types.MethodType(member, self)
        path = f"{self._path}.{name}"
        self._seen.add(path)
        value = getattr(self._real, name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return Watched(value, path, self._seen)
        return value


def read_by(rule: Rule, policy: TrustPolicy, evidence: Evidence, at: datetime = NOON) -> set[str]:
    """Return what a rule reads of one case."""
    seen: set[str] = set()
    one: Any = Watched(policy, "policy", seen)
    other: Any = Watched(evidence, "evidence", seen)
    rule.check(one, other, at)
    return seen - ALWAYS_READ


def cases(rule: Rule) -> list[Evidence]:
    """Return the whole evidence for every purpose, and with each one of its facts missing."""
    optional = [field.name for field in dataclasses.fields(Evidence) if field.default is None]
    return [
        variant
        for purpose in Purpose
        if purpose in rule.purposes
        for whole in [replace(EVIDENCE, purpose=purpose)]
        for variant in [whole, *(replace(whole, **{name: None}) for name in optional)]  # type: ignore[arg-type]  # any field
    ]


def covers(declared: str, read: str) -> bool:
    """Return whether reading one path is on the way to, at, or below a declared one."""
    return f"{declared}.".startswith(f"{read}.") or f"{read}.".startswith(f"{declared}.")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_declares_what_it_reads(rule: Rule) -> None:
    read = {path for case in cases(rule) for path in read_by(rule, POLICY, case)}

    hidden = {path for path in read if not any(covers(each, path) for each in rule.reads)}

    assert hidden == set(), f"add them to `reads` of {rule.id}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_reads_what_it_declares(rule: Rule) -> None:
    whole = [(case, NOON) for case in cases(rule)]
    told = [evidence_of(changed) for who, changed, _, _ in CASES if who == rule.id]
    read = {path for case, at in [*whole, *told] for path in read_by(rule, POLICY, case, at)}

    never = {
        each
        for each in set(rule.reads) - {TIME}
        if not any(f"{path}.".startswith(f"{each}.") for path in read)
    }

    assert rule.reads
    assert never == set(), f"{rule.id} does not read them"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_is_declared_is_there(rule: Rule) -> None:
    for declared in set(rule.reads) - {TIME}:
        root, *names = declared.split(".")
        kind: Any = {"evidence": EVIDENCE, "policy": POLICY}[root]
        for name in names:
            assert name in {field.name for field in dataclasses.fields(kind)}, declared
            kind = getattr(kind, name)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_whose_answer_depends_on_the_moment_says_so(rule: Rule) -> None:
    told = [evidence_of(changed)[0] for who, changed, _, _ in CASES if who == rule.id]
    moments = [NOON + timedelta(days=days) for days in (-900, -30, -1, 1, 9, 30, 200, 400, 2000)]

    depends = any(
        rule.check(POLICY, case, at) != rule.check(POLICY, case, NOON)
        for case in [*cases(rule), *told]
        for at in moments
    )

    assert depends is (TIME in rule.reads)
