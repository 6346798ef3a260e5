# SPDX-License-Identifier: BSD-3-Clause
"""A change of the charter, from its proposal to the last signature.

    propose  ──▶  each facility signs  ──▶  every threshold reached  ──▶  in force

A new root needs the threshold of the facilities of the old root and of the new one. Whatever would no longer
be signed by enough of those who count (the targets, when a seat goes; a list, when a key of its namespace
goes) is part of the same proposal, so that sites never see one without the other.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from core.errors import Refused, UserError
from trust.federation import names
from trust.federation.charter import Charter
from trust.federation.documents import ROOT, TARGETS, Agreed, Document, Proposal
from trust.federation.keys import facility_of, public_of
from trust.federation.rules import WEAKENED, WHY, charter_after, charter_of, check
from trust.federation.target import Target, to_tuf

ROOT_DAYS = 365
LIST_DAYS = 180


@dataclass(frozen=True, slots=True)
class Need:
    """Whose signatures a document needs: `threshold` of `signed` and `missing` together.

    `by` says who asks for them: `root 3` for the facilities of the root in force, `root 4` for the new ones.
    """

    role: str
    version: int
    by: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        """Return whether enough have signed."""
        return len(self.signed) >= self.threshold


def propose(
    agreed: Agreed | None,
    charter: Charter,
    *,
    at: datetime,
    why: str,
    weaken: str | None = None,
    renew: bool = False,
) -> Proposal:
    """Return what has to be signed for a charter to be in force; nothing of it is signed yet.

    Args:
        agreed: what is in force; None for the founding.
        charter: what shall be.
        at: from when the days count.
        why: what for, for those who sign and those who look later.
        weaken: why a threshold goes down.
        renew: sign again what does not change, so that it does not expire.

    Raises:
        UserError: nothing would change.
    """
    documents: dict[str, Document] = {}
    before = charter_of(agreed) if agreed else None
    notes = {WHY: why} | ({WEAKENED: weaken} if weaken else {})
    if before is None or renew or _differ(before.root, charter.root):
        version = before.root.version + 1 if before else 1
        documents[ROOT] = _next(charter.root, version, at + timedelta(days=ROOT_DAYS), notes)
    if agreed is None or renew or _targets_change(agreed, charter):
        version = agreed.targets.signed.version + 1 if agreed else 1
        documents[TARGETS] = _next(charter.targets, version, at + timedelta(days=ROOT_DAYS), notes)
    if agreed is None:
        documents[names.CORE] = Metadata(Targets(1, expires=at + timedelta(days=LIST_DAYS)))
    else:
        documents |= _unsigned_lists(agreed, charter, at)
    if not documents:
        raise UserError("nothing would change", hint="pansoft trust status shows what is in force")
    return Proposal(documents)


def propose_list(
    agreed: Agreed,
    namespace: str,
    listed: Sequence[Target],
    *,
    version: int,
    at: datetime,
) -> Proposal:
    """Return the next list of a namespace that several facilities sign."""
    targets = {each.path: to_tuf(each) for each in sorted(listed, key=lambda each: each.path)}
    expires = at + timedelta(days=LIST_DAYS)
    before = agreed.lists.get(namespace)
    version = before.signed.version + 1 if before else max(version, 1)
    return Proposal({namespace: Metadata(Targets(version, expires=expires, targets=targets))})


def needs(agreed: Agreed | None, proposal: Proposal) -> tuple[Need, ...]:
    """Return whose signatures the documents need, and who has signed."""
    after = charter_after(agreed, proposal)
    found: list[Need] = []
    for role, document in proposal.documents.items():
        if role == ROOT and agreed is not None:
            found.append(_need(agreed.root, role, document, by=f"root {agreed.root.version}"))
        delegator = after.root if role in {ROOT, TARGETS} else after.targets
        if role not in after.roles():
            raise Refused(f"{role} is proposed, but it is delegated to nobody")
        by = f"{delegator.type} {delegator.version}"
        found.append(_need(delegator, role, document, by=by))
    return tuple(found)


def sign(
    agreed: Agreed | None, proposal: Proposal, signer: Signer, *, expect: str, at: datetime
) -> Proposal:
    """Return the proposal with one more signature on each document that the key has a say in.

    Args:
        agreed: what is in force; None before the founding.
        proposal: what is proposed.
        signer: the key.
        expect: the id of the proposal that whoever holds the key has read.
        at: the time that days are asked for.

    Raises:
        Refused: it is another proposal, or one that no facility should sign.
        UserError: the key has a say in none of it.
    """
    if expect != proposal.id:
        raise Refused(
            f"this is not the proposal that was read: it is {proposal.id}, not {expect}",
            hint="read what it is now: pansoft trust sign-metadata",
        )
    check(agreed, proposal, at=at)
    signed = copy.deepcopy(proposal)
    mine = [
        role
        for role in signed.documents
        if any(key.keyid == public_of(signer) for key in _signers(agreed, proposal, role))
    ]
    if not mine:
        raise UserError(
            f"the key {public_of(signer)[:8]} has no say in what is proposed",
            hint="pansoft trust sign-metadata shows whose signatures are needed",
        )
    for role in mine:
        try:
            signed.documents[role].sign(signer, append=True)
        except UnsignedMetadataError as err:
            # the library wraps whatever a signer raises; ours says it in words
            raise err.__cause__ if isinstance(err.__cause__, UserError) else err from None
    return signed


def is_complete(agreed: Agreed | None, proposal: Proposal) -> bool:
    """Return whether every threshold is reached."""
    return all(need.is_met for need in needs(agreed, proposal))


def _signers(agreed: Agreed | None, proposal: Proposal, role: str) -> tuple[Key, ...]:
    """Return every key whose signature of a document counts."""
    after = charter_after(agreed, proposal)
    old = charter_of(agreed).keys_of(ROOT) if agreed and role == ROOT else ()
    return (*old, *(after.keys_of(role) if role in after.roles() else ()))


def _need(delegator: Root | Targets, role: str, document: Document, *, by: str) -> Need:
    result = delegator.get_verification_result(role, document.signed_bytes, document.signatures)
    return Need(
        role,
        document.signed.version,
        by,
        result.threshold,
        _facilities(result.signed),
        _facilities(result.unsigned),
    )


def _facilities(keys: Mapping[str, Key]) -> tuple[str, ...]:
    return tuple(sorted(facility_of(key) for key in keys.values()))


def _targets_change(agreed: Agreed, charter: Charter) -> bool:
    """Return whether the targets change, or the new root would not believe them as they are."""
    return _differ(agreed.targets.signed, charter.targets) or not _holds(
        charter.root, TARGETS, agreed.targets
    )


def _unsigned_lists(agreed: Agreed, charter: Charter, at: datetime) -> dict[str, Document]:
    """Return the next version of each list that the new charter would not believe as it is."""
    return {
        name: _next(
            document.signed, document.signed.version + 1, at + timedelta(days=LIST_DAYS), {}
        )
        for name, document in agreed.lists.items()
        if name in charter.namespaces and not _holds(charter.targets, name, document)
    }


def _holds(delegator: Root | Targets, role: str, document: Document) -> bool:
    try:
        delegator.verify_delegate(role, document.signed_bytes, document.signatures)
    except (RepositoryError, ValueError):
        return False
    return True


def _differ(one: Root | Targets, other: Root | Targets) -> bool:
    """Return whether two documents say different things, but for version, days and notes."""
    return _sense(one) != _sense(other)


def _sense(signed: Root | Targets) -> dict[str, object]:
    passing = {"version", "expires", WHY, WEAKENED}
    return {name: value for name, value in signed.to_dict().items() if name not in passing}


def _next(
    signed: Root | Targets, version: int, expires: datetime, notes: Mapping[str, str]
) -> Document:
    fresh = copy.deepcopy(signed)
    fresh.version, fresh.expires = version, expires
    for name in (WHY, WEAKENED):
        fresh.unrecognized_fields.pop(name, None)
    fresh.unrecognized_fields.update(notes)
    return Metadata(fresh)
