# SPDX-License-Identifier: BSD-3-Clause
"""signer-trusted: the key is one of the policy's, for this package, today."""

from __future__ import annotations

from datetime import datetime, timedelta

from trust.evidence import Evidence, Purpose, SignerFacts
from trust.policy import Audience, Origin, Signer, TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group

CLOCK_SKEW = timedelta(minutes=10)
"""Clocks differ, and a run that makes its first key asks with the time at which it began."""


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Ask the policy about the key, then the key about itself."""
    seen = evidence.signer
    if seen is None:
        return unknown("the key that signs")
    signer = policy.signer(seen.fingerprint)
    if signer is None:
        return Refusal(f"the policy does not list the key {seen.fingerprint} ({seen.name})")
    if signer.disabled is not None:
        return Refusal(f"the policy has disabled the key of {signer.name}: {signer.disabled}")
    if not signer.may_sign(evidence.name):
        return Refusal(
            f"the key of {signer.name} may sign {', '.join(signer.packages)}, not {evidence.name}"
        )
    if not signer.is_current(at):
        return Refusal(
            f"the policy accepts the key of {signer.name} {_days(signer)}, not on {at:%Y-%m-%d}"
        )
    return _key_itself(seen, signer, at) or _repository(policy, evidence, signer)


def _key_itself(seen: SignerFacts, signer: Signer, at: datetime) -> Refusal | None:
    if seen.revoked:
        return Refusal(f"the key of {signer.name} is revoked")
    if seen.expires is not None and seen.expires <= at:
        return Refusal(
            f"the key of {signer.name} expired on {seen.expires:%Y-%m-%d}",
            "extend the key, or sign with its successor",
        )
    if seen.created > at + CLOCK_SKEW:
        return Refusal(f"the key of {signer.name} was made after {at:%Y-%m-%d %H:%M} UTC")
    return None


def _repository(policy: TrustPolicy, evidence: Evidence, signer: Signer) -> Answer:
    if signer.origin is Origin.PROJECT:
        return Passed(f"signed by {signer.name} ({signer.fingerprint})")
    if evidence.purpose is Purpose.PUBLISH:
        if evidence.repository is None:
            return unknown("the repository")
        if policy.audience_of(evidence.repository) is not Audience.LOCAL:
            return Refusal(
                f"the key of {signer.name} is local, valid for this state folder only; "
                f"{evidence.repository} is not a local repository",
                "have the release key sign it",
            )
    return Passed(
        f"signed by {signer.name} ({signer.fingerprint}), a local key, valid for this state folder only"
    )


def _days(signer: Signer) -> str:
    begin = f"from {signer.valid_from} " if signer.valid_from else ""
    return f"{begin}until {signer.valid_until}" if signer.valid_until else begin.strip()


RULE = Rule(
    id="signer-trusted",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="The PGP key that signs is listed in the policy for this package, and is neither "
    "disabled, expired, revoked nor outside its days.",
    why="Whoever can sign can have every partner run their program. A key of this machine only "
    "(`local`) may sign for repositories that nobody else reads.",
    fix="sign with a listed key, or propose the key for `signers` in trust-policy/policy.yaml",
    check=check,
    reads=(
        "evidence.signer",
        "evidence.repository",
        "policy.signers",
        "policy.repositories",
    ),
    waivable=False,
)
