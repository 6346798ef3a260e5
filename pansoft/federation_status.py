# SPDX-License-Identifier: BSD-3-Clause
"""How the federation stands, for `pansoft trust status`: in words and in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from builder.state import State
from core.canonical import Json
from cvmfs.errors import WhitelistExpired
from pansoft import federation
from pansoft.ceremonies import need_json, need_lines
from pansoft.context import Context
from trust.codec import to_json
from trust.federation.documents import load_agreed, load_proposal
from trust.federation.status import RoleStatus, Status, status_of


def look(context: Context, *, at: datetime, warn_days: int) -> Status | None:
    """Return how the federation stands, or None where this project is in none.

    Raises:
        Refused: what is agreed or published does not verify.
    """
    folder = federation.folder_of(context.policy)
    agreed = load_agreed(folder)
    if agreed is None:
        return None
    try:
        published = federation.published_files(State(context.state), at=at)
    except WhitelistExpired:  # which is an alarm of its own; the rest is known all the same
        published = {}
    return status_of(
        agreed,
        load_proposal(folder),
        published=published,
        at=at,
        warn=timedelta(days=warn_days),
    )


def as_json(status: Status) -> Json:
    """Return the JSON of it."""
    return {
        "roles": [_role_json(role) for role in status.roles],
        "proposal": status.proposal,
        "needs": [need_json(need) for need in status.needs],
        "alarms": list(status.alarms),
        "advice": list(status.advice),
    }


def lines(status: Status) -> Iterator[str]:
    """Yield it in words: each role with its keys and its end, what waits, alarms, advice."""
    yield "federation"
    for role in status.roles:
        yield f"  {role.role}: {role.threshold} of {len(role.holders)} sign{_life(role)}"
        yield from (f"    {holder.key[:8]}  {holder.facility}" for holder in role.holders)
    if status.proposal is not None:
        yield f"waiting for signatures: {status.proposal}"
        yield from (f"  {line}" for line in need_lines(status.needs))
        yield "  read it: pansoft trust sign-metadata"
    yield from (f"ALARM: {each}" for each in status.alarms)
    yield from (f"advice: {each}" for each in status.advice)


def _life(role: RoleStatus) -> str:
    if role.expires is None:
        return "; nothing of it is published yet"
    return f"; version {role.version} counts until {role.expires:%Y-%m-%d}"


def _role_json(role: RoleStatus) -> Json:
    return {
        "role": role.role,
        "threshold": role.threshold,
        "keys": [{"facility": each.facility, "id": each.key} for each in role.holders],
        "version": role.version,
        "expires": to_json(role.expires),
    }
