# SPDX-License-Identifier: BSD-3-Clause
"""What a proposal changes, in words: read from the documents themselves, whoever wrote them.

A person who signs once a year must see what the signature does and not what somebody says it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from securesystemslib.signer import Key
from tuf.api.metadata import Targets

from trust.federation.charter import Charter
from trust.federation.documents import ROOT, TARGETS, Agreed, Document, Proposal
from trust.federation.keys import facility_of
from trust.federation.rules import WEAKENED, WHY, charter_after, charter_of, weakenings


def in_words(agreed: Agreed | None, proposal: Proposal) -> tuple[str, ...]:
    """Return every change, a sentence each; the reasons that are written into it come first."""
    after = charter_after(agreed, proposal)
    before = charter_of(agreed) if agreed else None
    return (
        *_reasons(proposal),
        *(f"WEAKER: {each}" for each in (weakenings(before, after) if before else ())),
        *_roles(before, after),
        *_lists(agreed, proposal),
        *_days(agreed, proposal),
    )


def afterwards(agreed: Agreed | None, proposal: Proposal) -> tuple[str, ...]:
    """Return who has which say when it is in force, a line for each role.

    The whole of it, because changes alone say nothing to somebody who was shown another beginning.
    """
    after = charter_after(agreed, proposal)
    lines = []
    for role, held in after.roles().items():
        keys = sorted((facility_of(key), key.keyid[:8]) for key in after.keys_of(role))
        names = ", ".join(f"{holder} {key_id}" for holder, key_id in keys)
        lines.append(f"{role}: {held.threshold} of {names}")
    return tuple(lines)


def _reasons(proposal: Proposal) -> Iterator[str]:
    fields = [document.signed.unrecognized_fields for document in proposal.documents.values()]
    for label, name in (("for", WHY), ("weakened because", WEAKENED)):
        for reason in dict.fromkeys(str(each[name]) for each in fields if name in each):
            yield f"{label}: {reason}"


def _roles(before: Charter | None, after: Charter) -> Iterator[str]:
    old = before.roles() if before else {}
    new = after.roles()
    for role in sorted(old.keys() | new.keys(), key=lambda each: (each in old, each)):
        if role not in new:
            yield f"{role}/ is delegated to nobody any more: what it lists counts no longer"
            continue
        if role not in old and role in after.namespaces:
            yield f"{role}/ is a namespace"
        had = {key.keyid: key for key in before.keys_of(role)} if before and role in old else {}
        has = {key.keyid: key for key in after.keys_of(role)}
        for holder, key_id in _holders(has, without=had):
            yield f"{role}: + key {key_id[:8]} of {holder}"
        for holder, key_id in _holders(had, without=has):
            yield f"{role}: - key {key_id[:8]} of {holder}"
        if role not in old:
            yield f"{role}: {new[role].threshold} of {len(has)} sign"
        elif old[role].threshold != new[role].threshold or had.keys() != has.keys():
            before_that = f"{old[role].threshold} of {len(had)}"
            yield f"{role}: {new[role].threshold} of {len(has)} sign, {before_that} before"


def _holders(keys: Mapping[str, Key], *, without: Mapping[str, Key]) -> list[tuple[str, str]]:
    return sorted(
        (facility_of(key), key_id) for key_id, key in keys.items() if key_id not in without
    )


def _lists(agreed: Agreed | None, proposal: Proposal) -> Iterator[str]:
    for role, document in proposal.documents.items():
        if role in {ROOT, TARGETS}:
            continue
        before = agreed.lists.get(role) if agreed else None
        yield from _list(role, before.signed if before else None, document)


def _list(role: str, before: Targets | None, document: Document) -> Iterator[str]:
    old, new = (before.targets if before else {}), document.signed.targets
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            yield f"- {path}"
        elif path not in old:
            yield f"+ {path}  {new[path].length} bytes, sha256 {new[path].hashes.get('sha256')}"
        elif old[path] != new[path]:
            yield f"~ {path}  now {new[path].length} bytes, sha256 {new[path].hashes.get('sha256')}"
    if old == new:
        yield f"{role}: the same {len(new)} files, to be signed by those who count now"


def _days(agreed: Agreed | None, proposal: Proposal) -> Iterator[str]:
    for role, document in proposal.documents.items():
        signed = document.signed
        yield f"{role} {signed.version} counts until {signed.expires:%Y-%m-%d}"
    if agreed is not None:
        yield (
            f"if nobody signs: root {agreed.root.version} counts until {agreed.root.expires:%Y-%m-%d},"
            f" the delegations until {agreed.targets.signed.expires:%Y-%m-%d}; then no site accepts"
            " anything of the federation"
        )
