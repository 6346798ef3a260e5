# SPDX-License-Identifier: BSD-3-Clause
"""Who stands behind a version: thresholds of signatures and approvals, and approvals by role."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tests.trust.cases import APPROVAL, ESRF_KEY, GONE_KEY, KEY, LEFT_KEY, LOCAL_KEY, NOON, SIGNER
from tests.trust.tables import Case
from trust.evidence import Approval, Purpose, SignerFacts
from trust.verdict import Outcome

OK, NO, NA = Outcome.PASSED, Outcome.REFUSED, Outcome.NOT_APPLICABLE
A_DAY = timedelta(days=1)

ESRF = replace(SIGNER, fingerprint=ESRF_KEY)
LEFT = replace(SIGNER, fingerprint=LEFT_KEY)
LAPTOP = replace(SIGNER, fingerprint=LOCAL_KEY)
STRANGER = replace(SIGNER, fingerprint="E" * 40)


def approvals(*given: Approval) -> dict[str, Any]:
    return {"approvals": given}


def ada(**more: Any) -> Approval:
    return replace(APPROVAL, **more)


def signed(*signers: SignerFacts, approved: tuple[Approval, ...] | None = ()) -> dict[str, Any]:
    return {"signers": signers, "approvals": approved}


def gone(witnessed: datetime | None) -> dict[str, Any]:
    """Return what was signed by a signer who is gone since, with what was published before kept."""
    left = replace(SIGNER, fingerprint=GONE_KEY)
    return {"purpose": Purpose.VERIFY, "signer": left, "signers": None, "witnessed": witnessed}


PUBLISH = {"purpose": Purpose.PUBLISH}
BELA = ada(by="pgp:" + "F" * 40, name="Bela", facility="desy")

SIGNERS: Final[list[Case]] = [
    ("signers-enough", {}, OK, "behind it stand: Release (esrf), Ada (ill)"),
    ("signers-enough", {"signers": None}, OK, "Release (esrf), Ada (ill)"),
    ("signers-enough", {"signers": ()}, OK, "Release (esrf), Ada (ill)"),
    ("signers-enough", {"purpose": Purpose.VERIFY}, OK, "Release (esrf), Ada (ill)"),
    ("signers-enough", {"purpose": Purpose.VERIFY, "approvals": None}, NO, "by 1, 2 are needed"),
    ("signers-enough", {"purpose": Purpose.SIGN}, NA, "not asked to sign"),
    ("signers-enough", {"repository": "x.local", "approvals": None}, NA, "no number of signers"),
    ("signers-enough", {"repository": "site.example.org", "signer": None}, NA, "no number"),
    ("signers-enough", {"repository": None, "approvals": ()}, NO, "signed or approved by 1"),
    ("signers-enough", {"repository": "evil.org", "approvals": ()}, NO, "by 1, 2 are needed"),
    ("signers-enough", {"repository": "partners.pan.example.org"}, OK, "Release (esrf)"),
    ("signers-enough", {"approvals": None}, NO, "its approvals are not known"),
    ("signers-enough", approvals(), NO, "behind it stand: Release (esrf)"),
    ("signers-enough", approvals(ada(subject="pyfai 2024.8")), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(subject="silx 2024.9")), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(subject="pyfai")), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(plan="4" * 64)), NO, "by 1, 2 are needed"),
    ("signers-enough", {"plan": None}, NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(given=NOON + A_DAY)), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(given=NOON + timedelta(minutes=1))), OK, "Ada"),
    ("signers-enough", approvals(ada(facility="esrf")), NO, "of 1 facilities, 2 are needed"),
    ("signers-enough", approvals(ada(facility="")), NO, "of 1 facilities, 2 are needed"),
    ("signers-enough", approvals(ada(by=f"pgp:{KEY}")), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(name="Release")), NO, "by 1, 2 are needed"),
    ("signers-enough", approvals(ada(), ada(), ada()), OK, "Release (esrf), Ada (ill)"),
    ("signers-enough", {"signer": None, "signers": ()}, NO, "nobody is release-manager"),
    ("signers-enough", {"signer": None, "signers": None}, NO, "behind it stand: Ada (ill)"),
    (
        "signers-enough",
        {"signer": None, "signers": None, "approvals": (ada(), BELA)},
        NO,
        "nobody is release-manager",
    ),
    (
        "signers-enough",
        {"signer": None, "signers": None, "approvals": (ada(roles=("release-manager",)), BELA)},
        OK,
        "Ada (ill), Bela (desy)",
    ),
    ("signers-enough", signed(SIGNER, ESRF), NO, "of 1 facilities, 2 are needed"),
    ("signers-enough", signed(SIGNER, ESRF, approved=(ada(),)), OK, "Release (esrf), ESRF (esrf)"),
    ("signers-enough", signed(SIGNER, SIGNER), NO, "by 1, 2 are needed"),
    ("signers-enough", signed(SIGNER, LEFT), NO, "by 1, 2 are needed"),
    ("signers-enough", signed(SIGNER, STRANGER), NO, "by 1, 2 are needed"),
    ("signers-enough", signed(SIGNER, replace(ESRF, revoked=True)), NO, "by 1, 2 are needed"),
    ("signers-enough", signed(SIGNER, replace(ESRF, expires=NOON)), NO, "by 1, 2 are needed"),
    ("signers-enough", signed(SIGNER, LAPTOP), NO, "of 1 facilities, 2 are needed"),
    ("signers-enough", gone(NOON - 30 * A_DAY), NO, "behind it stand: Gone, Ada (ill)"),
    ("signers-enough", gone(NOON - A_DAY), NO, "behind it stand: Ada (ill)"),
    ("signers-enough", gone(None), NO, "behind it stand: Ada (ill)"),
    ("signers-enough", {**gone(NOON - 30 * A_DAY), **PUBLISH}, NO, "behind it stand: Ada (ill)"),
    ("signers-enough", {"at": NOON + 365 * A_DAY}, NO, "nobody is release-manager"),
]

APPROVED: Final[list[Case]] = [
    ("approved", {}, OK, "approved by Ada (ill)"),
    ("approved", {"approvals": None}, NO, "could not be checked: who approved it"),
    ("approved", {"plan": None}, NO, "could not be checked: the plan"),
    ("approved", approvals(), NO, "by 0 with the role beamline-scientist, 1 are needed"),
    ("approved", approvals(ada(roles=())), NO, "by 0 with the role"),
    ("approved", approvals(ada(roles=("release-manager",))), NO, "by 0 with the role"),
    ("approved", approvals(ada(roles=("x", "beamline-scientist"))), OK, "Ada"),
    ("approved", approvals(ada(plan="4" * 64)), NO, "by 0 with the role"),
    ("approved", approvals(ada(subject="pyfai 2024.10")), NO, "by 0 with the role"),
    ("approved", approvals(ada(given=NOON + A_DAY)), NO, "by 0 with the role"),
    ("approved", approvals(ada(given=NOON - 500 * A_DAY)), OK, "Ada"),
    ("approved", {"repository": "x.local", "approvals": None}, NA, "asks for no approval"),
    ("approved", {"repository": "partners.pan.example.org", "approvals": None}, NO, "could not"),
    ("approved", {"repository": None, "approvals": ()}, NO, "by 0 with the role"),
    ("approved", {"release": None, "approvals": ()}, NO, "by 0 with the role"),
]
