# SPDX-License-Identifier: BSD-3-Clause
"""Days on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from core.errors import UserError


def moment_of(day: str) -> datetime:
    """Return when a day begins, in UTC.

    Raises:
        UserError: there is no such day.
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as err:
        raise UserError(f"'{day}' is not a day", hint="for example: 2026-12-31") from err
