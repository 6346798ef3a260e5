# SPDX-License-Identifier: BSD-3-Clause
"""Until when clients take the repository, by its whitelist: a part of `pansoft trust status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from builder.state import State
from core.canonical import Json
from core.errors import UserError
from pansoft import embedded, target
from trust.codec import to_json

MOST_AHEAD = timedelta(days=9)
"""How long before its end there is an alarm at the most. A whitelist lives for a month, and `pansoft apply`
renews it when ten days are left: what is told earlier mends itself."""

_ANY_TIME = datetime.min.replace(tzinfo=UTC)  # one that has expired is read like any other


@dataclass(frozen=True, slots=True)
class WhitelistStatus:
    """Until when the whitelist of a repository counts, None where nobody can read it, and the alarm."""

    repository: str
    expires: datetime | None
    alarm: str | None = None


def look(state: State, *, at: datetime, within: timedelta) -> WhitelistStatus | None:
    """Return how the whitelist of the state's repository stands, or None where there is no repository.

    It is read from where publishing goes and verified by the public key. One that cannot be read is an alarm:
    nobody knows when it ends.

    Args:
        state: whose repository.
        at: now.
        within: how long before its end there is an alarm; longer than `MOST_AHEAD` counts as that.
    """
    name = target.fqrn(state)
    try:
        if not target.exists(state):
            return None
        with target.read(state, at=_ANY_TIME) as reader:
            ends = reader.whitelist.expires
    except UserError as err:
        return WhitelistStatus(name, None, f"the whitelist of {name} cannot be read: {err.message}")
    if ends > at + min(within, MOST_AHEAD):
        return WhitelistStatus(name, ends)
    said = "has expired, clients refuse the repository since" if ends <= at else "expires on"
    alarm = f"the whitelist of {name} {said} {ends:%Y-%m-%d %H:%M} UTC: {_mend(state, name)}"
    return WhitelistStatus(name, ends, alarm)


def lines(status: WhitelistStatus) -> Iterator[str]:
    """Yield it in words."""
    if status.expires is not None and status.alarm is None:
        yield f"the whitelist of {status.repository} is good until {status.expires:%Y-%m-%d %H:%M} UTC"
    if status.alarm is not None:
        yield f"ALARM: {status.alarm}"


def as_json(status: WhitelistStatus) -> Json:
    """Return the JSON of it."""
    return {
        "repository": status.repository,
        "expires": to_json(status.expires),
        "alarm": status.alarm,
    }


def _mend(state: State, name: str) -> str:
    if not target.is_ours(state):
        return f"cvmfs_server resign {name}, on its Stratum 0 or where its master key is"
    master_key = embedded.keys_folder(state) / f"{name}.masterkey"
    if master_key.is_file():
        return f"pansoft repo resign, with {master_key}"
    return f"pansoft repo resign, where {master_key.name} is kept: it is not in {master_key.parent}"
