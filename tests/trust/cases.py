# SPDX-License-Identifier: BSD-3-Clause
"""A policy and evidence that are accepted for every purpose; cases change one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from trust.evidence import (
    BillFacts,
    BuildFacts,
    Component,
    Evidence,
    IdentityFacts,
    Input,
    LicenceFacts,
    ProvenanceFacts,
    Published,
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


POLICY = TrustPolicy(
    version=7,
    sha256="f" * 64,
    signers=(
        signer(KEY, "Release", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31)),
        signer(LOCAL_KEY, "laptop", origin=Origin.LOCAL),
        signer(LEFT_KEY, "Left", disabled="left the project"),
        signer(ESRF_KEY, "ESRF", packages=("esrf-*", "pyfai")),
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
    ),
    release=Release(channels=("testing", "stable")),
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
    tests=TestFacts(IMAGE, ("imports", "integrates"), ()),
    scan=ScanFacts(4711, (Sight("secret", "/opt/venv/tls/test/a.pem", "a private key"),)),
    bill=bill(NUMPY, LIBC),
    provenance=ProvenanceFacts("9" * 64, "urn:pansoft:builder", "c" * 40, changed=False),
    licence=LicenceFacts("MIT", "allowed"),
    release=ReleaseFacts("testing", "2027-12-31"),
    signer=SIGNER,
    repository="software.pan.example.org",
    published=Published(None),
    publisher=PUBLISHER,
)
