# SPDX-License-Identifier: BSD-3-Clause
"""What may be handed to whom: the rules of licensing on licences, exceptions, words and components."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.cases import (
    EVIDENCE,
    LIBC,
    NOON,
    NUMPY,
    POLICY,
    WORDS,
    bill,
    wheel,
)
from trust.evidence import BillFacts, Component, Evidence, LicenceFacts, Purpose
from trust.judge import judge
from trust.policy import Components, TrustPolicy
from trust.rules.licensing import RULES
from trust.verdict import Finding, Outcome

OK, NO, WARN = Outcome.PASSED, Outcome.REFUSED, Outcome.WARNED
ARCHIVE = Component("pkg:generic/a.tgz?checksum=x", "a.tgz", "1", origin="recipe")
WARNING = replace(
    POLICY,
    licensing=replace(
        POLICY.licensing,
        components=replace(POLICY.licensing.components, unknown="warn"),
    ),
)
SILENT = replace(POLICY, licensing=replace(POLICY.licensing, components=Components()))


def finding(rule: str, evidence: Evidence, policy: TrustPolicy = POLICY) -> Finding:
    findings = judge(policy, evidence, at=NOON).findings
    return next(each for each in findings if each.rule == rule)


def licence(spdx: str, right: str = "allowed", text: str | None = None) -> LicenceFacts:
    return LicenceFacts(spdx, right, text)


LICENCES = [
    # what a licence is, whose words, what it may be handed on as
    (
        "reviewed by its words",
        licence("LicenseRef-Good", text=WORDS),
        OK,
        "LicenseRef-Good allowed",
    ),
    (
        "other words",
        licence("LicenseRef-Good", text="5" * 64),
        NO,
        "others than those that A. Reader",
    ),
    ("no words", licence("LicenseRef-Good"), NO, "are not beside the recipe"),
    (
        "a review of no words",
        licence("LicenseRef-Unread", text=WORDS),
        NO,
        "does not say which words",
    ),
    ("never reviewed", licence("LicenseRef-New", text=WORDS), NO, "needs a review for pyfai"),
    (
        "words for both",
        licence("LicenseRef-Good AND MIT", text=WORDS),
        OK,
        "LicenseRef-Good and MIT",
    ),
    (
        "one of two reviewed",
        licence("LicenseRef-Good AND LicenseRef-New", text=WORDS),
        NO,
        "New needs",
    ),
    ("a free choice beside it", licence("LicenseRef-New OR MIT"), OK, "MIT allowed"),
    ("reviewed, of SPDX's list", licence("CC-BY-NC-4.0"), OK, "CC-BY-NC-4.0 allowed"),
    ("denied, though reviewed", licence("SSPL-1.0"), NO, "SSPL-1.0 is denied"),
    ("denied beside a free one", licence("MIT AND SSPL-1.0"), NO, "SSPL-1.0 is denied"),
    ("held and kept", licence("LicenseRef-Held", "forbidden"), OK, "LicenseRef-Held allowed"),
    ("held and handed to partners", licence("LicenseRef-Held", "partners"), NO, "hands nothing on"),
    ("held and handed on", licence("LicenseRef-Held"), NO, "hands nothing on"),
    ("held and another", licence("LicenseRef-Held AND ISC", "forbidden"), NO, "ISC is on no list"),
    ("held or free", licence("LicenseRef-Held OR MIT"), OK, "MIT allowed"),
    (
        "an exception on the list",
        licence("GPL-2.0-only WITH Classpath-exception-2.0"),
        OK,
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ),
    (
        "an exception on no list",
        licence("GPL-2.0-only WITH GCC-exception-3.1"),
        NO,
        "the exception GCC-exception-3.1 is on no list",
    ),
    (
        "an exception of a denied licence",
        licence("SSPL-1.0 WITH Classpath-exception-2.0"),
        NO,
        "SSPL-1.0 is denied",
    ),
    (
        "without the exception it is allowed",
        licence("GPL-2.0-only WITH GCC-exception-3.1 OR GPL-2.0-only"),
        OK,
        "GPL-2.0-only allowed",
    ),
]


@pytest.mark.parametrize(
    ("facts", "outcome", "says"), [row[1:] for row in LICENCES], ids=[row[0] for row in LICENCES]
)
def test_a_licence(facts: LicenceFacts, outcome: Outcome, says: str) -> None:
    answer = finding("licence-allowed", replace(EVIDENCE, licence=facts))

    assert answer.outcome is outcome
    assert says in answer.message


def test_an_exception_may_be_denied_by_name() -> None:
    licensing = POLICY.licensing
    denying = replace(licensing.exceptions, deny=("Classpath-*",))
    policy = replace(POLICY, licensing=replace(licensing, exceptions=denying))
    facts = licence("GPL-2.0-only WITH Classpath-exception-2.0")

    answer = finding("licence-allowed", replace(EVIDENCE, licence=facts), policy)

    assert answer.outcome is NO
    assert answer.message == "the exception Classpath-exception-2.0 is denied"


COMPONENTS = [
    ("nothing but the program", (), OK, "0 components"),
    ("a free one", (NUMPY,), OK, "1 components"),
    ("by its origin", (LIBC, NUMPY), OK, "2 components, 1 of them by their origin"),
    ("a source, not trusted here", (ARCHIVE,), NO, "a.tgz 1: no machine can tell its licence"),
    ("without a licence", (wheel("comm"),), NO, "comm 1.0 (brought by build.pip): no machine"),
    ("looked up by somebody", (wheel("scipy"),), OK, "1 components"),
    (
        "Debian's from elsewhere",
        (replace(LIBC, origin=None),),
        NO,
        "libc6 2.36 (brought by the base d)",
    ),
    ("of an unheard origin", (replace(LIBC, origin="debian-contrib"),), NO, "no machine can tell"),
    (
        "a licence of nobody's list",
        (wheel("odd", "ISC", brought_by=("a", "b")),),
        NO,
        "odd 1.0 (brought by a, b): ISC is on no list",
    ),
    (
        "a denied licence",
        (NUMPY, wheel("mongo-c", "SSPL-1.0")),
        NO,
        "mongo-c 1.0 (brought by build.pip",
    ),
    ("denied, though reviewed", (wheel("mongo", "SSPL-1.0"),), NO, "SSPL-1.0 is denied"),
    ("a choice with a denied one", (wheel("mongo", "SSPL-1.0 OR MIT"),), OK, "1 components"),
    ("both", (wheel("mongo", "SSPL-1.0 AND MIT"),), NO, "SSPL-1.0 is denied"),
    ("two licences, each in a field", (wheel("two", "MIT", "Apache-2.0"),), OK, "1 components"),
    (
        "one of two fields denied",
        (wheel("two", "MIT OR ISC", "SSPL-1.0"),),
        NO,
        "SSPL-1.0 is denied",
    ),
    (
        "proprietary and reviewed",
        (wheel("nvidia-cublas", "LicenseRef-NVIDIA"),),
        OK,
        "1 components",
    ),
    (
        "the review is of another licence",
        (wheel("nvidia-x", "LicenseRef-CUDA"),),
        NO,
        "needs a review",
    ),
    (
        "another component",
        (wheel("mkl", "LicenseRef-NVIDIA"),),
        NO,
        "mkl 1.0 (brought by build.pip)",
    ),
    (
        "restricted by its words",
        (wheel("mkl", "LicenseRef-restricted"),),
        NO,
        "needs a review of the",
    ),
    ("the program, read for the package", (wheel("pyFAI", "LicenseRef-Good"),), OK, "1 comp"),
    (
        "another, with the words read for the package",
        (wheel("pyfai-more", "LicenseRef-Good"),),
        NO,
        "LicenseRef-Good needs a review of the component",
    ),
    ("the program, denied", (wheel("pyfai", "SSPL-1.0"),), NO, "SSPL-1.0 is denied"),
    ("half an expression", (wheel("odd", "MIT) OR (MIT", "MIT"),), NO, "is no SPDX expression"),
    ("no expression at all", (wheel("odd", "BSD"),), NO, "'BSD' is no SPDX expression"),
    ("an endless expression", (wheel("odd", "MIT AND " * 90 + "ISC"),), NO, "ISC is on no list"),
    (
        "an exception on no list",
        (wheel("x", "GPL-3.0-only WITH GCC-exception-3.1"),),
        NO,
        "exception",
    ),
    ("one bad among good ones", (LIBC, NUMPY, wheel("odd", "ISC")), NO, "odd 1.0"),
    ("many bad ones", tuple(wheel(f"w{n}", "ISC") for n in range(9)), NO, "; and 4 more"),
]


@pytest.mark.parametrize(
    ("contents", "outcome", "says"),
    [row[1:] for row in COMPONENTS],
    ids=[row[0] for row in COMPONENTS],
)
def test_a_component(contents: tuple[Component, ...], outcome: Outcome, says: str) -> None:
    answer = finding("components-allowed", replace(EVIDENCE, bill=bill(*contents)))

    assert answer.outcome is outcome
    assert says in answer.message


def test_a_review_is_for_the_packages_that_it_names() -> None:
    evidence = replace(
        EVIDENCE, bill=bill(wheel("nvidia-cublas", "LicenseRef-NVIDIA")), name="silx"
    )

    assert finding("components-allowed", evidence).outcome is NO


def test_a_policy_may_be_content_with_a_warning() -> None:
    evidence = replace(EVIDENCE, bill=bill(NUMPY, wheel("comm"), wheel("odd")))

    assert finding("components-allowed", evidence, WARNING).outcome is OK
    told = finding("components-known", evidence, WARNING)
    assert told.outcome is WARN
    assert told.message == "no machine can tell the licence of 2: comm 1.0, odd 1.0"


def test_a_policy_that_says_nothing_trusts_nothing() -> None:
    assert finding("components-allowed", replace(EVIDENCE, bill=bill(LIBC)), SILENT).outcome is NO


@pytest.mark.parametrize(
    ("counted", "says"),
    [
        (replace(bill(NUMPY, LIBC), contents=None), "could not be checked: what the image holds"),
        (replace(bill(NUMPY, LIBC), contents=()), "counts 2 components"),
        (replace(bill(NUMPY, LIBC), contents=(NUMPY,)), "told are 1, 0 of them without"),
        (
            replace(bill(NUMPY), contents=(replace(NUMPY, licences=()),)),
            "0 of them without a licence; told are 1, 1",
        ),
    ],
    ids=["not told", "emptied", "one left out", "its licence left out"],
)
def test_what_is_left_out_counts_as_something(counted: BillFacts, says: str) -> None:
    answer = finding("components-allowed", replace(EVIDENCE, bill=counted), WARNING)

    assert answer.outcome is NO
    assert says in answer.message


AUDIENCES = [
    ("allowed", "software.pan.example.org", OK),
    ("allowed", "site.example.org", OK),
    ("partners", "software.pan.example.org", NO),
    ("partners", "partners.pan.example.org", OK),
    ("forbidden", "software.pan.example.org", NO),
    ("forbidden", "partners.pan.example.org", NO),
    ("forbidden", "site.example.org", OK),
    ("forbidden", "laptop.local", OK),
]


@pytest.mark.parametrize("purpose", [Purpose.MERGE, Purpose.PUBLISH])
@pytest.mark.parametrize(("right", "repository", "outcome"), AUDIENCES)
def test_what_a_holder_may_not_hand_on_goes_where_nobody_else_reads(
    right: str, repository: str, outcome: Outcome, purpose: Purpose
) -> None:
    evidence = replace(
        EVIDENCE,
        purpose=purpose,
        licence=licence("LicenseRef-Held", right),
        repository=repository,
    )

    assert finding("redistribution", evidence).outcome is outcome


_NAMES = st.sampled_from(["numpy", "nvidia-cublas", "mongo", "scipy", "mkl", "x"])
_WORDS = st.sampled_from(
    ["MIT", "ISC", "SSPL-1.0", "MIT OR ISC", "LicenseRef-NVIDIA", "BSD", "", "MIT AND (", "WITH"]
)
_COMPONENT = st.builds(
    Component,
    purl=_NAMES.map(lambda name: f"pkg:pypi/{name}@1.0"),
    name=_NAMES,
    version=st.just("1.0"),
    licences=st.lists(_WORDS, max_size=2).map(tuple),
    origin=st.sampled_from([None, "debian-main", "recipe", "elsewhere"]),
    brought_by=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)
_POLICIES = st.sampled_from([POLICY, WARNING, SILENT])


@given(contents=st.lists(_COMPONENT, max_size=6), more=_COMPONENT, policy=_POLICIES)
def test_one_more_component_never_turns_a_no_into_a_yes(
    contents: list[Component], more: Component, policy: TrustPolicy
) -> None:
    before = replace(EVIDENCE, bill=bill(*contents))
    after = replace(EVIDENCE, bill=bill(*contents, more))

    if not judge(policy, before, at=NOON, rules=RULES):
        assert not judge(policy, after, at=NOON, rules=RULES)


@given(contents=st.lists(_COMPONENT, min_size=1, max_size=6), policy=_POLICIES, data=st.data())
def test_leaving_a_component_or_its_licence_out_never_turns_a_no_into_a_yes(
    contents: list[Component], policy: TrustPolicy, data: st.DataObject
) -> None:
    told = bill(*contents)
    chosen = data.draw(st.integers(0, len(contents) - 1))
    kept = (*contents[:chosen], *contents[chosen + 1 :])
    muted = (*contents[:chosen], replace(contents[chosen], licences=()), *contents[chosen + 1 :])

    if not judge(policy, replace(EVIDENCE, bill=told), at=NOON, rules=RULES):
        for less in (kept, muted, ()):
            evidence = replace(EVIDENCE, bill=replace(told, contents=less))
            assert not judge(policy, evidence, at=NOON, rules=RULES)


@given(
    spdx=st.text(alphabet="MIT ANDORWH()-.0123LicenseRef", max_size=40),
    right=st.sampled_from(["allowed", "partners", "forbidden", ""]),
    text=st.sampled_from([None, WORDS, ""]),
)
def test_whatever_a_licence_says_there_is_an_answer(
    spdx: str, right: str, text: str | None
) -> None:
    evidence = replace(
        EVIDENCE, licence=licence(spdx, right, text), bill=bill(wheel("odd", spdx or "x"))
    )

    first, second = (judge(POLICY, evidence, at=NOON, rules=RULES) for _ in range(2))

    assert first == second
