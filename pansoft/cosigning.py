# SPDX-License-Identifier: BSD-3-Clause
"""One more signature of a statement, after everything was looked at that a signer has to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from builder import sign as signing
from core.errors import Refused
from pansoft import witness
from trust import cosignatures
from trust.evidence import SignerFacts
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import TrustPolicy
from trust.rules import RULES
from trust.rules.safety.signer_trusted import objection
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
    signed, report = signing.examine(path, policy=policy, at=at, witnessed=witness.witnessed(path))
    mine = _facts(key)
    if (no := objection(policy, mine, signed.image.name, at)) is not None:
        raise Refused(f"a signature of this key would not count: {no.message}", hint=no.fix)
    if key.fingerprint == signed.signer:
        raise Refused(
            f"{signed.image.name} {signed.image.version} is signed by this very key",
            hint="a further signature is another signer's: --key NAME",
        )
    signers = tuple(dict.fromkeys((*(report.evidence.signers or ()), mine)))
    rules = tuple(rule for rule in RULES if rule.id not in COUNTING)
    verdict = judge(policy, replace(report.evidence, signers=signers), at=at, rules=rules)
    if not verdict.accepted:
        raise Refused(
            f"{signed.path.name} is not signed, the policy refuses it:\n{reasons(verdict)}"
        )
    return cosignatures.cosign(signed.path, key=key, folder=folder)


def _facts(key: SigningKey) -> SignerFacts:
    facts = key.facts
    return SignerFacts(facts.fingerprint, facts.name, facts.created, facts.expires, facts.revoked)
