# SPDX-License-Identifier: BSD-3-Clause
"""What is executed: bases, branches, tests of the right kind, known vulnerabilities."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from tests.trust.cases import EVIDENCE, NOON
from tests.trust.tables import Case
from trust.evidence import BillFacts, Component, PackageFacts, Purpose, TestFacts
from trust.verdict import Outcome

OK, NO, NA = Outcome.PASSED, Outcome.REFUSED, Outcome.NOT_APPLICABLE
A_DAY = timedelta(days=1)


def on(*bases: str) -> dict[str, Any]:
    return {"base": bases[0], "bases": bases}


def made(**more: Any) -> dict[str, Any]:
    assert EVIDENCE.provenance is not None
    return {"provenance": replace(EVIDENCE.provenance, **more)}


def passed(*kinds: str) -> dict[str, Any]:
    assert EVIDENCE.tests is not None
    return {"tests": replace(EVIDENCE.tests, kinds=kinds)}


def has(*traits: str, tests: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"package": PackageFacts(traits, tests)}


def holds(*components: Component) -> dict[str, Any]:
    return {"bill": BillFacts("7" * 64, "8" * 64, len(components), 0, components)}


def pypi(name: str, version: str) -> Component:
    return Component(f"pkg:pypi/{name.lower()}@{version}", name, version)


def deb(name: str, version: str, source: str | None = None, more: str = "") -> Component:
    return Component(f"pkg:deb/debian/{name}@{version}?arch=amd64{more}", name, version, (), source)


VEGA = Component("pkg:npm/%40vega/lite@4.9.9", "lite", "4.9.9")
SITE: dict[str, Any] = {"repository": "site.example.org"}

BASES: Final[list[Case]] = [
    ("base-allowed", {}, OK, "stands on debian-12-python on debian-12"),
    ("base-allowed", {"base": None}, NO, "could not be checked"),
    ("base-allowed", {"bases": None}, NO, "could not be checked: what the base debian-12-python"),
    ("base-allowed", {"bases": ()}, NO, "could not be checked: what the base"),
    ("base-allowed", {"base": "debian-12"}, NO, "the layers below it begin with debian-12-python"),
    ("base-allowed", on("debian-12"), OK, "stands on debian-12"),
    ("base-allowed", on("debian-13"), NO, "the base debian-13 is not one of debian-12"),
    ("base-allowed", on("my-debian-12"), NO, "is not one of"),
    (
        "base-allowed",
        on("debian-12-x", "ubuntu"),
        NO,
        "the base ubuntu, which is below debian-12-x,",
    ),
    ("base-allowed", on("debian-12-x", "debian-12-y", "debian-12"), OK, "on debian-12-y on"),
    (
        "base-allowed",
        on("debian-12-x", "debian-12-y", "debian-11"),
        NO,
        "debian-11, which is below",
    ),
]

REFS: Final[list[Case]] = [
    ("ref-protected", {}, OK, "built for main, which is protected"),
    ("ref-protected", {"purpose": Purpose.SIGN}, OK, "main"),
    ("ref-protected", {"purpose": Purpose.VERIFY}, OK, "main"),
    ("ref-protected", {"purpose": Purpose.MERGE}, NA, "not asked to merge"),
    ("ref-protected", made(ref="v2024.9"), OK, "v2024.9"),
    ("ref-protected", made(ref="feature"), NO, "feature, which is not one of main, v*"),
    ("ref-protected", made(ref="main2"), NO, "which is not one of"),
    ("ref-protected", made(protected=False), NO, "built for main, which is not protected"),
    ("ref-protected", made(protected=None), NO, "could not be checked"),
    ("ref-protected", made(ref=None), NO, "could not be checked"),
    ("ref-protected", {"provenance": None}, NO, "could not be checked"),
    ("ref-protected", {**made(protected=False), **SITE}, NA, "no protected branch here"),
    ("ref-protected", {**made(protected=False), "repository": "x.local"}, NA, "no protected"),
    ("ref-protected", {**made(protected=False), "repository": None}, NO, "not protected"),
    ("ref-protected", {**made(protected=False), "repository": "evil.org"}, NO, "not protected"),
]

KINDS: Final[list[Case]] = [
    ("tests-required", {}, OK, "tested for gui, python"),
    ("tests-required", {"package": None}, NO, "could not be checked: what the package has"),
    ("tests-required", {"tests": None}, NO, "could not be checked: which kinds"),
    ("tests-required", {"tests": TestFacts("1" * 64, ("a",), ())}, NO, "which kinds of tests"),
    ("tests-required", passed(), NO, "it has gui, and no test of the kind gui; it has python"),
    ("tests-required", passed("gui"), NO, "python, and no test of the kind import or command"),
    ("tests-required", passed("gui", "command"), OK, "tested for gui, python"),
    ("tests-required", passed("import", "command"), NO, "it has gui, and no test of the kind gui"),
    ("tests-required", {**has("commands"), **passed()}, OK, "nothing that the policy names"),
    ("tests-required", {**has(), **passed("gui")}, OK, "nothing that the policy names"),
    (
        "tests-required",
        {"purpose": Purpose.MERGE, "tests": None, **has("gui", tests=("gui",))},
        OK,
        "tested for gui",
    ),
    (
        "tests-required",
        {"purpose": Purpose.MERGE, **has("gui", tests=("command",))},
        NO,
        "no test of the kind gui",
    ),
    ("tests-required", {"purpose": Purpose.MERGE, "package": None}, NO, "could not be checked"),
    ("tests-required", {**passed(), **SITE}, NA, "asks for no kind of test"),
    ("tests-required", {**passed(), "repository": None}, NO, "it has gui"),
]

VULNERABLE: Final[list[Case]] = [
    ("not-vulnerable", {}, OK, "2 components, no advisory of 6 that is high or worse"),
    ("not-vulnerable", {"bill": None}, NO, "could not be checked: of which components"),
    ("not-vulnerable", {"bill": BillFacts("7" * 64, "8" * 64, 9, 0)}, NO, "could not be checked"),
    ("not-vulnerable", holds(), OK, "0 components"),
    ("not-vulnerable", holds(pypi("lxml", "1.21.9")), NO, "lxml 1.21.9 (CVE-2026-1, critical"),
    ("not-vulnerable", holds(pypi("LXML", "1.21")), NO, "LXML 1.21 (CVE-2026-1"),
    ("not-vulnerable", holds(pypi("lxml", "1.22")), OK, "1 components"),
    ("not-vulnerable", holds(pypi("lxml", "1.22rc1")), NO, "lxml 1.22rc1"),
    ("not-vulnerable", holds(pypi("lxml", "not a version")), NO, "lxml not a version"),
    ("not-vulnerable", holds(pypi("h5py", "2.1")), OK, "1 that are less bad or ignored"),
    ("not-vulnerable", holds(pypi("fabio", "1.0")), OK, "1 that are less bad or ignored"),
    ("not-vulnerable", {**holds(pypi("fabio", "1.0")), "name": "silx"}, NO, "CVE-2026-3, high"),
    ("not-vulnerable", {**holds(pypi("fabio", "1.0")), "at": NOON + A_DAY}, NO, "CVE-2026-3"),
    (
        "not-vulnerable",
        {**holds(pypi("fabio", "1.0")), "at": NOON + timedelta(hours=11)},
        OK,
        "ignored",
    ),
    ("not-vulnerable", holds(pypi("silx", "1.0")), OK, "no advisory of 6"),
    ("not-vulnerable", {**holds(pypi("silx", "1.0")), "at": NOON - A_DAY}, NO, "CVE-2026-6"),
    ("not-vulnerable", holds(deb("xz-utils", "5.4.1-0.1")), NO, "xz-utils 5.4.1-0.1 (CVE-2026-4"),
    ("not-vulnerable", holds(deb("xz-utils", "5.4.1-0.2")), OK, "no advisory"),
    (
        "not-vulnerable",
        holds(deb("liblzma5", "5.4.1-0.1+b1", "xz-utils 5.4.1-0.1")),
        NO,
        "liblzma5 5.4.1-0.1+b1 (CVE-2026-4",
    ),
    ("not-vulnerable", holds(deb("liblzma5", "5.4.1-0.1+b1", "xz-utils 5.4.1-1")), OK, "no adv"),
    ("not-vulnerable", holds(deb("liblzma5", "5.4.1-0.1", "xz-utils")), NO, "CVE-2026-4"),
    ("not-vulnerable", holds(deb("lxml", "1.0")), OK, "no advisory"),
    ("not-vulnerable", holds(VEGA), NO, "lite 4.9.9 (CVE-2026-5"),
    ("not-vulnerable", holds(replace(VEGA, version="5.0.0")), OK, "no advisory"),
    ("not-vulnerable", holds(*(pypi("lxml", f"1.{n}") for n in range(7))), NO, "and 2 more"),
    (
        "not-vulnerable",
        {**holds(pypi("lxml", "1.0")), "repository": "x.local"},
        NO,
        "known to be vulnerable",
    ),
    ("not-vulnerable", {**holds(pypi("lxml", "1.0")), "purpose": Purpose.VERIFY}, NO, "lxml"),
]
