# SPDX-License-Identifier: BSD-3-Clause
"""What no charter may be, whoever signs it; asked of every proposal, by who makes it and by who signs it.

1. The root, and who speaks for what, need two facilities at least, and so does `core`.
2. A threshold counts facilities: in these roles each has one key. It is never more than there are keys.
3. Every key has a facility's name and keeps it. No key stands in two names; the online key is nobody's.
4. A namespace is delegated for its own paths only, and ends there; so no two of them overlap.
5. A threshold goes down only with a reason, which is written into the document that is signed.
6. Versions count up by one. Nothing is signed that has expired or lives longer than its limit.
7. A list holds files of its own namespace only.
8. Names and reasons are plain text: who signs reads them on a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from core.errors import Refused
from trust.federation import names
from trust.federation.charter import Charter
from trust.federation.documents import ROOT, TARGETS, Agreed, Proposal
from trust.federation.keys import FACILITY, ONLINE, facility_of

WEAKENED = "x-pansoft-weakened"
"""The field of a document that says why one of its thresholds was lowered."""

WHY = "x-pansoft-why"
"""The field of a document that says what its change was for."""

TOGETHER = (Root.type, Targets.type, names.CORE)
LONGEST = timedelta(days=400)
_LONGEST_TEXT = 300
_ONLINE_ROLES = ("snapshot", "timestamp")


def charter_of(agreed: Agreed) -> Charter:
    """Return the charter in force."""
    return Charter(agreed.root, agreed.targets.signed)


def charter_after(agreed: Agreed | None, proposal: Proposal) -> Charter:
    """Return the charter as it will be.

    Raises:
        Refused: a founding lacks one of its documents.
    """
    root = proposal.documents.get(ROOT)
    targets = proposal.documents.get(TARGETS)
    if agreed is not None:
        return Charter(
            root.signed if root else agreed.root,
            targets.signed if targets else agreed.targets.signed,
        )
    if root is None or targets is None:
        raise Refused("a federation is founded by a root and targets together")
    return Charter(root.signed, targets.signed)


def check(agreed: Agreed | None, proposal: Proposal, *, at: datetime) -> None:
    """Refuse a proposal that no facility should sign.

    Raises:
        Refused: with the first fault, and how many there are.
    """
    after = charter_after(agreed, proposal)
    found = [
        *_of_texts(proposal),
        *_of_charter(after),
        *_of_lists(after, proposal),
        *_of_versions(agreed, proposal),
        *_of_days(proposal, at),
    ]
    if agreed is not None:
        found += _of_other_names(charter_of(agreed), after)
        found += _of_weakening(charter_of(agreed), after, proposal)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise Refused(
            f"the proposal is refused: {found[0]}{more}",
            hint="take it back with: pansoft trust sign-metadata --withdraw, and propose another",
        )


def weakenings(before: Charter, after: Charter) -> tuple[str, ...]:
    """Return, in words, every threshold that goes down."""
    old, new = before.roles(), after.roles()
    return tuple(
        f"{role} needs {new[role].threshold} signatures in place of {old[role].threshold}"
        for role in sorted(old.keys() & new.keys())
        if new[role].threshold < old[role].threshold
    )


def _of_charter(charter: Charter) -> Iterator[str]:
    yield from _of_keys(charter)
    if charter.root.consistent_snapshot is not True:
        yield "without consistent snapshots a reader may see two states mixed"
    if charter.targets.targets:
        yield "the top targets list files; only namespaces do"
    for role, held in charter.roles().items():
        holders = Counter(facility_of(key).casefold() for key in charter.keys_of(role))
        if role in TOGETHER:
            if held.threshold < 2:
                yield f"{role} needs two facilities at least, not {held.threshold}"
            for name in sorted(name for name, count in holders.items() if count > 1):
                yield f"{name} has two keys in {role}, so that it could sign for two facilities"
        if held.threshold > len(held.keyids):
            yield f"{role} needs {held.threshold} signatures, but has {len(held.keyids)} keys"
    if charter.roles()[ROOT].keyids != charter.roles()[TARGETS].keyids:
        yield "who holds the root and who says who speaks for what are not the same"
    for name, delegated in charter.namespaces.items():
        own = list(names.patterns(name))
        if delegated.paths != own or delegated.path_hash_prefixes or not delegated.terminating:
            yield f"{name} is delegated for more than its own paths, {', '.join(own)}"
    if names.CORE not in charter.namespaces:
        yield f"the namespace {names.CORE} is gone"


def _of_keys(charter: Charter) -> Iterator[str]:
    holder: dict[str, str] = {}
    for role, key in charter.all_keys():
        name = key.unrecognized_fields.get(FACILITY)
        if not isinstance(name, str) or not name.strip():
            yield f"the key {key.keyid[:8]} in {role} is nobody's"
            continue
        if not _is_plain(name):
            yield f"{name!r} is not a facility's name"
        value = _value(key)
        if holder.setdefault(value, name) != name:
            yield f"one key stands in the names of {holder[value]} and of {name}"
        if (name == ONLINE) != (role in _ONLINE_ROLES):
            yield f"the key of {name} has no place in {role}"


def _of_lists(charter: Charter, proposal: Proposal) -> Iterator[str]:
    for role, document in proposal.documents.items():
        if role in {ROOT, TARGETS}:
            continue
        delegated = charter.namespaces.get(role)
        if delegated is None:
            yield f"{role!r} is no namespace"
            continue
        for path in document.signed.targets:
            if not delegated.is_delegated_path(path) or not _is_plain(path):
                yield f"{role} lists {path!r}, which is not its own"


def _of_texts(proposal: Proposal) -> Iterator[str]:
    for role, document in proposal.documents.items():
        for field in (WHY, WEAKENED):
            text = document.signed.unrecognized_fields.get(field, "")
            if not isinstance(text, str) or (text and not _is_plain(text)):
                yield f"the reason in {role} is not plain text"


def _of_versions(agreed: Agreed | None, proposal: Proposal) -> Iterator[str]:
    for role, document in proposal.documents.items():
        if agreed is None or (role not in {ROOT, TARGETS} and role not in agreed.lists):
            continue  # a first version; the repository may have seen higher ones of a namespace
        old = agreed.document(role).signed.version
        if document.signed.version != old + 1:
            yield f"{role} {document.signed.version} does not follow {role} {old}"


def _of_days(proposal: Proposal, at: datetime) -> Iterator[str]:
    for role, document in proposal.documents.items():
        expires = document.signed.expires
        if expires <= at:
            yield f"{role} {document.signed.version} has expired on {expires:%Y-%m-%d} already"
        elif expires > at + LONGEST:
            yield f"{role} would count until {expires:%Y-%m-%d}; {LONGEST.days} days are the limit"


def _of_other_names(before: Charter, after: Charter) -> Iterator[str]:
    had = {_value(key): facility_of(key) for _, key in before.all_keys()}
    for name, held_by in {(_value(key), facility_of(key)) for _, key in after.all_keys()}:
        if had.get(name, held_by) != held_by:
            yield f"a key of {had[name]} would become one of {held_by}"


def _of_weakening(before: Charter, after: Charter, proposal: Proposal) -> Iterator[str]:
    said = any(
        isinstance(reason := document.signed.unrecognized_fields.get(WEAKENED), str)
        and reason.strip()
        for document in proposal.documents.values()
    )
    if not said:
        yield from (
            f"{each}, and nobody says why (--weaken REASON)" for each in weakenings(before, after)
        )


def _is_plain(text: str) -> bool:
    return text.isprintable() and text == text.strip() and 0 < len(text) <= _LONGEST_TEXT


def _value(key: Key) -> str:
    """Return what makes a key the key it is; ids are given, not made, and may differ."""
    return f"{key.keytype} {sorted(key.keyval.items())}"
