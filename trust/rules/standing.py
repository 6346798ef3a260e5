# SPDX-License-Identifier: BSD-3-Clause
"""What stands against a key as a signer: first by the policy's word, then by the key's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from trust.evidence import Evidence, Purpose, SignerFacts
from trust.policy import Removed, Signer, TrustPolicy
from trust.rules.rule import Refusal

CLOCK_SKEW = timedelta(minutes=10)
"""Clocks differ, and a run that makes its first key asks with the time at which it began."""


def objection(policy: TrustPolicy, seen: SignerFacts, package: str, at: datetime) -> Refusal | None:
    """Return what stands against a key as a signer of a package, or None."""
    signer = policy.signer(seen.fingerprint)
    if signer is None:
        return Refusal(f"the policy does not list the key {seen.fingerprint} ({seen.name})")
    if signer.removed is not None:
        return Refusal(gone(signer, signer.removed))
    return unfit(seen, signer, package, at)


def unfit(seen: SignerFacts, signer: Signer, package: str, at: datetime) -> Refusal | None:
    """Return what stands against a key but that its holder is gone."""
    if signer.disabled is not None:
        return Refusal(f"the policy has disabled the key of {signer.name}: {signer.disabled}")
    if not signer.may_sign(package):
        return Refusal(
            f"the key of {signer.name} may sign {', '.join(signer.packages)}, not {package}"
        )
    if not signer.is_current(at):
        return Refusal(
            f"the policy accepts the key of {signer.name} {_days(signer)}, not on {at:%Y-%m-%d}"
        )
    return _key_itself(seen, signer, at)


def _key_itself(seen: SignerFacts, signer: Signer, at: datetime) -> Refusal | None:
    if seen.revoked:
        return Refusal(f"the key of {signer.name} is revoked")
    if seen.expires is not None and seen.expires <= at:
        return Refusal(
            f"the key of {signer.name} expired on {seen.expires:%Y-%m-%d}",
            "extend the key, or sign with its successor",
        )
    if seen.created - at > CLOCK_SKEW:
        return Refusal(f"the key of {signer.name} was made after {at:%Y-%m-%d %H:%M} UTC")
    return None


def counts(policy: TrustPolicy, evidence: Evidence, seen: SignerFacts, at: datetime) -> bool:
    """Return whether a signature counts for this version: of the old ones of a removed signer those
    that the policy keeps.
    """
    signer = policy.signer(seen.fingerprint)
    if signer is None or signer.removed is None:
        return objection(policy, seen, evidence.name, at) is None
    kept = evidence.purpose is Purpose.VERIFY and signer.removed.accepts(evidence.witnessed)
    return kept and unfit(seen, signer, evidence.name, at) is None


def gone(signer: Signer, removed: Removed) -> str:
    """Return since when and why a signer no longer counts."""
    return f"{signer.name} is removed since {removed.on}: {removed.why}"


def _days(signer: Signer) -> str:
    begin = f"from {signer.valid_from} " if signer.valid_from else ""
    return f"{begin}until {signer.valid_until}" if signer.valid_until else begin.strip()
