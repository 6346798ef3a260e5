# SPDX-License-Identifier: BSD-3-Clause
"""`.cvmfs_status.json`: when a repository was last collected, or a replica updated, for monitors to see.

The fields and the form of their dates, that of `date --utc`, are the genuine server's (`update_repo_status`
in server/cvmfs_server_util.sh).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

from core.canonical import readable_json
from cvmfs.errors import NotFound
from cvmfs.storage.storage import Storage

STATUS = ".cvmfs_status.json"
_WRITTEN = "%a %b %e %H:%M:%S UTC %Y"
_READ = "%a %b %d %H:%M:%S UTC %Y"  # takes a day of one digit, too


def note(storage: Storage, what: Literal["last_gc", "last_snapshot"], at: datetime) -> None:
    """Write when something was done last; other fields of the status stay."""
    try:
        facts = dict(json.loads(storage.get(STATUS)))
    except (NotFound, ValueError, TypeError):
        facts = {}
    storage.replace(STATUS, readable_json({**facts, what: status_date(at)}).encode())


def status_date(at: datetime) -> str:
    """Return a time as the status has it."""
    return at.astimezone(UTC).strftime(_WRITTEN)


def status_time(text: str) -> datetime | None:
    """Return the time that a date of the status is; None if it is none."""
    try:
        return datetime.strptime(text.strip(), _READ).replace(tzinfo=UTC)
    except ValueError:
        return None
