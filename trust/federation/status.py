# SPDX-License-Identifier: BSD-3-Clause
"""How the federation stands: who holds what, until when it counts, what waits, what to be alarmed about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tuf.api.metadata import Metadata

from trust.federation import ceremony, names
from trust.federation.documents import Agreed, Document, Proposal
from trust.federation.keys import facility_of
from trust.federation.rules import charter_of

_LOSABLE = ("root", names.CORE)
_ONLINE = ("snapshot", "timestamp")
_SHORT = timedelta(days=1)
"""How long before their end the roles of the pipeline alarm: they live for days only."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A facility and the id of its key in a role."""

    facility: str
    key: str


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """A role of the federation; version and end are None where nothing of it is known here."""

    role: str
    threshold: int
    holders: tuple[Holder, ...]
    version: int | None
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """Every role, what waits for signatures (its id and whose), alarms and advice in words."""

    roles: tuple[RoleStatus, ...]
    proposal: str | None
    needs: tuple[ceremony.Need, ...]
    alarms: tuple[str, ...]
    advice: tuple[str, ...]


def status_of(
    agreed: Agreed,
    proposal: Proposal | None,
    *,
    published: Mapping[str, bytes],
    at: datetime,
    warn: timedelta,
) -> Status:
    """Return how the federation stands.

    Args:
        agreed: what is in force.
        proposal: what waits for signatures.
        published: the files of `trust/federation` as they are published; none where nobody looked.
        at: now.
        warn: how long before an end there is an alarm.
    """
    roles = _roles(agreed, published)
    needs = ceremony.needs(agreed, proposal) if proposal else ()
    return Status(
        roles,
        proposal.id if proposal else None,
        needs,
        tuple(_alarms(roles, at=at, warn=warn)),
        tuple(_advice(roles)),
    )


def alarms_of(
    agreed: Agreed, published: Mapping[str, bytes], *, at: datetime, warn: timedelta
) -> tuple[str, ...]:
    """Return what of the federation has expired or is about to, in words."""
    return tuple(_alarms(_roles(agreed, published), at=at, warn=warn))


def _roles(agreed: Agreed, published: Mapping[str, bytes]) -> tuple[RoleStatus, ...]:
    charter = charter_of(agreed)
    shown = _published(published)
    return tuple(
        RoleStatus(
            role,
            held.threshold,
            tuple(Holder(facility_of(key), key.keyid) for key in charter.keys_of(role)),
            *_life(agreed, shown, role),
        )
        for role, held in charter.roles().items()
    )


def _life(
    agreed: Agreed, shown: Mapping[str, Document], role: str
) -> tuple[int | None, datetime | None]:
    document: Document | None = shown.get(role)
    if role in {"root", "targets"} or role in agreed.lists:
        document = agreed.document(role)
    if document is None:
        return None, None
    return document.signed.version, document.signed.expires


def _published(files: Mapping[str, bytes]) -> dict[str, Document]:
    """Return the newest document of each role."""
    found: dict[str, Document] = {}
    for name in sorted(files):
        role = name.removesuffix(".json").rsplit(".", 1)[-1]
        document: Document = Metadata.from_bytes(files[name])
        if role not in found or found[role].signed.version < document.signed.version:
            found[role] = document
    return found


def _alarms(roles: tuple[RoleStatus, ...], *, at: datetime, warn: timedelta) -> Iterator[str]:
    for role in roles:
        ahead = min(warn, _SHORT) if role.role in _ONLINE else warn
        if role.expires is not None and role.expires <= at:
            yield f"{role.role} {role.version} has expired on {role.expires:%Y-%m-%d}"
        elif role.expires is not None and role.expires <= at + ahead:
            yield f"{role.role} {role.version} expires on {role.expires:%Y-%m-%d}: {_mend(role.role)}"


def _advice(roles: tuple[RoleStatus, ...]) -> Iterator[str]:
    for role in roles:
        if role.role in _LOSABLE and len(role.holders) == role.threshold:
            yield (
                f"{role.role}: all {role.threshold} keys have to sign, so one that is lost ends it; "
                f"give another facility a key: pansoft trust delegate {role.role}"
            )


def _mend(role: str) -> str:
    match role:
        case "root" | "targets":
            return "pansoft trust rotate --renew"
        case "snapshot" | "timestamp":
            return "pansoft apply"
        case _:
            return f"pansoft trust offer {role}"
