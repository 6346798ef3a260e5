# SPDX-License-Identifier: BSD-3-Clause
"""A policy and evidence that are accepted for every purpose; cases change one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from trust.evidence import (
    Approval,
    BillFacts,
    BuildFacts,
    Component,
    Evidence,
    IdentityFacts,
    Input,
    LicenceFacts,
    PackageFacts,
    ProvenanceFacts,
    Published,
    PublishedVersion,
    Purpose,
    ReleaseFacts,
    ScanFacts,
    Sight,
    SignerFacts,
    TestFacts,
)
from trust.policy import (
    Audience,
    ComponentReview,
    Components,
    Exceptions,
    Known,
    Licensing,
    Origin,
    Release,
    Removed,
    Repository,
    Review,
    Safety,
    Signer,
    TrustPolicy,
)
from trust.policy.release import Approvals, Freeze, Promotion, Retirement
from trust.policy.safety import (
    Ignored,
    ProtectedRefs,
    RequiredTests,
    Signing,
    Vulnerabilities,
)
from trust.policy.scope import Scope
from trust.vulnerabilities.advisories import Advisory, Affected, Event, Level

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = "A" * 40
LOCAL_KEY = "B" * 40
LEFT_KEY = "C" * 40
ESRF_KEY = "D" * 40
GONE_KEY = "9" * 40
LOST_KEY = "8" * 40
IMAGE = "1" * 64
SIGNED = "2" * 64
WORDS = "4" * 64
PLAN = "3" * 64


def bill(*contents: Component) -> BillFacts:
    """Return a bill of materials that tells of all that it counts."""
    unlicensed = sum(not each.licences for each in contents)
    return BillFacts("7" * 64, "8" * 64, len(contents), unlicensed, contents)


def wheel(name: str, *licences: str, brought_by: tuple[str, ...] = ("build.pip",)) -> Component:
    """Return a Python component."""
    return Component(f"pkg:pypi/{name}@1.0", name, "1.0", licences, brought_by=brought_by)


NUMPY = wheel("numpy", "MIT", brought_by=("pyfai",))
LIBC = Component(
    "pkg:deb/debian/libc6@2.36", "libc6", "2.36", (), "glibc 2.36", "debian-main", ("the base d",)
)


def signer(fingerprint: str, name: str, **changed: Any) -> Signer:
    plain = Signer(
        name=name,
        fingerprint=fingerprint,
        key_file=Path(f"{name}.asc"),
        packages=("*",),
        origin=Origin.PROJECT,
        valid_from=None,
        valid_until=None,
        disabled=None,
    )
    return replace(plain, **changed)


OPEN = Scope((Audience.PUBLIC, Audience.PARTNERS))


def advisory(name: str, level: Level, *affected: Affected, **more: Any) -> Advisory:
    plain = Advisory((name,), "a summary", level, None, affected)
    return replace(plain, **more)


def below(ecosystem: str, name: str, fixed: str) -> Affected:
    events = (Event("introduced", "0"), Event("fixed", fixed))
    return Affected(ecosystem, None, name, (), (events,))


ADVISORIES = (
    advisory("CVE-2026-1", Level.CRITICAL, below("PyPI", "lxml", "1.22")),
    advisory("CVE-2026-2", Level.MEDIUM, below("PyPI", "h5py", "3.0")),
    advisory("CVE-2026-3", Level.HIGH, below("PyPI", "fabio", "2.0")),
    advisory("CVE-2026-4", Level.HIGH, below("Debian", "xz-utils", "5.4.1-0.2")),
    advisory("CVE-2026-5", Level.HIGH, below("npm", "@vega/lite", "5.0.0")),
    advisory("CVE-2026-6", Level.HIGH, below("PyPI", "silx", "9"), withdrawn=NOON),
)

POLICY = TrustPolicy(
    version=7,
    sha256="f" * 64,
    signers=(
        signer(
            KEY,
            "Release",
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 12, 31),
            roles=("release-manager",),
            facility="esrf",
        ),
        signer(LOCAL_KEY, "laptop", origin=Origin.LOCAL),
        signer(LEFT_KEY, "Left", disabled="left the project"),
        signer(ESRF_KEY, "ESRF", packages=("esrf-*", "pyfai"), facility="esrf"),
        signer(
            GONE_KEY,
            "Gone",
            removed=Removed(date(2026, 5, 20), "changed sides", accept_before=date(2026, 5, 10)),
        ),
        signer(LOST_KEY, "Lost", removed=Removed(date(2026, 5, 20), "the card was stolen")),
    ),
    repositories=(
        Repository("software.pan.example.org", Audience.PUBLIC),
        Repository("partners.pan.example.org", Audience.PARTNERS),
        Repository("site.example.org", Audience.SITE),
        Repository("*.local", Audience.LOCAL),
    ),
    safety=Safety(
        bases=("debian-12", "debian-12-*"),
        known=(Known("no-secrets", "py*", "/opt/*/test/*.pem", "a test key that everybody has"),),
        signing=(Signing(OPEN, voices=2, facilities=2, roles=("release-manager",)),),
        tests=(
            RequiredTests("gui", ("gui",), OPEN),
            RequiredTests("python", ("import", "command"), OPEN),
        ),
        protected_refs=ProtectedRefs((Audience.PUBLIC,), ("main", "v*")),
        vulnerabilities=Vulnerabilities(
            Level.HIGH,
            (Ignored("CVE-2026-3", ("py*",), "the parser is not used", date(2026, 6, 1)),),
            ADVISORIES,
        ),
    ),
    release=Release(
        channels=("testing", "stable"),
        promotion=(Promotion("testing", 7, replace(OPEN, channels=("stable",))),),
        freezes=(
            Freeze(
                "run 2026-3",
                date(2026, 7, 1),
                date(2026, 7, 10),
                "users measure",
                replace(OPEN, packages=("py*",)),
            ),
        ),
        approvals=(Approvals("beamline-scientist", 1, 1, OPEN),),
        support=(replace(OPEN, channels=("stable",)),),
        retirement_notice_days=30,
        retirements=(
            Retirement("pyfai", ("2024.9",), date(2026, 4, 1), date(2026, 6, 1), "use 2025.3"),
            Retirement("pyfai", ("2024.5",), date(2026, 5, 20), date(2026, 6, 1), "use 2025.3"),
            Retirement("pyfai", ("2024.7",), date(2026, 4, 1), date(2026, 7, 1), "use 2025.3"),
        ),
        may_go_back=("legacy-*",),
    ),
    licensing=Licensing(
        allow=("MIT", "Apache-2.0", "GPL-*", "SSPL-1.0"),
        review=("LicenseRef-*",),
        deny=("SSPL-1.0",),
        held=("LicenseRef-Held",),
        exceptions=Exceptions(("Classpath-*", "LLVM-exception"), ("Classpath-exception-2.0-bad",)),
        reviewed=(
            Review("pyfai", "LicenseRef-Good", "A. Reader", "2026-05-01", "read it", WORDS),
            Review("pyfai", "LicenseRef-Unread", "A. Reader", "2026-05-01", "heard of it"),
            Review("pyfai", "SSPL-1.0", "A. Reader", "2026-05-01", "why not"),
            Review("pyfai", "CC-BY-NC-4.0", "A. Reader", "2026-05-01", "data only"),
        ),
        components=Components(
            unknown="refuse",
            trusted_origins=("debian-main",),
            reviewed=(
                ComponentReview(
                    "pypi/nvidia-*",
                    "LicenseRef-NVIDIA",
                    ("py*",),
                    "A. Reader",
                    "2026-05-01",
                    "runtime",
                ),
                ComponentReview(
                    "pypi/scipy",
                    "BSD-3-Clause",
                    ("*",),
                    "A. Reader",
                    "2026-05-01",
                    "its LICENSE.txt",
                ),
                ComponentReview(
                    "pypi/mongo", "SSPL-1.0", ("*",), "A. Reader", "2026-05-01", "wishful"
                ),
            ),
        ),
        redistribution=(
            ("allowed", (Audience.PUBLIC, Audience.PARTNERS, Audience.SITE, Audience.LOCAL)),
            ("partners", (Audience.PARTNERS, Audience.SITE, Audience.LOCAL)),
            ("forbidden", (Audience.SITE, Audience.LOCAL)),
        ),
    ),
)

SIGNER = SignerFacts(
    KEY, "Release <r@example.org>", datetime(2026, 1, 1, tzinfo=UTC), None, revoked=False
)

PUBLISHER = IdentityFacts(
    by="oidc:https://gitlab.example.org#project_path:pan/recipes:ref_type:branch:ref:main",
    name="release pipeline",
    roles=("publisher",),
    facility="esrf",
    claims=("project_path=pan/recipes", "ref=main", "ref_protected=true"),
)

APPROVAL = Approval(
    by="oidc:https://aai.example.org#ada",
    name="Ada",
    roles=("beamline-scientist",),
    facility="ill",
    subject="pyfai 2024.9",
    plan=PLAN,
    given=datetime(2026, 5, 30, tzinfo=UTC),
)

EVIDENCE = Evidence(
    purpose=Purpose.PUBLISH,
    name="pyfai",
    version="2024.9",
    base="debian-12-python",
    plan=PLAN,
    expected_plan=PLAN,
    image_sha256=IMAGE,
    signed_sha256=SIGNED,
    build=BuildFacts((Input("libc6", "0" * 64), Input("numpy", "9" * 64)), True, ()),
    tests=TestFacts(IMAGE, ("imports", "integrates"), (), kinds=("command", "import", "gui")),
    scan=ScanFacts(4711, (Sight("secret", "/opt/venv/tls/test/a.pem", "a private key"),)),
    bill=bill(NUMPY, LIBC),
    provenance=ProvenanceFacts(
        "9" * 64, "urn:pansoft:builder", "c" * 40, changed=False, ref="main", protected=True
    ),
    licence=LicenceFacts("MIT", "allowed"),
    release=ReleaseFacts("testing", "2027-12-31"),
    signer=SIGNER,
    repository="software.pan.example.org",
    published=Published(None),
    publisher=PUBLISHER,
    signers=(SIGNER,),
    bases=("debian-12-python", "debian-12"),
    approvals=(APPROVAL,),
    history=(
        PublishedVersion("2024.5", "testing", datetime(2026, 5, 2, tzinfo=UTC), "4" * 64),
        PublishedVersion("2024.1", "stable", datetime(2026, 2, 2, tzinfo=UTC), "5" * 64),
    ),
    package=PackageFacts(("commands", "gui", "python"), ("command", "import", "gui")),
)
