# SPDX-License-Identifier: BSD-3-Clause
"""One more signature of a statement, after everything was looked at that a signer has to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from builder import sign as signing
from core.errors import Refused
from core.files import write_atomic
from pansoft import witness
from trust.evidence import Evidence, SignerFacts
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import TrustPolicy
from trust.rules import RULES
from trust.rules.standing import objection
from trust.signing import certified, cosignatures
from trust.signing.statements import statement_file
from trust.verdict import reasons

COUNTING: Final = frozenset({"signers-enough"})
"""The rules that count signers: their no is what a further signature is there to mend."""


def cosign(
    path: Path,
    *,
    policy: TrustPolicy,
    key: SigningKey,
    at: datetime,
    folder: Path | None = None,
) -> Path:
    """Sign the statement about an image once more and return the signature's file.

    Args:
        path: the image with its statement beside it, or its folder.
        policy: what the new signer goes by; it must list the key.
        key: signs.
        at: now.
        folder: where to write, for an image on a mount; beside the statement where it is left out.

    Raises:
        Refused: the image is not as it was signed, or the policy refuses it or the key.
    """
    image, evidence = _examined(path, policy, at)
    _check(_facts(key), policy, evidence, at)
    if evidence.signer is not None and key.fingerprint == evidence.signer.fingerprint:
        raise Refused(
            f"{evidence.name} {evidence.version} is signed by this very key",
            hint="a further signature is another signer's: --key NAME",
        )
    return cosignatures.cosign(image, key=key, folder=folder)


def cosign_certified(
    path: Path,
    *,
    policy: TrustPolicy,
    chain: bytes,
    sign: Callable[[bytes], bytes],
    at: datetime,
    folder: Path | None = None,
) -> Path:
    """Sign the statement about an image with the key of a certificate; see `cosign`.

    Args:
        path: the image with its statement beside it, or its folder.
        policy: what the new signer goes by; it must list the authority and its holder.
        chain: PEM: the signer's certificate, then those up to the authority's.
        sign: returns the signature of some bytes by that certificate's key.
        at: now.
        folder: where to write; beside the statement where it is left out.

    Raises:
        Refused: as `cosign`, or the chain does not lead to an authority of the policy.
    """
    image, evidence = _examined(path, policy, at)
    statement = statement_file(image).read_bytes()
    envelope = certified.seal(statement, chain=chain, sign=sign)
    mine = certified.read(
        envelope, statement, authorities=policy.authorities, at=at, what="the new signature"
    )
    _check(mine, policy, evidence, at)
    file = (folder or image.parent) / certified.file_name(image, chain=chain)
    write_atomic(file, envelope)
    return file


def _examined(path: Path, policy: TrustPolicy, at: datetime) -> tuple[Path, Evidence]:
    """Return the image, which is as it was signed, and what is known of it."""
    since = witness.witnessed(path)
    signed, report = signing.examine(path, policy=policy, at=at, witnessed=since)
    return signed.path, report.evidence


def _check(mine: SignerFacts, policy: TrustPolicy, evidence: Evidence, at: datetime) -> None:
    """Refuse a signer who would not count, and an image that is refused with this signature as well."""
    if (no := objection(policy, mine, evidence.name, at)) is not None:
        raise Refused(f"a signature of this key would not count: {no.message}", hint=no.fix)
    signers = tuple(dict.fromkeys((*(evidence.signers or ()), mine)))
    rules = tuple(rule for rule in RULES if rule.id not in COUNTING)
    verdict = judge(policy, replace(evidence, signers=signers), at=at, rules=rules)
    if not verdict.accepted:
        raise Refused(
            f"{evidence.name} {evidence.version} is not signed, the policy refuses it:\n"
            f"{reasons(verdict)}"
        )


def _facts(key: SigningKey) -> SignerFacts:
    facts = key.facts
    return SignerFacts(facts.fingerprint, facts.name, facts.created, facts.expires, facts.revoked)
