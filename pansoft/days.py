# SPDX-License-Identifier: BSD-3-Clause
"""Days, and spans of time, on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.errors import UserError

_SPAN = re.compile(r"([0-9]{1,4})\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


def moment_of(day: str) -> datetime:
    """Return when a day begins, in UTC.

    Raises:
        UserError: there is no such day.
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as err:
        raise UserError(f"'{day}' is not a day", hint="for example: 2026-12-31") from err


def span_of(text: str) -> timedelta:
    """Return how long a text says: `12h`, `30d`, `8w`.

    Raises:
        UserError: it says nothing of the kind.
    """
    if match := _SPAN.fullmatch(text.strip()):
        return timedelta(hours=int(match[1]) * _HOURS[match[2]])
    raise UserError(f"'{text}' is not an age", hint="write it like 12h, 30d or 8w")
