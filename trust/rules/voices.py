# SPDX-License-Identifier: BSD-3-Clause
"""Who stands behind a version: keys of the policy that have signed it, and people who approved it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from trust.evidence import Approval, Evidence
from trust.policy import TrustPolicy
from trust.rules.standing import CLOCK_SKEW, counts


@dataclass(frozen=True, slots=True)
class Voice:
    """One who stands behind a version; `by` is the identity, `facility` None for nobody's."""

    by: str
    name: str
    roles: tuple[str, ...]
    facility: str | None


def voices(policy: TrustPolicy, evidence: Evidence, at: datetime) -> tuple[Voice, ...]:
    """Return every voice that stands behind this version."""
    return (*_signers(policy, evidence, at), *_approvers(evidence, at))


def approvers(evidence: Evidence, at: datetime) -> tuple[Voice, ...]:
    """Return every voice that approved just this plan of this version."""
    return tuple(_approvers(evidence, at))


def people(found: Sequence[Voice]) -> int:
    """Return how many different people there are at least.

    The same person may sign with a key and approve by a login, and two people may have one name:
    the smaller number is the safe one, and one voice less never makes it grow.
    """
    return min(len({each.by for each in found}), len({each.name for each in found}))


def facilities(found: Sequence[Voice]) -> tuple[str, ...]:
    """Return the facilities that voices speak for, each once."""
    return tuple(sorted({each.facility for each in found if each.facility}))


def named(found: Sequence[Voice]) -> str:
    """Return the voices by name, for a message."""
    names = dict.fromkeys(
        f"{each.name} ({each.facility})" if each.facility else each.name for each in found
    )
    return ", ".join(names) or "nobody"


def _signers(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Iterator[Voice]:
    one = (evidence.signer,) if evidence.signer else ()
    for seen in dict.fromkeys((*one, *(evidence.signers or ()))):
        signer = policy.signer(seen.fingerprint)
        if signer is not None and counts(policy, evidence, seen, at):
            yield Voice(f"pgp:{seen.fingerprint}", signer.name, signer.roles, signer.facility)


def _approvers(evidence: Evidence, at: datetime) -> Iterator[Voice]:
    for each in evidence.approvals or ():
        if _is_of_this(each, evidence) and each.given - at <= CLOCK_SKEW:
            yield Voice(each.by, each.name, each.roles, each.facility or None)


def _is_of_this(approval: Approval, evidence: Evidence) -> bool:
    subject = f"{evidence.name} {evidence.version}"
    return approval.subject == subject and approval.plan == evidence.plan
