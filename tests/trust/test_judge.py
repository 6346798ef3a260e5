# SPDX-License-Identifier: BSD-3-Clause
"""Evidence and a date in, a verdict out: a table of cases per rule, and what holds for all."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.trust.cases import (
    ESRF_KEY,
    EVIDENCE,
    GONE_KEY,
    IMAGE,
    KEY,
    LEFT_KEY,
    LOCAL_KEY,
    NOON,
    POLICY,
    PUBLISHER,
    SIGNED,
    SIGNER,
    bill,
    wheel,
)
from tests.trust.tables import Case, behind, evidence_of, execution, planning
from trust.evidence import (
    BillFacts,
    BuildFacts,
    Evidence,
    Input,
    LicenceFacts,
    PackageFacts,
    Published,
    Purpose,
    ReleaseFacts,
    ScanFacts,
    Sight,
    TestFacts,
)
from trust.judge import judge
from trust.rules import RULES
from trust.verdict import Finding, Outcome

BUILD = EVIDENCE.build or BuildFacts()
MERGE = replace(EVIDENCE, purpose=Purpose.MERGE)
SIGN = replace(EVIDENCE, purpose=Purpose.SIGN, repository=None, published=None, signed_sha256=None)
VERIFY = replace(EVIDENCE, purpose=Purpose.VERIFY)


def finding(rule: str, evidence: Evidence, at: datetime = NOON) -> Finding:
    return next(each for each in judge(POLICY, evidence, at=at).findings if each.rule == rule)


def key(fingerprint: str = KEY, **more: Any) -> dict[str, Any]:
    return {"signer": replace(SIGNER, fingerprint=fingerprint, **more)}


def old(fingerprint: str, published: int, *also: str, **more: Any) -> dict[str, Any]:
    """Return what was published on that day of May, and whose keys have signed it as well."""
    return {
        **key(fingerprint),
        "purpose": Purpose.VERIFY,
        "witnessed": datetime(2026, 5, published, 23, 59, 59, tzinfo=UTC),
        "signers": tuple(replace(SIGNER, fingerprint=each) for each in (fingerprint, *also)),
        **more,
    }


def licence(spdx: str, redistribution: str = "allowed") -> dict[str, Any]:
    return {"licence": LicenceFacts(spdx, redistribution)}


def saw(kind: str, *, times: int = 1) -> dict[str, Any]:
    return {"scan": ScanFacts(9, tuple(Sight(kind, f"/opt/a{n}", "odd") for n in range(times)))}


def made(**more: Any) -> dict[str, Any]:
    assert EVIDENCE.provenance is not None
    return {"provenance": replace(EVIDENCE.provenance, **more)}


OK, NO, WARN = Outcome.PASSED, Outcome.REFUSED, Outcome.WARNED
LOCAL: dict[str, Any] = {"repository": "pan.local"}
A_DAY = timedelta(days=1)

UNRUN = TestFacts(IMAGE, (), (), ("gpu",), started=("command x: starts",))
STABLE = ReleaseFacts("stable", "2027-12-31")

CASES: list[Case] = [
    # rule, what is different from evidence that is accepted, outcome, part of the message
    ("signer-trusted", {}, OK, "signed by Release"),
    ("signer-trusted", {"signer": None}, NO, "could not be checked: the key"),
    ("signer-trusted", key("E" * 40), NO, "does not list the key EEEE"),
    ("signer-trusted", key(KEY.lower()), NO, "does not list"),
    ("signer-trusted", key(LEFT_KEY), NO, "disabled the key of Left: left the project"),
    ("signer-trusted", key(ESRF_KEY), OK, "signed by ESRF"),
    ("signer-trusted", {**key(ESRF_KEY), "name": "silx"}, NO, "may sign esrf-*, pyfai, not silx"),
    ("signer-trusted", {**key(ESRF_KEY), "name": "esrf-x"}, OK, "ESRF"),
    ("signer-trusted", {**key(ESRF_KEY), "name": "my-esrf-x"}, NO, "not my-esrf-x"),
    ("signer-trusted", key(revoked=True), NO, "is revoked"),
    ("signer-trusted", key(expires=NOON), NO, "expired on 2026-06-01"),
    ("signer-trusted", key(expires=NOON + timedelta(seconds=1)), OK, "signed by"),
    ("signer-trusted", key(expires=NOON - A_DAY), NO, "expired on 2026-05-31"),
    ("signer-trusted", key(created=NOON + A_DAY), NO, "was made after"),
    ("signer-trusted", key(created=NOON + timedelta(minutes=1)), OK, "signed by"),
    ("signer-trusted", key(LOCAL_KEY), NO, "is not a local repository"),
    ("signer-trusted", {**key(LOCAL_KEY), "repository": "pan.local"}, OK, "a local key"),
    ("signer-trusted", {**key(LOCAL_KEY), "repository": None}, NO, "could not be checked"),
    ("signer-trusted", {**key(LOCAL_KEY), "repository": "elsewhere.org"}, NO, "not a local"),
    ("signer-trusted", key(GONE_KEY), NO, "Gone is removed since 2026-05-20: changed sides"),
    ("signer-trusted", old(GONE_KEY, published=9), OK, "published on 2026-05-09, before"),
    ("signer-trusted", old(GONE_KEY, 20, "x509:ILL:CN=release"), NO, "only what was published"),
    ("inputs-pinned", {}, OK, "2 inputs, each with its sha256"),
    ("inputs-pinned", {"build": None}, NO, "could not be checked"),
    ("inputs-pinned", {"build": replace(BUILD, inputs=None)}, NO, "could not be checked"),
    ("inputs-pinned", {"build": replace(BUILD, inputs=())}, OK, "0 inputs"),
    (
        "inputs-pinned",
        {"build": replace(BUILD, inputs=(Input("x", None),))},
        NO,
        "without a sha256: x",
    ),
    ("inputs-pinned", {"build": replace(BUILD, inputs=(Input("x", "0" * 63),))}, NO, "x"),
    ("inputs-pinned", {"build": replace(BUILD, inputs=(Input("x", "0" * 64 + "\n"),))}, NO, "x"),
    ("inputs-pinned", {"build": replace(BUILD, inputs=(Input("a", ""),) * 7)}, NO, "and 2 more"),
    ("build-offline", {}, OK, "no network"),
    ("build-offline", {"build": None}, NO, "could not be checked"),
    ("build-offline", {"build": replace(BUILD, network_off=None)}, NO, "could not be checked"),
    ("build-offline", {"build": replace(BUILD, network_off=False)}, NO, "had a network"),
    ("tests-passed", {}, OK, "2 tests passed on exactly this image"),
    ("tests-passed", {"tests": None}, NO, "could not be checked"),
    ("tests-passed", {"image_sha256": None}, NO, "could not be checked"),
    ("tests-passed", {"tests": TestFacts(IMAGE, (), ())}, NO, "there is no test"),
    ("tests-passed", {"tests": TestFacts(IMAGE, ("a",), ("b",))}, NO, "failed: b"),
    ("tests-passed", {"tests": TestFacts(IMAGE, ("a",), ())}, OK, "1 test passed"),
    ("tests-passed", {"tests": TestFacts(SIGNED, ("a",), ())}, NO, "ran on another image"),
    ("tests-passed", {"tests": TestFacts(IMAGE, ("a",), (), ("gpu",))}, OK, "1 test passed"),
    ("tests-passed", {"tests": UNRUN}, OK, "0 tests passed"),
    ("tests-passed", {"tests": UNRUN, "release": STABLE}, NO, "no test of the recipe was run: gpu"),
    ("tests-passed", {"tests": UNRUN, "release": None}, NO, "no test of the recipe was run: gpu"),
    (
        "tests-passed",
        {"tests": TestFacts(IMAGE, ("a",), (), ("gpu",)), "release": STABLE},
        OK,
        "1 test passed",
    ),
    ("tests-complete", {}, OK, "every test was run"),
    ("tests-complete", {"tests": None}, WARN, "could not be checked"),
    ("tests-complete", {"tests": UNRUN}, WARN, "not run: gpu"),
    (
        "tests-complete",
        {"tests": TestFacts(IMAGE, ("a", "b"), (), retried=("b",))},
        WARN,
        "passed at the second try: b",
    ),
    ("no-setuid", {}, OK, "adds no set-uid"),
    ("no-setuid", {"build": None}, NO, "could not be checked"),
    ("no-setuid", {"build": replace(BUILD, risky_files=None)}, NO, "could not be checked"),
    ("no-setuid", {"build": replace(BUILD, risky_files=("/usr/bin/x",))}, NO, "/usr/bin/x"),
    ("no-setuid", {"build": replace(BUILD, risky_files=("/x",) * 6)}, NO, "and 1 more"),
    ("no-setuid", {"build": replace(BUILD, cleared=("/usr/bin/su",))}, OK, "1 of Debian's"),
    ("no-secrets", {}, OK, "in 4711 files; 1 known to the policy"),
    ("no-secrets", {"scan": None}, NO, "could not be checked"),
    ("no-secrets", {"name": "silx"}, NO, "a secret: /opt/venv/tls/test/a.pem (a private key)"),
    ("no-secrets", saw("secret"), NO, "looks like a secret: /opt/a0 (odd)"),
    ("no-secrets", saw("secret", times=7), NO, "/opt/a4 (odd) and 2 more"),
    ("no-secrets", saw("capability"), OK, "no private key"),
    ("no-secrets", saw("unreadable"), NO, "could not be checked: /opt/a0 cannot be read"),
    ("no-capabilities", {}, OK, "no file capability"),
    ("no-capabilities", {"scan": None}, NO, "could not be checked"),
    ("no-capabilities", saw("capability"), NO, "carries a capability: /opt/a0"),
    ("no-world-writable", {}, OK, "no folder that anybody"),
    ("no-world-writable", saw("world-writable"), NO, "anybody may write to: /opt/a0"),
    ("no-build-paths", {}, OK, "no path of the build"),
    ("no-build-paths", saw("build-path"), WARN, "names a folder of the build"),
    ("no-dangling-links", {}, OK, "no link that leads nowhere"),
    ("no-dangling-links", saw("dangling-link"), WARN, "leads nowhere: /opt/a0"),
    ("no-foreign-programs", {}, OK, "no program for another"),
    ("no-foreign-programs", saw("foreign-program"), WARN, "is for another processor"),
    ("sbom-present", {}, OK, "2 components in SPDX and CycloneDX, the licence of 1 known"),
    ("sbom-present", {"bill": None}, NO, "there is no bill of materials"),
    ("sbom-present", {"bill": BillFacts("7" * 64, "8" * 64, 0, 0)}, NO, "is empty"),
    ("provenance-present", {}, OK, "from commit cccccccccccc"),
    ("provenance-present", {"provenance": None}, NO, "there is no provenance"),
    ("provenance-present", made(commit=None), NO, "of no known commit"),
    ("provenance-present", made(changed=True), NO, "differs from commit cccccccccccc"),
    (
        "provenance-present",
        {**made(changed=True), **LOCAL},
        OK,
        "from a changed checkout of commit",
    ),
    ("provenance-present", {**made(commit=None), **LOCAL}, OK, "of no known commit"),
    ("plan-matches", {}, OK, "built from plan 3333"),
    ("plan-matches", {"plan": None}, NO, "could not be checked: the plan the image"),
    ("plan-matches", {"expected_plan": None}, NO, "could not be checked: the plan that"),
    ("plan-matches", {"expected_plan": "4" * 64}, NO, "the recipe and its lock give 4444"),
    (
        "publisher-allowed",
        {},
        OK,
        "published by release pipeline (oidc:https://gitlab.example.org#",
    ),
    ("publisher-allowed", {"publisher": None}, NO, "could not be checked: who publishes"),
    ("publisher-allowed", {"repository": None}, NO, "could not be checked: the repository"),
    ("publisher-allowed", {"publisher": None, "repository": "x.example.org"}, NO, "who publishes"),
    (
        "publisher-allowed",
        {"publisher": None, "repository": "partners.pan.example.org"},
        NO,
        "who publishes",
    ),
    ("publisher-allowed", {"publisher": replace(PUBLISHER, roles=())}, NO, "has no role, not"),
    (
        "publisher-allowed",
        {"publisher": replace(PUBLISHER, roles=("release-manager",))},
        NO,
        "has release-manager, not publisher",
    ),
    ("publisher-allowed", {**LOCAL, "publisher": None}, Outcome.NOT_APPLICABLE, "is for local"),
    (
        "publisher-allowed",
        {"repository": "site.example.org", "publisher": None},
        Outcome.NOT_APPLICABLE,
        "is for site",
    ),
    ("channel-allowed", {}, OK, "channel testing"),
    ("channel-allowed", {"release": None}, NO, "could not be checked"),
    ("channel-allowed", {"release": ReleaseFacts("nightly", None)}, NO, "nightly is not one of"),
    ("support-date-valid", {}, OK, "until 2027-12-31"),
    ("support-date-valid", {"release": None}, NO, "could not be checked"),
    (
        "support-date-valid",
        {"release": ReleaseFacts("stable", None)},
        Outcome.NOT_APPLICABLE,
        "no end",
    ),
    ("support-date-valid", {"release": ReleaseFacts("stable", "2026-06-01")}, OK, "2026-06-01"),
    ("support-date-valid", {"release": ReleaseFacts("stable", "2026-05-31")}, NO, "ended on"),
    ("support-date-valid", {"release": ReleaseFacts("stable", "2027-02-30")}, NO, "not a day"),
    ("support-date-valid", {"release": ReleaseFacts("stable", "soon")}, NO, "not a day"),
    ("support-date-valid", {"release": ReleaseFacts("stable", "20271231")}, NO, "not a day"),
    ("version-immutable", {}, OK, "not in the repository yet"),
    ("version-immutable", {"published": None}, NO, "could not be checked"),
    ("version-immutable", {"signed_sha256": None}, NO, "could not be checked"),
    ("version-immutable", {"published": Published(SIGNED)}, OK, "with the same bytes"),
    ("version-immutable", {"published": Published("5" * 64)}, NO, "published with other bytes"),
    ("licence-known", {}, OK, "MIT"),
    ("licence-known", {"licence": None}, NO, "could not be checked"),
    ("licence-known", licence("mit"), NO, "did you mean 'MIT'"),
    ("licence-known", licence("Foo"), NO, "SPDX has no licence 'Foo'"),
    ("licence-known", licence(""), NO, "empty"),
    ("licence-known", licence("MIT AND ("), NO, "not a licence expression"),
    ("licence-known", licence("LicenseRef-XDS"), OK, "LicenseRef-XDS"),
    ("licence-allowed", {}, OK, "MIT allowed"),
    ("licence-allowed", {"licence": None}, NO, "could not be checked"),
    ("licence-allowed", licence("mit"), NO, "not a valid SPDX expression"),
    ("licence-allowed", licence("ISC"), NO, "ISC is on no list"),
    ("licence-allowed", licence("SSPL-1.0"), NO, "SSPL-1.0 is denied"),
    ("licence-allowed", licence("MIT OR SSPL-1.0"), OK, "MIT allowed"),
    ("licence-allowed", licence("MIT AND SSPL-1.0"), NO, "SSPL-1.0 is denied"),
    ("licence-allowed", licence("(MIT OR SSPL-1.0) AND ISC"), NO, "ISC is on no list"),
    ("licence-allowed", licence("(MIT OR ISC) AND (ISC OR Apache-2.0)"), OK, "Apache-2.0 and MIT"),
    ("licence-allowed", licence("GPL-2.0-only WITH Classpath-exception-2.0"), OK, "GPL-2.0-only"),
    ("licence-allowed", licence("LicenseRef-Good"), NO, "are not beside the recipe"),
    (
        "licence-allowed",
        {**licence("LicenseRef-Good"), "name": "silx"},
        NO,
        "needs a review for silx",
    ),
    ("licence-allowed", licence("LicenseRef-Bad"), NO, "LicenseRef-Bad needs a review"),
    ("licence-allowed", licence("LicenseRef-Held", "forbidden"), OK, "LicenseRef-Held allowed"),
    (
        "components-allowed",
        {"bill": bill(wheel("odd", "MIT WITH GCC-exception-3.1"))},
        NO,
        "the exception GCC-exception-3.1 is on no list",
    ),
    ("components-allowed", {}, OK, "2 components, 1 of them by their origin"),
    ("components-allowed", {"bill": bill(wheel("pyfai", "LicenseRef-Good"))}, OK, "1 components"),
    ("components-allowed", {"bill": None}, NO, "could not be checked"),
    (
        "components-allowed",
        {"bill": bill(wheel("odd", "ISC"))},
        NO,
        "odd 1.0",
    ),  # more: test_licensing
    ("components-known", {}, OK, "every licence is known"),
    ("components-known", {"bill": bill(wheel("comm"))}, WARN, "the licence of 1: comm 1.0"),
    ("redistribution", {}, OK, "is for public"),
    ("redistribution", {"licence": None}, NO, "could not be checked"),
    ("redistribution", {"repository": None}, NO, "could not be checked"),
    ("redistribution", {"repository": "evil.org"}, NO, "does not know the repository evil.org"),
    ("redistribution", licence("MIT", "partners"), NO, "it may be given to partners, site, local"),
    ("redistribution", licence("MIT", "forbidden"), NO, "it may be given to site, local"),
    ("redistribution", licence("MIT", "maybe"), NO, "no redistribution right 'maybe'"),
    (
        "redistribution",
        {**licence("MIT", "partners"), "repository": "partners.pan.example.org"},
        OK,
        "is for partners",
    ),
    (
        "redistribution",
        {**licence("MIT", "forbidden"), "repository": "partners.pan.example.org"},
        NO,
        "is for partners",
    ),
    (
        "redistribution",
        {**licence("MIT", "forbidden"), "repository": "site.example.org"},
        OK,
        "is for site",
    ),
    ("redistribution", {**licence("MIT", "forbidden"), "repository": "x.local"}, OK, "local"),
    *execution.BASES,
    *execution.REFS,
    *execution.KINDS,
    *execution.VULNERABLE,
    *behind.SIGNERS,
    *behind.APPROVED,
    *planning.PROMOTION,
    *planning.FREEZES,
    *planning.SUPPORT,
    *planning.VERSIONS,
    *planning.RETIREMENT,
]


@pytest.mark.parametrize(
    ("rule", "changed", "outcome", "says"),
    CASES,
    ids=[f"{rule}-{n}-{outcome}" for n, (rule, _, outcome, _) in enumerate(CASES)],
)
def test_each_rule_answers(rule: str, changed: dict[str, Any], outcome: Outcome, says: str) -> None:
    answer = finding(rule, *evidence_of(changed))

    assert answer.outcome is outcome
    assert says in answer.message
    assert bool(answer.fix) is (outcome in (NO, WARN))


@pytest.mark.parametrize("outcomes", [{OK}, {NO, WARN}], ids=["passed", "refused"])
@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_the_table_has_every_rule_passed_and_refused(rule: str, outcomes: set[Outcome]) -> None:
    assert any(case[0] == rule and case[2] in outcomes for case in CASES)


def test_a_warning_holds_nothing_back() -> None:
    verdict = judge(POLICY, replace(EVIDENCE, **saw("dangling-link")), at=NOON)

    assert verdict.accepted
    assert [each.rule for each in verdict.of(WARN)] == ["no-dangling-links"]


@pytest.mark.parametrize("evidence", [EVIDENCE, MERGE, SIGN, VERIFY], ids=lambda e: str(e.purpose))
def test_complete_evidence_is_accepted(evidence: Evidence) -> None:
    verdict = judge(POLICY, evidence, at=NOON)

    assert verdict.accepted, verdict.refusals
    assert bool(verdict)


@pytest.mark.parametrize(
    ("at", "accepted"),
    [
        pytest.param(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), False, id="before its days"),
        pytest.param(datetime(2026, 1, 1, tzinfo=UTC), True, id="the first second"),
        pytest.param(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), True, id="the last second"),
        pytest.param(datetime(2027, 1, 1, tzinfo=UTC), False, id="after its days"),
    ],
)
def test_a_key_counts_on_the_days_that_the_policy_gives(at: datetime, accepted: bool) -> None:
    assert (finding("signer-trusted", VERIFY, at).outcome is OK) is accepted


@pytest.mark.parametrize("evidence", [EVIDENCE, MERGE, SIGN, VERIFY], ids=lambda e: str(e.purpose))
def test_taking_evidence_away_never_turns_a_no_into_a_yes(evidence: Evidence) -> None:
    fields = [f.name for f in dataclasses.fields(Evidence) if f.default is None]
    spoilt = replace(evidence, base="debian-13")
    for name in fields:
        assert not judge(POLICY, replace(spoilt, **{name: None}), at=NOON), name  # type: ignore[arg-type]  # every such field may be None


@pytest.mark.parametrize(
    "field",
    [
        *("base", "plan", "expected_plan", "image_sha256", "signed_sha256", "build", "tests"),
        *("scan", "bill", "provenance", "bases", "approvals", "history", "package"),
        *("licence", "release", "signer", "repository", "published"),
    ],
)
def test_nothing_is_published_without_all_the_evidence(field: str) -> None:
    verdict = judge(POLICY, replace(EVIDENCE, **{field: None}), at=NOON)  # type: ignore[arg-type]  # every such field may be None

    assert not verdict.accepted
    assert any("could not be checked" in each.message for each in verdict.refusals)


def test_one_more_rule_never_widens_what_is_accepted() -> None:
    for evidence in (EVIDENCE, replace(EVIDENCE, base=None), replace(EVIDENCE, tests=None)):
        accepted = [
            bool(judge(POLICY, evidence, at=NOON, rules=RULES[: n + 1])) for n in range(len(RULES))
        ]
        assert accepted == sorted(accepted, reverse=True)


def test_no_rules_is_no_acceptance() -> None:
    assert not judge(POLICY, EVIDENCE, at=NOON, rules=())


def test_every_rule_is_asked_even_after_a_no() -> None:
    nothing = Evidence(purpose=Purpose.PUBLISH, name="pyfai", version="1")
    frozen = datetime(2026, 7, 5, tzinfo=UTC)

    verdict = judge(POLICY, nothing, at=frozen)

    assert [each.rule for each in verdict.findings if each.outcome in (NO, WARN)] == [
        rule.id for rule in RULES if Purpose.PUBLISH in rule.purposes
    ]


def test_there_are_more_than_a_hundred_and_twenty_cases() -> None:
    assert len(CASES) >= 120 + 120


def test_a_moment_without_a_time_zone_is_our_bug() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge(POLICY, EVIDENCE, at=NOON.replace(tzinfo=None))


def test_the_same_evidence_gives_the_same_verdict() -> None:
    assert judge(POLICY, EVIDENCE, at=NOON) == judge(POLICY, EVIDENCE, at=NOON)


def test_a_merge_request_is_not_asked_about_an_image() -> None:
    recipe_only = Evidence(
        purpose=Purpose.MERGE,
        name="pyfai",
        version="1",
        base="debian-12",
        build=BuildFacts(inputs=()),
        licence=LicenceFacts("MIT", "allowed"),
        release=ReleaseFacts("testing", None),
        repository="software.pan.example.org",
        bases=("debian-12",),
        package=PackageFacts(("python",), ("import",)),
    )

    assert judge(POLICY, recipe_only, at=NOON).accepted


def test_rule_ids_are_unique_and_every_rule_explains_itself() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.asks and rule.why and rule.fix and rule.purposes for rule in RULES)
