# SPDX-License-Identifier: BSD-3-Clause
"""What holds for every policy, evidence and moment: the judge is pure, total and no friend of doubt."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import NoneType, UnionType
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.problems import Severity
from tests.trust.cases import NOON, OPEN, POLICY
from tests.trust.tables import evidence_of
from tests.trust.test_judge import CASES
from trust.evidence import Evidence, Purpose, SignerFacts, Waiver
from trust.judge import judge
from trust.policy import TrustPolicy
from trust.policy.release import Approvals, Freeze, Promotion
from trust.policy.safety import ProtectedRefs, RequiredTests, Signing
from trust.policy.schema import WARNINGS
from trust.rules import RULES
from trust.rules.rule import ALWAYS, Answer, NotApplicable, Passed, Refusal, Rule
from trust.verdict import Group, Outcome

quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)

# Where None is itself what was seen, and not that nobody looked.
NONE_IS_SEEN = {
    "SignerFacts.expires": "the key has no end",
    "Published.sha256": "the repository holds nothing under this version",
    "ReleaseFacts.supported_until": "the recipe names no day",
    "Component.source": "Debian: the source package has the same name",
}

# Where an item speaks against the package: hiding it is a lie, which its signature answers for.
ITEMS_ACCUSE = {
    "BuildFacts.inputs",
    "BuildFacts.risky_files",
    "BuildFacts.cleared",
    "TestFacts.failed",
    "TestFacts.not_run",
    "TestFacts.retried",
    "ScanFacts.sights",
    "BillFacts.contents",
    "Component.licences",
    "PackageFacts.traits",
    "Evidence.bases",
    "Evidence.history",
}


def less(value: Any) -> Iterator[Any]:
    """Yield a value with one piece of evidence less, for every piece at any depth."""
    kind = type(value)
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = f"{kind.__name__}.{field.name}"
        inner = getattr(value, field.name)
        if inner is not None and _may_be_none(hints[field.name]) and name not in NONE_IS_SEEN:
            yield replace(value, **{field.name: None})
        if isinstance(inner, tuple):
            for number, item in enumerate(inner):
                rest = (inner[:number], inner[number + 1 :])
                if name not in ITEMS_ACCUSE:
                    yield replace(value, **{field.name: (*rest[0], *rest[1])})
                if dataclasses.is_dataclass(item):
                    for weaker in less(item):
                        yield replace(value, **{field.name: (*rest[0], weaker, *rest[1])})
        elif dataclasses.is_dataclass(inner):
            for weaker in less(inner):
                yield replace(value, **{field.name: weaker})


def _may_be_none(hint: Any) -> bool:
    return typing.get_origin(hint) in {UnionType, typing.Union} and NoneType in typing.get_args(
        hint
    )


@st.composite
def seen(draw: st.DrawFn) -> tuple[Evidence, datetime]:
    """Draw evidence that differs from accepted evidence as one to three cases of the table do."""
    rows = draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=3))
    evidence, at = evidence_of({name: new for row in rows for name, new in row[1].items()})
    purpose = draw(st.sampled_from([*Purpose, None, None]))
    return (replace(evidence, purpose=purpose) if purpose else evidence), at


MOMENTS = st.datetimes(timezones=st.just(UTC))
TODAY = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WORDS = st.one_of(
    st.sampled_from(["pyfai", "testing", "stable", "main", "allowed", "MIT", "debian-12", "1.0"]),
    st.text(max_size=8),
)
WAIVERS = st.builds(
    Waiver,
    id=WORDS,
    rule=st.sampled_from([rule.id for rule in RULES]),
    package=st.just("pyfai"),
    versions=st.just(("2024.9",)),
    reason=WORDS,
    approvers=st.just(("Ada",)),
    granted=st.just(NOON - timedelta(days=900)),
    expires=st.just(NOON + timedelta(days=900)),
)


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for every value that a type allows, with words that rules know among them."""
    if kind is str:
        return WORDS
    if kind is datetime:
        return MOMENTS
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {UnionType, typing.Union}:
        return st.one_of(*(anything(each) for each in arguments))
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{f.name: anything(hints[f.name]) for f in dataclasses.fields(kind)}
        )
    return st.from_type(kind)


EVERYTHING: st.SearchStrategy[Evidence] = anything(Evidence)


@settings(quick, max_examples=40)
@given(seen())
def test_removing_any_evidence_never_turns_a_refusal_into_an_acceptance(
    case: tuple[Evidence, datetime],
) -> None:
    """Rule by rule, which is more than the verdict as a whole: none gets better for knowing less."""
    evidence, at = case
    refused = {each.rule for each in judge(POLICY, evidence, at=at).refusals}

    for weaker in less(evidence):
        after = judge(POLICY, weaker, at=at)
        assert refused <= {each.rule for each in after.refusals}


@quick
@given(EVERYTHING, TODAY)
def test_the_judge_answers_whatever_is_shown_to_it(evidence: Evidence, at: datetime) -> None:
    verdict = judge(POLICY, evidence, at=at)

    assert [each.rule for each in verdict.findings] == [rule.id for rule in RULES]
    assert all(each.message for each in verdict.findings)


@quick
@given(EVERYTHING)
def test_a_stranger_is_never_accepted(evidence: Evidence) -> None:
    """Evidence that is put together by chance has no signer of the policy."""
    assume(evidence.purpose in (Purpose.SIGN, Purpose.PUBLISH, Purpose.VERIFY))

    assert not judge(POLICY, evidence, at=NOON).accepted


@quick
@given(seen())
def test_the_same_question_has_the_same_answer(case: tuple[Evidence, datetime]) -> None:
    evidence, at = case

    assert judge(POLICY, evidence, at=at) == judge(POLICY, evidence, at=at)


def rule_that_says(answer: Answer, severity: Severity) -> Rule:
    return Rule(
        id="one-more",
        group=Group.SAFETY,
        purposes=ALWAYS,
        asks="?",
        why="?",
        fix="?",
        check=lambda policy, evidence, at: answer,
        severity=severity,
    )


ANSWERS = st.sampled_from([Passed("yes"), Refusal("no"), NotApplicable("well")])


@quick
@given(
    seen(), st.sets(st.sampled_from(RULES), min_size=1), ANSWERS, st.sampled_from(list(Severity))
)
def test_adding_a_rule_never_widens_what_is_accepted(
    case: tuple[Evidence, datetime], some: set[Rule], answer: Answer, severity: Severity
) -> None:
    evidence, at = case
    rules = sorted(some, key=lambda rule: rule.id)

    more = judge(POLICY, evidence, at=at, rules=[*rules, rule_that_says(answer, severity)])

    assert judge(POLICY, evidence, at=at, rules=rules).accepted or not more.accepted


STRICTER = st.sampled_from(
    [
        lambda p: replace(p, strict=WARNINGS),
        lambda p: replace(p, repositories=()),
        lambda p: _safety(p, bases=p.safety.bases[1:]),
        lambda p: _safety(p, known=()),
        lambda p: _safety(p, signing=(*p.safety.signing, Signing(OPEN, 3, 3, ("judge",)))),
        lambda p: _safety(p, tests=(*p.safety.tests, RequiredTests("mpi", ("mpi",), OPEN))),
        lambda p: _safety(p, protected_refs=ProtectedRefs(OPEN.audiences, ("main",))),
        lambda p: _safety(p, vulnerabilities=replace(p.safety.vulnerabilities, ignored=())),
        lambda p: _release(p, channels=("testing",)),
        lambda p: _release(p, promotion=(*p.release.promotion, Promotion("testing", 30, OPEN))),
        lambda p: _release(
            p,
            freezes=(
                *p.release.freezes,
                Freeze("x", date(2026, 1, 1), date(2026, 12, 1), "x", OPEN),
            ),
        ),
        lambda p: _release(p, approvals=(*p.release.approvals, Approvals("judge", 1, 1, OPEN))),
        lambda p: _release(p, support=(OPEN,)),
        lambda p: _release(p, retirements=()),
        lambda p: _release(p, may_go_back=()),
    ]
)


def _safety(policy: TrustPolicy, **changed: Any) -> TrustPolicy:
    return replace(policy, safety=replace(policy.safety, **changed))


def _release(policy: TrustPolicy, **changed: Any) -> TrustPolicy:
    return replace(policy, release=replace(policy.release, **changed))


@quick
@given(seen(), STRICTER)
def test_asking_more_never_widens_what_is_accepted(
    case: tuple[Evidence, datetime], stricter: Any
) -> None:
    evidence, at = case

    assume(judge(stricter(POLICY), evidence, at=at).accepted)

    assert judge(POLICY, evidence, at=at).accepted


@quick
@given(seen(), st.lists(WAIVERS, max_size=4))
def test_exceptions_change_nothing_but_the_no_of_rules_that_can_be_waived(
    case: tuple[Evidence, datetime], waivers: list[Waiver]
) -> None:
    evidence, at = case
    without = judge(POLICY, evidence, at=at)

    with_them = judge(POLICY, replace(evidence, waivers=tuple(waivers)), at=at)

    named = {each.rule for each in waivers}
    for rule, before, after in zip(RULES, without.findings, with_them.findings, strict=True):
        if after != before:
            assert (before.outcome, after.outcome) == (Outcome.REFUSED, Outcome.WAIVED)
            assert rule.waivable
            assert rule.id in named
            assert before.message in after.message


@quick
@given(seen(), st.text(alphabet="0123456789ABCDEF", min_size=40, max_size=40))
def test_a_key_that_nobody_lists_adds_nothing(
    case: tuple[Evidence, datetime], fingerprint: str
) -> None:
    evidence, at = case
    assume(POLICY.signer(fingerprint) is None)
    stranger = SignerFacts(fingerprint, "X", datetime(2020, 1, 1, tzinfo=UTC), None, revoked=False)
    more = replace(evidence, signers=(*(evidence.signers or ()), stranger))

    assert judge(POLICY, more, at=at).accepted == judge(POLICY, evidence, at=at).accepted
